// Segmentations and maps over the frames of a series: fetched when they are shown, drawn in their
// colours, with a list of segments to switch, one strength for all, and a way to where they are.

import { keepChoice, wasOn } from "./remembered.js";

const EDGE = 255;
const INSIDE = 80;
const MAX_PAINTED = 400; // planes kept as pictures

/** Attach the layers to a viewport, where the stage says where they are. */
export function attachLayers(viewer, viewport) {
  const stage = viewer.querySelector("[data-overlays]");
  const panel = viewer.querySelector("[data-layers]");
  if (stage && panel) new Layers(viewer, viewport, stage.dataset.overlays, panel).list();
}

class Layers {
  constructor(viewer, viewport, url, panel) {
    this.viewport = viewport;
    this.url = url;
    this.panel = panel;
    this.tool = viewer.querySelector('[data-tool="layers"]');
    this.body = panel.querySelector("[data-layers-list]");
    this.strength = panel.querySelector("[data-layers-strength]");
    this.overlays = [];
    this.painted = new Map(); // "uid|segment|place" -> canvas, the least used first
    this.isShown = false;
    viewport.display.layers.push((context, place) => this.draw(context, place));
    this.tool.addEventListener("click", () => this.choose());
    this.strength.addEventListener("input", () => viewport.display.draw());
    for (const kind of ["pointerdown", "dblclick", "wheel"])
      panel.addEventListener(kind, (event) => event.stopPropagation());
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.closest("select, dialog, textarea, input:not([type=range])");
      if (event.key !== "l" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
      if (!this.tool.disabled) this.choose();
    });
  }

  async list() {
    const response = await fetch(this.url, { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    const { overlays } = await response.json();
    if (!overlays.length) return;
    this.overlays = overlays.map((one) => ({ ...one, isOn: false, state: "listed" }));
    this.tool.disabled = false;
    this.body.replaceChildren(...this.overlays.map((one) => this.group(one)));
    this.first = this.overlays.find((one) => !one.is_map) ?? this.overlays[0];
    this.toggle(wasOn("layers", true));
  }

  choose() {
    this.toggle(!this.isShown);
    keepChoice("layers", this.isShown);
  }

  toggle(isShown) {
    this.isShown = isShown;
    // Nothing is fetched before it is looked at.
    if (isShown && this.first) this.switchOverlay(this.first, true);
    if (isShown) this.first = null;
    this.tool.setAttribute("aria-pressed", String(isShown));
    this.panel.hidden = !isShown;
    this.viewport.display.draw();
  }

  // ---- the list ----------------------------------------------------------------------------
  group(overlay) {
    const group = element("section", "layer");
    const title = element("label", "layer-title");
    overlay.box = checkbox(overlay.isOn);
    overlay.box.addEventListener("change", () => this.switchOverlay(overlay, overlay.box.checked));
    title.append(overlay.box, element("span", "truncate", overlay.title));
    title.title = overlay.title;
    overlay.notice = element("p", "layer-notice");
    overlay.notice.hidden = true;
    const items = element("ul", "layer-segments");
    overlay.hidden = new Set();
    items.append(...overlay.segments.map((segment) => this.segmentItem(overlay, segment)));
    group.append(title, items, overlay.notice);
    // What a program drew is told from what a person did.
    if (overlay.is_automatic)
      title.after(element("p", "layer-notice", this.panel.dataset.automatic));
    return group;
  }

  segmentItem(overlay, segment) {
    const item = element("li");
    const choice = element("label", "layer-segment");
    const box = checkbox(true);
    box.addEventListener("change", () => {
      if (box.checked) overlay.hidden.delete(segment.number);
      else overlay.hidden.add(segment.number);
      if (box.checked && !overlay.isOn) this.switchOverlay(overlay, true);
      this.viewport.display.draw();
    });
    const swatch = element("span", "layer-swatch");
    swatch.style.background = `rgb(${segment.colour.join(" ")})`;
    choice.append(box, swatch, element("span", "truncate", segment.label));
    const jump = element("button", "layer-jump", "→");
    jump.type = "button";
    jump.title = jump.ariaLabel = `${this.panel.dataset.jump} ${segment.label}`;
    jump.addEventListener("click", () => this.jump(overlay, segment.number));
    item.append(choice, jump);
    return item;
  }

  async switchOverlay(overlay, isOn) {
    overlay.isOn = overlay.box.checked = isOn;
    if (isOn && overlay.state === "listed") await this.fetch(overlay);
    this.viewport.display.draw();
  }

  async jump(overlay, number) {
    if (!overlay.isOn) await this.switchOverlay(overlay, true);
    const count = new Map();
    for (const [key, planes] of overlay.byFrame ?? [])
      for (const plane of planes)
        if (plane.segment === number) count.set(key, plane.width * plane.height);
    // Where there is most of it.
    const [best] = [...count].sort((one, two) => two[1] - one[1])[0] ?? [];
    const at = this.viewport.frames.findIndex((one) => `${one.uid}|${one.frame}` === best);
    if (at >= 0) this.viewport.show(at);
  }

  // ---- what is drawn -----------------------------------------------------------------------
  async fetch(overlay) {
    overlay.state = "loading";
    tell(overlay, this.panel.dataset.loading);
    try {
      const response = await fetch(overlay.url);
      if (!response.ok) throw new Error((await response.json()).detail);
      read(overlay, await response.arrayBuffer());
      overlay.state = "ready";
      tell(overlay, overlay.byFrame.size ? "" : this.panel.dataset.elsewhere);
    } catch (error) {
      overlay.state = "failed";
      tell(overlay, `${this.panel.dataset.failed} ${error.message ?? ""}`);
    }
  }

  draw(context, { left, top, width }) {
    if (!this.isShown) return;
    const { frame, display } = this.viewport;
    const key = `${frame.uid}|${frame.frame}`;
    const step = frame.columns ? width / frame.columns : display.place().scale;
    context.imageSmoothingEnabled = step < 2;
    context.globalAlpha = Number(this.strength.value) / 100;
    for (const overlay of this.overlays) {
      if (!overlay.isOn || !overlay.byFrame) continue;
      for (const plane of overlay.byFrame.get(key) ?? []) {
        if (overlay.hidden.has(plane.segment)) continue;
        const picture = this.picture(overlay, plane);
        const [x, y] = [left + plane.x * step, top + plane.y * step];
        context.drawImage(picture, x, y, plane.width * step, plane.height * step);
      }
    }
    context.globalAlpha = 1;
  }

  picture(overlay, plane) {
    const key = `${overlay.uid}|${plane.at}`;
    let picture = this.painted.get(key);
    if (!picture) picture = paint(overlay, plane);
    else this.painted.delete(key);
    this.painted.set(key, picture);
    if (this.painted.size > MAX_PAINTED) this.painted.delete(this.painted.keys().next().value);
    return picture;
  }
}

/** Take an answer apart: a length, a header in JSON, planes one after the other. */
function read(overlay, buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  overlay.bits = header.bits;
  overlay.byFrame = new Map();
  overlay.colours = new Map(overlay.segments.map((one) => [one.number, one.colour]));
  for (const [at, plane] of header.planes.entries()) {
    const [place, segment, x, y, width, height, offset] = plane;
    const key = header.frames[place].join("|");
    if (!overlay.byFrame.has(key)) overlay.byFrame.set(key, []);
    const size = header.bits === 1 ? Math.ceil((width * height) / 8) : width * height;
    const content = new Uint8Array(buffer, 4 + length + offset, size);
    overlay.byFrame.get(key).push({ at, segment, x, y, width, height, content });
  }
}

function paint(overlay, plane) {
  const { width, height } = plane;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  if (overlay.bits === 1) paintBits(image.data, plane, overlay.colours.get(plane.segment));
  else if (overlay.is_map) paintHeat(image.data, plane.content);
  else paintShares(image.data, plane.content, overlay.colours.get(plane.segment));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A structure: its edge in full colour, the picture seen through its inside. */
function paintBits(data, { content, width, height }, colour = [255, 255, 255]) {
  const isIn = (x, y) => {
    if (x < 0 || y < 0 || x >= width || y >= height) return false;
    const at = y * width + x;
    return Boolean(content[at >> 3] & (1 << (at & 7)));
  };
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      if (!isIn(x, y)) continue;
      const isInside = isIn(x - 1, y) && isIn(x + 1, y) && isIn(x, y - 1) && isIn(x, y + 1);
      data.set([...colour, isInside ? INSIDE : EDGE], (y * width + x) * 4);
    }
}

function paintShares(data, content, colour = [255, 255, 255]) {
  content.forEach((value, at) => data.set([...colour, value * 0.7], at * 4));
}

/** From amber to red, see-through where it is cold. */
function paintHeat(data, content) {
  content.forEach((value, at) => {
    const strength = value / 255;
    const alpha = 190 * Math.max(0, (strength - 0.1) / 0.9);
    data.set([255, 190 * (1 - strength), 30, alpha], at * 4);
  });
}

function tell(overlay, words) {
  overlay.notice.textContent = words;
  overlay.notice.hidden = !words;
}

function checkbox(isChecked) {
  const box = element("input");
  box.type = "checkbox";
  box.checked = isChecked;
  return box;
}

function element(kind, name = "", words = "") {
  const made = document.createElement(kind);
  if (name) made.className = name;
  if (words) made.textContent = words;
  return made;
}
