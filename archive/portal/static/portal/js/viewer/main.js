// The frame viewer: one viewport with its counters, tools, presets and keys.
import { attachCropping } from "./cropping.js";
import { attachFilmstrip } from "./filmstrip.js";
import { DRAGS, attachHands, frameAsked, play } from "./hands.js";
import { listFrames } from "./frames.js";
import { attachLayers } from "./layers.js";
import { Viewport } from "./viewport.js";

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
  const wanted = new URLSearchParams(location.search);
  const viewport = new Viewport(stage, document.getElementById("frame"), data, {
    start: frameAsked(frames, wanted.get("instance"), wanted.get("frame")),
  });
  let stop = null;
  let countdown = 0;

  viewport.addEventListener("show", onShow);
  viewport.addEventListener("paint", onPaint);
  viewport.addEventListener("view", onView);
  viewport.addEventListener("window", onWindow);
  viewport.addEventListener("loaded", () =>
    loaded.setAttribute("width", `${(viewport.store.loadedShare() * 100).toFixed(1)}%`),
  );
  // Tools of other pages take hold of the viewport before its hands do.
  viewer.dispatchEvent(new CustomEvent("viewport", { detail: viewport }));
  attachLayers(viewer, viewport);
  attachCropping(viewer, viewport);
  attachFilmstrip(viewer, viewport);
  attachHands(viewport);
  scrub.max = String(frames.length);
  viewport.show(viewport.index);
  stage.focus({ preventScroll: true });

  function onShow() {
    const { index } = viewport;
    scrub.value = String(index + 1);
    scrub.setAttribute("aria-valuetext", interpolate(gettext("Frame %(place)s of %(total)s"), { place: index + 1, total: frames.length }, true));
    fields.counter.textContent = `${index + 1} / ${frames.length}`;
    // Facts of a frame passed in a scroll are not worth a request.
    clearTimeout(countdown);
    countdown = setTimeout(describe, 90);
  }

  function onPaint() {
    if (viewport.hasFailed) note.textContent = gettext("This frame can’t be displayed.");
    if (viewport.hasFailed || viewport.store.get(viewport.index)) note.hidden = !viewport.hasFailed;
    const { rows, columns } = viewport.frame;
    fields.matrix.textContent = rows ? `${columns} × ${rows}` : "";
    onView();
    onWindow();
  }

  function onView() {
    const { zoom, isInverted } = viewport.display;
    fields.zoom.textContent = zoom === 1 ? "" : `${Math.round(zoom * 100)} %`;
    press("invert", isInverted);
  }

  function onWindow() {
    const { chosen } = viewport;
    fields.window.textContent = chosen ? asText(chosen) : fields.window.dataset.own ?? "";
    if (preset && preset.value !== (chosen ? `${chosen.center},${chosen.width}` : ""))
      preset.value = "";
  }

  const asText = ({ center, width }) => `C ${Math.round(center)}  W ${Math.round(width)}`;

  /** Buttons about the image in hand lead to it. */
  function address() {
    const frame = frames[viewport.index];
    const action = viewer.querySelector("[data-instance-action]");
    if (action) {
      const place = new URL(action.href);
      place.search = "";
      place.searchParams.set("instance", frame.uid);
      if (frame.frames > 1) place.searchParams.set("frame", frame.frame);
      action.href = place;
    }
    const tags = viewer.querySelector("[data-instance-tags]");
    if (tags) {
      const place = new URL(tags.href);
      place.searchParams.set("instance", frame.uid);
      tags.href = place;
    }
  }

  async function describe() {
    const at = viewport.index;
    address();
    const known = await viewport.knownFacts();
    if (at !== viewport.index) return;
    const parts = [];
    const place = known.location ?? known.position?.[2];
    if (place !== undefined && place !== null) parts.push(`Loc ${Number(place).toFixed(1)} mm`);
    if (known.thickness) parts.push(`T ${Number(known.thickness).toFixed(1)} mm`);
    fields.place.textContent = parts.join("  ");
    fields.window.dataset.own = known.width
      ? asText(known)
      : viewport.isColour ? "" : gettext("Auto window");
    onWindow();
  }

  function choosePreset(value) {
    if (preset) preset.value = value;
    if (!value) return viewport.setWindow(null);
    const [center, width] = value.split(",").map(Number);
    viewport.setWindow({ center, width });
  }

  function press(name, isPressed) {
    viewer.querySelector(`[data-tool="${name}"]`)?.setAttribute("aria-pressed", String(isPressed));
  }

  const speed = viewer.querySelector("[data-speed]");
  function playOrPause() {
    if (stop) stop = stop();
    else if (frames.length > 1) stop = play(viewport, Number(speed?.value ?? 15));
    press("play", Boolean(stop));
  }
  speed?.addEventListener("change", () => {
    if (stop) playOrPause();
    playOrPause();
  });

  const drags = [...viewer.querySelectorAll("[data-drag]")];
  function chooseDrag(kind) {
    viewport.dragging = kind;
    stage.dataset.drag = kind;
    for (const one of drags) one.setAttribute("aria-pressed", String(one.dataset.drag === kind));
  }
  for (const one of drags) one.addEventListener("click", () => chooseDrag(one.dataset.drag));

  function followSeries(offset) {
    const all = [...viewer.querySelectorAll(".strip-item")];
    const at = all.findIndex((item) => item.getAttribute("aria-current") === "true");
    all[at + offset]?.click();
  }

  const step = (offset) => viewport.show(viewport.index + offset);
  const tools = {
    invert: () => viewport.invert(),
    "zoom-in": () => viewport.zoomBy(1.25),
    "zoom-out": () => viewport.zoomBy(0.8),
    play: playOrPause,
    overlay: () => {
      const corners = [...viewer.querySelectorAll("[data-overlay]")];
      const isHidden = !corners[0].hidden;
      for (const corner of corners) corner.hidden = isHidden;
      press("overlay", !isHidden);
    },
    reset: () => viewport.reset(),
  };
  scrub.addEventListener("input", () => viewport.show(Number(scrub.value) - 1));
  viewer.addEventListener("click", (event) => {
    const tool = event.target.closest("[data-tool]");
    if (tool) tools[tool.dataset.tool]?.();
  });
  preset?.addEventListener("change", () => {
    choosePreset(preset.value);
    stage.focus({ preventScroll: true });
  });

  const keys = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    j: () => step(1),
    k: () => step(-1),
    PageDown: () => step(10),
    PageUp: () => step(-10),
    Home: () => viewport.show(0),
    End: () => viewport.show(frames.length - 1),
    ArrowRight: () => followSeries(1),
    ArrowLeft: () => followSeries(-1),
    " ": playOrPause,
    "+": tools["zoom-in"],
    "=": tools["zoom-in"],
    "-": tools["zoom-out"],
    i: tools.invert,
    o: tools.overlay,
    r: tools.reset,
    d: () => {
      if (!drags.length) return;
      chooseDrag(DRAGS[(DRAGS.indexOf(viewport.dragging || "window") + 1) % DRAGS.length]);
    },
  };
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const isOnControl = event.target.closest("select, input:not([type=range]), button, a");
      if (isOnControl && event.key === " ") return;
      if (event.target.closest("select, dialog, textarea, input:not([type=range])")) return;
      const digit = Number(event.key);
      if (preset && digit >= 1 && digit < preset.options.length)
        choosePreset(preset.options[digit].value);
      else if (Object.hasOwn(keys, event.key)) keys[event.key]();
      else return;
      event.preventDefault();
    },
    true,
  );
}
