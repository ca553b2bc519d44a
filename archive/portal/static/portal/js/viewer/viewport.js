// One viewport: the frames of a series on a canvas, with window, zoom and pan. It tells what
// happens to it by events; counters, tools and linked viewports listen.
//   show: another frame is in hand · paint: what is in sight changed · window: the window changed
//   view: zoom, pan or inversion changed · loaded: a frame arrived
// A change made to follow another viewport says so in the event's detail.
import { Display } from "./display.js";
import { FrameStore, InstanceFacts, listFrames } from "./frames.js";

const REST_MS = 110;

export class Viewport extends EventTarget {
  constructor(stage, canvas, data, { start, most } = {}) {
    super();
    this.stage = stage;
    this.data = data;
    this.frames = listFrames(data);
    this.isColour = this.frames.every((frame) => frame.colour);
    this.display = new Display(stage, canvas);
    this.facts = new InstanceFacts(data);
    this.store = new FrameStore(data, this.frames, (at, key) => this.onLoaded(at, key), most);
    this.index = start ?? Math.floor((this.frames.length - 1) / 2);
    this.chosen = null; // {center, width}, or null for the picture's own window
    this.shownWindow = null; // of the bitmap in sight
    this.sent = "";
    this.pending = 0;
    this.dragging = ""; // what a drag does, where a person chose it
    this.isCropping = false;
  }

  get frame() {
    return this.frames[this.index];
  }

  say(kind, isFollowing = false) {
    this.dispatchEvent(new CustomEvent(kind, { detail: { isFollowing } }));
  }

  // ---- frames ------------------------------------------------------------------------------
  show(next, isFollowing = false) {
    this.index = Math.max(0, Math.min(this.frames.length - 1, next));
    this.store.want(this.index);
    this.say("show", isFollowing);
    this.paint();
  }

  onLoaded(at, key) {
    this.say("loaded");
    if (at === this.index && key === this.store.key(this.index)) this.paint();
  }

  paint() {
    const bitmap = this.store.get(this.index);
    if (bitmap) {
      this.shownWindow = this.chosen;
      this.display.quick = null;
      this.display.show(bitmap);
    } else if (this.hasFailed) this.display.show(null);
    this.stage.dataset.ready = bitmap ? "true" : "false";
    this.say("paint");
  }

  get hasFailed() {
    return this.store.hasFailed(this.index);
  }

  knownFacts() {
    return this.facts.of(this.frame.uid).catch(() => ({}));
  }

  // ---- window ------------------------------------------------------------------------------
  /** The window that the picture is shown in: the chosen one, else its own. */
  async currentWindow() {
    return this.chosen ? { ...this.chosen } : this.ownWindow();
  }

  async ownWindow() {
    const known = await this.knownFacts();
    if (known.width) return { center: known.center, width: known.width };
    const range = 2 ** (known.bits ?? 12) * Math.abs(known.slope ?? 1);
    const middle = known.isSigned ? 0 : range / 2;
    return { center: middle + (known.intercept ?? 0), width: range };
  }

  /** A drag starts here: the window it moves away from. */
  async beginWindow() {
    const own = await this.currentWindow();
    if (!this.chosen) this.shownWindow ??= own;
    return own;
  }

  setWindow(next, isFollowing = false) {
    this.chosen = next;
    if (next) this.drawQuickly(next);
    this.sendWindow();
    this.say("window", isFollowing);
  }

  /** The server is asked when the hand rests; the eye is served at once. */
  dragWindow(next, isFollowing = false) {
    this.chosen = next;
    this.drawQuickly(next);
    clearTimeout(this.pending);
    this.pending = setTimeout(() => this.sendWindow(), REST_MS);
    this.say("window", isFollowing);
  }

  /** What was shown as 0..255 under one window, as it is under the other. */
  drawQuickly(next) {
    const base = this.shownWindow;
    if (!base || !this.display.bitmap) return;
    const low = next.center - next.width / 2;
    const baseLow = base.center - base.width / 2;
    const offset = ((baseLow - low) / next.width) * 255;
    this.display.quick = { slope: base.width / next.width, offset };
    this.display.draw();
  }

  sendWindow() {
    const { chosen } = this;
    const text = chosen ? `${Math.round(chosen.center)},${Math.round(chosen.width)}` : "";
    if (text === this.sent) return;
    this.sent = text;
    this.store.setWindow(text);
    this.store.want(this.index);
    if (this.store.get(this.index)) this.paint();
  }

  // ---- view --------------------------------------------------------------------------------
  zoomBy(factor, clientX, clientY) {
    this.display.zoomBy(factor, clientX, clientY);
    this.say("view");
  }

  /** Look closer at a region in pixels of the stored frame. */
  zoomTo({ x, y, width, height }, { columns, rows }) {
    this.display.zoomTo({
      x: x / columns,
      y: y / rows,
      width: width / columns,
      height: height / rows,
    });
    this.say("view");
  }

  panBy(dx, dy) {
    this.display.panBy(dx, dy);
    this.say("view");
  }

  /** Take zoom and pan of another viewport, in shares of the canvas. */
  followView(other) {
    const { display } = this;
    display.zoom = other.display.zoom;
    display.x = (other.display.x / other.display.canvas.width) * display.canvas.width;
    display.y = (other.display.y / other.display.canvas.height) * display.canvas.height;
    display.draw();
    this.say("view", true);
  }

  invert() {
    this.display.isInverted = !this.display.isInverted;
    this.display.draw();
    this.say("view");
  }

  reset() {
    this.display.reset();
    this.display.isInverted = false;
    this.setWindow(null);
    this.display.draw();
    this.say("view");
  }
}
