// The compare page: viewports with their counters, the tools above them, the keys.
import { attachHands, frameAsked } from "../viewer/hands.js";
import { listFrames } from "../viewer/frames.js";
import { Viewport } from "../viewer/viewport.js";
import { Linking } from "./linking.js";

// Each of up to four stacks fetches this far ahead.
const AHEAD = 60;
const page = document.getElementById("compare");
const data = JSON.parse(document.getElementById("compare-data").textContent);
const roots = [...page.querySelectorAll("[data-port]")];
const preset = page.querySelector("[data-preset]");
const viewports = [];
let active = null;

roots.forEach((root, at) => {
  const frames = listFrames(data[at]);
  if (frames.length) viewports.push(open(root, data[at], frames));
});
const linking = new Linking(viewports);
const stacks = viewports.map((one) => one.frames.length);
// Stacks of about the same length keep the slices that were found alike beside each other.
setScroll(Math.max(...stacks) > 1.5 * Math.min(...stacks) ? "position" : "slices");
activate(viewports[0]);
active?.stage.focus({ preventScroll: true });

function open(root, stack, frames) {
  const stage = root.querySelector(".stage");
  const { instance, frame } = stack.start;
  const viewport = new Viewport(stage, stage.querySelector("canvas"), stack, {
    start: frameAsked(frames, instance, frame ?? undefined),
    most: AHEAD,
  });
  const scrub = root.querySelector(".port-scrub");
  scrub.max = String(frames.length);
  scrub.disabled = frames.length < 2;
  scrub.addEventListener("input", () => viewport.show(Number(scrub.value) - 1));
  viewport.addEventListener("show", () => tellFrame(root, viewport));
  viewport.addEventListener("paint", () => tellPicture(root, viewport));
  viewport.addEventListener("window", () => tellWindow(root, viewport));
  viewport.addEventListener("view", () => tellPicture(root, viewport));
  attachHands(viewport);
  for (const kind of ["focusin", "pointerdown", "pointerenter"])
    root.addEventListener(kind, () => activate(viewport));
  viewport.root = root;
  viewport.show(viewport.index);
  return viewport;
}

function activate(viewport) {
  if (!viewport) return;
  active = viewport;
  for (const root of roots) root.classList.toggle("is-active", root === viewport.root);
}

function field(root, name) {
  return root.querySelector(`[data-field="${name}"]`);
}

function tellFrame(root, viewport) {
  const { index, frames, frame } = viewport;
  const scrub = root.querySelector(".port-scrub");
  scrub.value = String(index + 1);
  scrub.setAttribute("aria-valuetext", interpolate(gettext("Slice %(place)s of %(total)s"), { place: index + 1, total: frames.length }, true));
  field(root, "counter").textContent = frames.length > 1 ? `${index + 1} / ${frames.length}` : "";
  const link = root.querySelector("[data-viewer]");
  const address = new URL(link.href);
  address.searchParams.set("instance", frame.uid);
  if (frame.frames > 1) address.searchParams.set("frame", frame.frame);
  link.href = address;
}

function tellPicture(root, viewport) {
  const note = root.querySelector("[data-note]");
  note.hidden = !viewport.hasFailed;
  if (viewport.hasFailed) note.textContent = gettext("This frame can’t be displayed.");
  const { zoom, isInverted } = viewport.display;
  field(root, "zoom").textContent = zoom === 1 ? "" : `${Math.round(zoom * 100)} %`;
  if (viewport === active) press("invert", isInverted);
  tellWindow(root, viewport);
}

function tellWindow(root, { chosen }) {
  field(root, "window").textContent = chosen
    ? `C ${Math.round(chosen.center)}  W ${Math.round(chosen.width)}`
    : "";
  if (preset && !chosen) preset.value = "";
}

function press(name, isPressed) {
  page.querySelector(`[data-tool="${name}"]`)?.setAttribute("aria-pressed", String(isPressed));
}

function setScroll(kind) {
  linking.setScroll(kind);
  for (const button of page.querySelectorAll("[data-link]"))
    button.setAttribute("aria-pressed", String(button.dataset.link === kind));
}

function choosePreset(value) {
  if (preset) preset.value = value;
  const [center, width] = value.split(",").map(Number);
  active.setWindow(value ? { center, width } : null);
}

const step = (offset) => active?.show(active.index + offset);
const tools = {
  "link-window": () => press("link-window", (linking.hasWindow = !linking.hasWindow)),
  "link-view": () => press("link-view", (linking.hasView = !linking.hasView)),
  layout: () => {
    const isRow = document.getElementById("ports").classList.toggle("is-row");
    press("layout", isRow);
  },
  overlay: () => {
    const corners = [...page.querySelectorAll("[data-overlay]")];
    const isHidden = !corners[0].hidden;
    for (const corner of corners) corner.hidden = isHidden;
    press("overlay", !isHidden);
  },
  invert: () => {
    const isInverted = !active.display.isInverted;
    for (const one of viewports) if (one.display.isInverted !== isInverted) one.invert();
    press("invert", isInverted);
  },
  reset: () => {
    for (const one of viewports) one.reset();
  },
};
page.addEventListener("click", (event) => {
  const tool = event.target.closest("[data-tool]");
  if (tool) tools[tool.dataset.tool]();
  const link = event.target.closest("[data-link]");
  if (link) setScroll(link.dataset.link);
});
preset?.addEventListener("change", () => {
  choosePreset(preset.value);
  active.stage.focus({ preventScroll: true });
});
// The map compares the slices in sight.
page.addEventListener(
  "click",
  (event) => {
    const why = event.target.closest("[data-likeness-open]");
    if (!why) return;
    const other = viewports.find((one) => one.root.contains(why));
    const name = (side, { frame }) => {
      why.dataset[`${side}Instance`] = frame.uid;
      if (frame.frames > 1) why.dataset[`${side}Frame`] = frame.frame;
    };
    name("query", viewports[0]);
    name("result", other);
  },
  true,
);

// Back to the results as they were left, where the reader comes from them.
page.querySelector("[data-back]").addEventListener("click", (event) => {
  const from = document.referrer ? new URL(document.referrer) : null;
  if (from?.origin !== location.origin || !from.pathname.startsWith("/similar/")) return;
  event.preventDefault();
  history.back();
});

const scrolls = ["position", "slices", ""];
const keys = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  j: () => step(1),
  k: () => step(-1),
  PageDown: () => step(10),
  PageUp: () => step(-10),
  Home: () => active?.show(0),
  End: () => active?.show(active.frames.length - 1),
  "+": () => active?.zoomBy(1.25),
  "=": () => active?.zoomBy(1.25),
  "-": () => active?.zoomBy(0.8),
  l: () => setScroll(scrolls[(scrolls.indexOf(linking.scroll) + 1) % scrolls.length]),
  t: tools["link-window"],
  z: tools["link-view"],
  v: () => roots.length > 3 && tools.layout(),
  o: tools.overlay,
  i: tools.invert,
  r: tools.reset,
  m: () => (active.root.querySelector(".port-why") ?? page.querySelector(".port-why"))?.click(),
};
document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !active) return;
    if (document.querySelector("dialog[open]") || event.target.closest("select")) return;
    const isOnRange = event.target.matches("input[type=range]");
    if (isOnRange && /^(Arrow|Page|Home|End)/.test(event.key)) return;
    const digit = Number(event.key);
    if (preset && digit >= 1 && digit < preset.options.length)
      choosePreset(preset.options[digit].value);
    else if (Object.hasOwn(keys, event.key)) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
