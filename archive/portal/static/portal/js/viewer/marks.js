// What models mark on the frames of a series: boxes and heat over the picture, and a list of them
// to go to the frame where they are. Loaded before the viewer, which hands over its viewport.
import { keepChoice, wasOn } from "./remembered.js";

const viewer = document.querySelector("[data-marks]");
const WAIT_MS = 3000;
const WAITS = 60;
// What the program's own models say, in the reader's language.
const WORDS = JSON.parse(document.getElementById("marks-words")?.textContent ?? "{}");

viewer?.addEventListener("viewport", (event) => new Marks(viewer, event.detail).load(), {
  once: true,
});

class Marks {
  constructor(host, viewport) {
    this.url = new URL(host.dataset.marks, location.href);
    this.viewport = viewport;
    this.tool = host.querySelector('[data-tool="marks"]');
    this.list = host.querySelector("[data-marks-list]");
    this.byFrame = new Map(); // "uid|frame" -> {boxes, heat}
    this.isShown = false;
    this.asked = new Set();
    viewport.display.layers.push((context, place) => this.draw(context, place));
    viewport.addEventListener("show", () => this.markCurrent());
    this.tool.addEventListener("click", () => this.choose());
    // The hands of the viewport, which drag the window, leave the list alone.
    for (const kind of ["pointerdown", "dblclick", "wheel"])
      this.list.addEventListener(kind, (event) => event.stopPropagation());
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.closest("select, dialog, textarea, input:not([type=range])");
      if (event.key !== "m" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
      if (!this.tool.disabled) this.choose();
    });
  }

  async load() {
    const response = await fetch(this.url, { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    this.marks = await response.json();
    const { boxes, heat, unexplained } = this.marks;
    for (const mark of [...boxes, ...heat, ...unexplained])
      mark.says = WORDS[mark.says.toLowerCase().replaceAll("_", " ")] ?? mark.says;
    const hasMarks = boxes.length + heat.length > 0;
    this.tool.disabled = !hasMarks && !unexplained.length;
    this.byFrame.clear();
    for (const box of boxes)
      for (const [uid, frame, x, y, width, height] of box.slices)
        this.at(uid, frame).boxes.push({ box, x, y, width, height });
    for (const one of heat) this.at(one.image, one.frame).heat.push(painted(one));
    this.fill();
    // What somebody has just asked for is shown, whatever was chosen before.
    this.toggle(hasMarks && (this.isShown || wasOn("marks", true)));
  }

  choose() {
    this.toggle(!this.isShown);
    keepChoice("marks", this.isShown);
  }

  at(uid, frame) {
    const key = `${uid}|${frame}`;
    if (!this.byFrame.has(key)) this.byFrame.set(key, { boxes: [], heat: [] });
    return this.byFrame.get(key);
  }

  toggle(isShown) {
    this.isShown = isShown;
    this.tool.setAttribute("aria-pressed", String(isShown));
    this.list.hidden = !isShown;
    this.viewport.display.draw();
  }

  // ---- on the picture ----------------------------------------------------------------------
  draw(context, { left, top, width, height, scale }) {
    const { frame, display } = this.viewport;
    const here = this.isShown && this.byFrame.get(`${frame.uid}|${frame.frame}`);
    if (!here) return;
    context.imageSmoothingEnabled = true;
    for (const heat of here.heat) context.drawImage(heat, left, top, width, height);
    // The picture may be fetched smaller than the frame whose pixels the boxes count.
    const step = frame.columns ? width / frame.columns : scale;
    const ratio = window.devicePixelRatio || 1;
    context.lineWidth = 1.5 * ratio;
    context.font = `${12 * ratio}px system-ui, sans-serif`;
    for (const { box, x, y, width: w, height: h } of here.boxes) {
      const [boxLeft, boxTop] = [left + (x + 0.5) * step, top + (y + 0.5) * step];
      context.strokeStyle = box.review === "accepted" ? "#58c9c1" : "#f0b429";
      context.strokeRect(boxLeft, boxTop, w * step, h * step);
      context.fillStyle = context.strokeStyle;
      context.fillText(percent(box.probability), boxLeft, boxTop - 4 * ratio);
    }
    display.context.lineWidth = 1;
  }

  // ---- the list ----------------------------------------------------------------------------
  fill() {
    const { boxes, heat, unexplained } = this.marks;
    const notices = new Set([...boxes, ...heat, ...unexplained].map((mark) => mark.notice));
    const items = [
      ...boxes.map((box) => this.boxItem(box)),
      ...heat.map((one) => this.heatItem(one)),
      ...unexplained.map((one) => this.questionItem(one)),
    ];
    const told = [...notices].filter(Boolean).map((one) => line(inWords(one), "marks-notice"));
    this.list.replaceChildren(...items, ...told);
    this.markCurrent();
  }

  boxItem(box) {
    const middle = box.slices[Math.floor(box.slices.length / 2)];
    const size = box.size === null ? "" : ` · ${Math.round(box.size)} ${box.unit}`;
    const words = `${box.says} ${percent(box.probability)}${size}`;
    return this.jumpItem(words, box.model, middle?.[0], middle?.[1]);
  }

  heatItem(one) {
    const lost = Math.round(one.strength * 100);
    const told = interpolate(
      gettext("%(model)s, %(method)s: the brightest place is worth %(lost)s points"),
      { model: one.model, method: one.method, lost },
      true,
    );
    const words = interpolate(gettext("Why %(says)s"), one, true);
    return this.jumpItem(words, told, one.image, one.frame);
  }

  jumpItem(words, told, uid, frame) {
    const button = line(words, "marks-item", "button");
    button.title = told;
    button.dataset.key = `${uid}|${frame}`;
    button.addEventListener("click", () => {
      const to = this.viewport.frames.findIndex((one) => one.uid === uid && one.frame === frame);
      if (to >= 0) this.viewport.show(to);
    });
    return button;
  }

  questionItem(one) {
    const isAsked = this.asked.has(one.run);
    const words = isAsked
      ? interpolate(gettext("Explaining %(says)s…"), one, true)
      : interpolate(gettext("Explain %(says)s"), one, true);
    const button = line(words, "marks-item", "button");
    button.title = interpolate(gettext("%(model)s: which places speak for it"), one, true);
    button.disabled = isAsked;
    button.addEventListener("click", () => this.explain(one.run));
    return button;
  }

  async explain(run) {
    this.asked.add(run);
    this.fill();
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    const address = new URL(`../../runs/${run}/explain`, this.url);
    const response = await fetch(address, { method: "POST", headers: { "X-CSRFToken": token } });
    if (!response.ok) {
      this.asked.delete(run);
      this.fill();
      this.list.append(line(gettext("That can’t be explained now."), "marks-notice"));
      return;
    }
    for (let waits = 0; waits < WAITS; waits += 1) {
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      await this.load();
      this.toggle(true);
      const found = this.marks.heat.find((one) => one.run === run);
      if (!found) continue;
      this.list.querySelector(`[data-key="${found.image}|${found.frame}"]`)?.click();
      return;
    }
  }

  markCurrent() {
    const { frame } = this.viewport;
    for (const item of this.list.querySelectorAll("[data-key]"))
      item.setAttribute("aria-current", String(item.dataset.key === `${frame.uid}|${frame.frame}`));
  }
}

/** A small grid of bytes as a see-through picture, from amber to red. */
function painted({ rows, columns, values }) {
  const bytes = Uint8Array.from(atob(values), (letter) => letter.charCodeAt(0));
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  bytes.forEach((value, at) => {
    const strength = value / 255;
    image.data.set(
      [255, 190 * (1 - strength), 30, 150 * Math.max(0, (strength - 0.15) / 0.85)],
      at * 4,
    );
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

function line(words, name, kind = "p") {
  const element = document.createElement(kind);
  element.className = name;
  element.textContent = words;
  if (kind === "button") element.type = "button";
  return element;
}

const percent = (share) => (share === null ? "" : `${Math.round(share * 100)} %`);

// The API says it in English.
function inWords(notice) {
  return notice === "Not for diagnostic use" ? gettext("Not for diagnostic use") : notice;
}
