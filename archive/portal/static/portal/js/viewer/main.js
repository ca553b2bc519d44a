// The frame viewer: what hands do, to frames, window and display.
import { Display } from "./display.js";
import { FrameStore, InstanceFacts, listFrames } from "./frames.js";

const data = JSON.parse(document.getElementById("viewer-data").textContent);
const frames = listFrames(data);
if (frames.length) start();

function start() {
  const viewer = document.getElementById("viewer");
  const stage = document.getElementById("stage");
  const scrub = document.getElementById("scrub");
  const loaded = document.getElementById("loaded");
  const note = viewer.querySelector("[data-note]");
  const preset = viewer.querySelector("[data-preset]");
  const fields = Object.fromEntries(
    [...viewer.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field]),
  );
  const isColour = frames.every((frame) => frame.colour);
  const display = new Display(stage, document.getElementById("frame"));
  const facts = new InstanceFacts(data);
  const store = new FrameStore(data, frames, onLoaded);
  let index = indexFromAddress();
  let chosen = null; // {center, width}, or null for the picture's own window
  let shownWindow = null; // of the bitmap in sight
  let sent = "";
  let player = 0;
  let countdown = 0;

  scrub.max = String(frames.length);
  show(index);
  stage.focus({ preventScroll: true });

  function indexFromAddress() {
    const wanted = new URLSearchParams(location.search);
    const at = frames.findIndex(
      (frame) =>
        frame.uid === wanted.get("instance") &&
        String(frame.frame) === (wanted.get("frame") ?? String(frame.frame)),
    );
    return at >= 0 ? at : Math.floor((frames.length - 1) / 2);
  }

  function show(next) {
    index = Math.max(0, Math.min(frames.length - 1, next));
    scrub.value = String(index + 1);
    scrub.setAttribute("aria-valuetext", `Frame ${index + 1} of ${frames.length}`);
    fields.counter.textContent = `${index + 1} / ${frames.length}`;
    const action = viewer.querySelector("[data-instance-action]");
    if (action) {
      const address = new URL(action.href);
      address.search = "";
      address.searchParams.set("instance", frames[index].uid);
      if (frames[index].frames > 1) address.searchParams.set("frame", frames[index].frame);
      action.href = address;
    }
    store.want(index);
    paint();
    // Facts of a frame passed in a scroll are not worth a request.
    clearTimeout(countdown);
    countdown = setTimeout(describe, 90);
  }

  function paint() {
    const bitmap = store.get(index);
    if (bitmap) {
      shownWindow = chosen;
      display.quick = null;
      display.show(bitmap);
      note.hidden = true;
    } else if (store.hasFailed(index)) {
      display.show(null);
      note.textContent = "This frame can’t be displayed.";
      note.hidden = false;
    }
    stage.dataset.ready = bitmap ? "true" : "false";
    const { rows, columns } = frames[index];
    fields.matrix.textContent = rows ? `${columns} × ${rows}` : "";
    fields.zoom.textContent = display.zoom === 1 ? "" : `${Math.round(display.zoom * 100)} %`;
    fields.window.textContent = chosen
      ? `C ${Math.round(chosen.center)}  W ${Math.round(chosen.width)}`
      : fields.window.dataset.own ?? "";
  }

  function onLoaded(at, key) {
    loaded.setAttribute("width", `${(store.loadedShare() * 100).toFixed(1)}%`);
    if (at === index && key === store.key(index)) paint();
  }

  async function describe() {
    const at = index;
    const known = await facts.of(frames[at].uid).catch(() => ({}));
    if (at !== index) return;
    const parts = [];
    const place = known.location ?? known.position?.[2];
    if (place !== undefined && place !== null) parts.push(`Loc ${Number(place).toFixed(1)} mm`);
    if (known.thickness) parts.push(`T ${Number(known.thickness).toFixed(1)} mm`);
    fields.place.textContent = parts.join("  ");
    const own = known.width ? known : null;
    fields.window.dataset.own = own
      ? `C ${Math.round(own.center)}  W ${Math.round(own.width)}`
      : isColour ? "" : "Auto window";
    if (!chosen) fields.window.textContent = fields.window.dataset.own;
  }

  // ---- window ------------------------------------------------------------------------------
  function ownWindow(known) {
    if (known.width) return { center: known.center, width: known.width };
    const range = 2 ** (known.bits ?? 12) * Math.abs(known.slope ?? 1);
    const middle = known.isSigned ? 0 : range / 2;
    return { center: middle + (known.intercept ?? 0), width: range };
  }

  function setWindow(next) {
    chosen = next;
    if (next && shownWindow && display.bitmap) {
      // What was shown as 0..255 under one window, as it is under the other.
      const low = next.center - next.width / 2;
      const shownLow = shownWindow.center - shownWindow.width / 2;
      const slope = shownWindow.width / next.width;
      display.quick = { slope, offset: ((shownLow - low) / next.width) * 255 };
      display.draw();
    }
    sendWindow();
    fields.window.textContent = chosen
      ? `C ${Math.round(chosen.center)}  W ${Math.round(chosen.width)}`
      : fields.window.dataset.own ?? "";
  }

  function sendWindow() {
    const text = chosen ? `${Math.round(chosen.center)},${Math.round(chosen.width)}` : "";
    if (text === sent) return;
    sent = text;
    store.setWindow(text);
    store.want(index);
    const bitmap = store.get(index);
    if (bitmap) paint();
  }

  // The server is asked when the hand rests; the eye is served at once.
  let pending = 0;
  function dragWindow(next) {
    chosen = next;
    const base = shownWindow;
    if (base && display.bitmap) {
      const low = next.center - next.width / 2;
      const baseLow = base.center - base.width / 2;
      display.quick = {
        slope: base.width / next.width,
        offset: ((baseLow - low) / next.width) * 255,
      };
      display.draw();
    }
    fields.window.textContent = `C ${Math.round(next.center)}  W ${Math.round(next.width)}`;
    clearTimeout(pending);
    pending = setTimeout(sendWindow, 110);
  }

  async function beginWindow() {
    if (chosen) return { ...chosen };
    const own = ownWindow(await facts.of(frames[index].uid).catch(() => ({})));
    shownWindow ??= own;
    return own;
  }

  function choosePreset(value) {
    if (preset) preset.value = value;
    if (!value) return setWindow(null);
    const [center, width] = value.split(",").map(Number);
    setWindow({ center, width });
  }

  // ---- hands -------------------------------------------------------------------------------
  const pointers = new Map();
  let drag = null;

  stage.addEventListener("pointerdown", async (event) => {
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    stage.focus({ preventScroll: true });
    const isPan = event.button === 1 || event.button === 2 || event.shiftKey || isColour;
    drag = { kind: isPan ? "pan" : "window", x: event.clientX, y: event.clientY, from: null };
    if (isPan) stage.classList.add("is-panning");
    else drag.from = await beginWindow();
  });

  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId) || !drag) return;
    if (pointers.size === 2) return pinch(event);
    const before = pointers.get(event.pointerId);
    pointers.set(event.pointerId, event);
    if (drag.kind === "pan") {
      display.panBy(event.clientX - before.clientX, event.clientY - before.clientY);
    } else if (drag.from) {
      const step = Math.max(0.25, drag.from.width / 400);
      const width = Math.max(1, drag.from.width + (event.clientX - drag.x) * step);
      const center = drag.from.center + (event.clientY - drag.y) * step;
      if (preset) preset.value = "";
      dragWindow({ center, width });
    }
  });

  function pinch(event) {
    const [first, second] = [...pointers.values()];
    const before = Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY);
    pointers.set(event.pointerId, event);
    const [one, two] = [...pointers.values()];
    const after = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
    const x = (one.clientX + two.clientX) / 2;
    const y = (one.clientY + two.clientY) / 2;
    if (before > 0) display.zoomBy(after / before, x, y);
    drag = { kind: "pan" };
  }

  const letGo = (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) drag = null;
    stage.classList.remove("is-panning");
  };
  stage.addEventListener("pointerup", letGo);
  stage.addEventListener("pointercancel", letGo);
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", () => reset());

  let wheel = 0;
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) {
        display.zoomBy(event.deltaY < 0 ? 1.12 : 1 / 1.12, event.clientX, event.clientY);
        return paint();
      }
      // Mice move in notches, track pads in pixels: both move one frame a notch or 40 pixels.
      wheel += event.deltaMode === 1 ? event.deltaY * 40 : event.deltaY;
      const steps = Math.trunc(wheel / 40);
      if (!steps) return;
      wheel -= steps * 40;
      const most = Math.max(1, Math.round(frames.length / 40));
      show(index + Math.max(-most, Math.min(most, steps)));
    },
    { passive: false },
  );
  scrub.addEventListener("input", () => show(Number(scrub.value) - 1));

  function reset() {
    display.reset();
    display.isInverted = false;
    press("invert", false);
    choosePreset("");
    display.draw();
    paint();
  }

  function press(name, isPressed) {
    viewer.querySelector(`[data-tool="${name}"]`)?.setAttribute("aria-pressed", String(isPressed));
  }

  function play() {
    if (player) {
      clearInterval(player);
      player = 0;
    } else if (frames.length > 1) {
      player = setInterval(() => {
        const next = (index + 1) % frames.length;
        if (store.get(next) || store.hasFailed(next)) show(next);
        else store.want(next);
      }, 1000 / 15);
    }
    press("play", player !== 0);
  }

  function followSeries(offset) {
    const all = [...viewer.querySelectorAll(".strip-item")];
    const at = all.findIndex((item) => item.getAttribute("aria-current") === "true");
    all[at + offset]?.click();
  }

  const tools = {
    invert: () => {
      display.isInverted = !display.isInverted;
      press("invert", display.isInverted);
      display.draw();
    },
    "zoom-in": () => (display.zoomBy(1.25), paint()),
    "zoom-out": () => (display.zoomBy(0.8), paint()),
    play,
    overlay: () => {
      const corners = [...viewer.querySelectorAll("[data-overlay]")];
      const isHidden = !corners[0].hidden;
      for (const corner of corners) corner.hidden = isHidden;
      press("overlay", !isHidden);
    },
    reset,
  };
  viewer.addEventListener("click", (event) => {
    const tool = event.target.closest("[data-tool]");
    if (tool) tools[tool.dataset.tool]();
  });
  preset?.addEventListener("change", () => {
    choosePreset(preset.value);
    stage.focus({ preventScroll: true });
  });

  const keys = {
    ArrowDown: () => show(index + 1),
    ArrowUp: () => show(index - 1),
    j: () => show(index + 1),
    k: () => show(index - 1),
    PageDown: () => show(index + 10),
    PageUp: () => show(index - 10),
    Home: () => show(0),
    End: () => show(frames.length - 1),
    ArrowRight: () => followSeries(1),
    ArrowLeft: () => followSeries(-1),
    " ": play,
    "+": tools["zoom-in"],
    "=": tools["zoom-in"],
    "-": tools["zoom-out"],
    i: tools.invert,
    o: tools.overlay,
    r: reset,
  };
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("select, input:not([type=range]), dialog, button, a") && event.key === " ") return;
      if (event.target.closest("select, dialog")) return;
      const digit = Number(event.key);
      if (preset && digit >= 1 && digit < preset.options.length) choosePreset(preset.options[digit].value);
      else if (Object.hasOwn(keys, event.key)) keys[event.key]();
      else return;
      event.preventDefault();
    },
    true,
  );
}
