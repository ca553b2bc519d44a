// The crop tool: a rectangle over a picture, in pixels of the stored frame. Drawn, moved and
// sized by mouse, finger or pen, or by keys; it says "change" when the hand rests.

const LEAST = 8; // pixels of the stored frame, each way
const KEY_REST_MS = 450;
const STEPS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class RegionTool extends EventTarget {
  /** `sizeOf` tells columns and rows of the stored frame that the display shows. */
  constructor(stage, display, sizeOf) {
    super();
    this.stage = stage;
    this.display = display;
    this.sizeOf = sizeOf;
    this.box = stage.querySelector("[data-region]");
    this.label = stage.querySelector("[data-region-size]");
    this.region = null;
    this.drag = null;
    this.resting = 0;
    this.listen();
  }

  listen() {
    this.stage.addEventListener("pointerdown", (event) => this.begin(event));
    this.stage.addEventListener("pointermove", (event) => this.drag && this.move(event));
    this.stage.addEventListener("pointerup", () => this.end());
    this.stage.addEventListener("pointercancel", () => this.end());
    this.box.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.layout()).observe(this.stage);
  }

  set(region) {
    this.region = region;
    this.layout();
  }

  clear() {
    const hadFocus = this.box.contains(document.activeElement);
    this.set(null);
    if (hadFocus) this.stage.focus({ preventScroll: true });
    this.say();
  }

  /** Put a region in the middle, for those who draw by keys. */
  place() {
    const { columns, rows } = this.sizeOf();
    const width = Math.round(columns / 2);
    const height = Math.round(rows / 2);
    const x = Math.round((columns - width) / 2);
    const y = Math.round((rows - height) / 2);
    this.set({ x, y, width, height });
    this.box.focus({ preventScroll: true });
    this.say();
  }

  say() {
    this.dispatchEvent(new CustomEvent("change"));
  }

  // ---- between screen and frame ------------------------------------------------------------
  scale() {
    const { left, top, width, height } = this.display.place();
    const ratio = window.devicePixelRatio || 1;
    const { columns, rows } = this.sizeOf();
    return {
      left: left / ratio,
      top: top / ratio,
      x: width / ratio / columns,
      y: height / ratio / rows,
    };
  }

  point(event) {
    const bounds = this.stage.getBoundingClientRect();
    const { left, top, x, y } = this.scale();
    const { columns, rows } = this.sizeOf();
    return {
      x: clamp((event.clientX - bounds.left - left) / x, 0, columns),
      y: clamp((event.clientY - bounds.top - top) / y, 0, rows),
    };
  }

  layout() {
    const { region, box } = this;
    box.hidden = !region || !this.display.bitmap;
    if (box.hidden) return;
    const { left, top, x, y } = this.scale();
    box.style.left = `${left + region.x * x}px`;
    box.style.top = `${top + region.y * y}px`;
    box.style.width = `${region.width * x}px`;
    box.style.height = `${region.height * y}px`;
    this.label.textContent = `${region.width} × ${region.height}`;
  }

  // ---- hands -------------------------------------------------------------------------------
  begin(event) {
    if (event.button !== 0 || !this.display.bitmap) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    const at = this.point(event);
    const handle = event.target.closest("[data-handle]")?.dataset.handle;
    const isInside = event.target.closest("[data-region]");
    const kind = handle ?? (isInside ? "move" : "draw");
    this.drag = { kind, at, from: this.region };
    (isInside ? this.box : this.stage).focus({ preventScroll: true });
  }

  move(event) {
    const { kind, at, from } = this.drag;
    const now = this.point(event);
    if (kind === "draw") this.region = spanned(at, now);
    else if (kind === "move") this.region = this.moved(from, now.x - at.x, now.y - at.y);
    else this.region = sized(from, kind, now);
    this.layout();
  }

  end() {
    if (!this.drag) return;
    const { from, kind } = this.drag;
    this.drag = null;
    const isDrawn = this.region && Math.min(this.region.width, this.region.height) >= LEAST;
    // A click, or less than anyone can mean, leaves what was there.
    if (!isDrawn) return this.set(from);
    if (kind === "draw") this.box.focus({ preventScroll: true });
    if (JSON.stringify(this.region) !== JSON.stringify(from)) this.say();
  }

  moved(region, dx, dy) {
    const { columns, rows } = this.sizeOf();
    return {
      ...region,
      x: Math.round(clamp(region.x + dx, 0, columns - region.width)),
      y: Math.round(clamp(region.y + dy, 0, rows - region.height)),
    };
  }

  key(event) {
    if (event.key === "Delete" || event.key === "Backspace" || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      return this.clear();
    }
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { columns, rows } = this.sizeOf();
    const by = Math.max(1, Math.round(Math.max(columns, rows) / 64));
    const [dx, dy] = [step[0] * by, step[1] * by];
    const { region } = this;
    if (event.shiftKey) {
      region.width = Math.round(clamp(region.width + dx, LEAST, columns - region.x));
      region.height = Math.round(clamp(region.height + dy, LEAST, rows - region.y));
    } else this.region = this.moved(region, dx, dy);
    this.layout();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.say(), KEY_REST_MS);
  }
}

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

function spanned(one, two) {
  const x = Math.floor(Math.min(one.x, two.x));
  const y = Math.floor(Math.min(one.y, two.y));
  return {
    x,
    y,
    width: Math.ceil(Math.max(one.x, two.x)) - x,
    height: Math.ceil(Math.max(one.y, two.y)) - y,
  };
}

function sized(region, handle, to) {
  const right = region.x + region.width;
  const bottom = region.y + region.height;
  const fixed = {
    x: handle.includes("w") ? right : region.x,
    y: handle.includes("n") ? bottom : region.y,
  };
  const moving = {
    x: handle.includes("w") || handle.includes("e") ? to.x : right,
    y: handle.includes("n") || handle.includes("s") ? to.y : bottom,
  };
  return spanned(fixed, moving);
}

/** A region as an address has it. */
export const regionText = (region) =>
  region ? [region.x, region.y, region.width, region.height].join(",") : "";

export function regionOf(text) {
  const parts = (text ?? "").split(",").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part))) return null;
  const [x, y, width, height] = parts;
  return { x, y, width, height };
}
