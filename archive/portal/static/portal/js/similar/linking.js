// Viewports that follow each other: scroll, window, zoom and pan, each as it is linked.

const REST_MS = 90;

export class Linking {
  constructor(viewports) {
    this.viewports = viewports;
    this.scroll = "position"; // position, slices, or "" for each for itself
    this.hasWindow = true;
    this.hasView = true;
    this.own = new Map(); // viewport -> the window of its picture as it came
    this.learning = new Map();
    this.anchors = new Map();
    this.anchor();
    for (const one of viewports) {
      one.addEventListener("show", (event) => this.onShow(one, event));
      one.addEventListener("window", (event) => this.onWindow(one, event));
      one.addEventListener("view", (event) => this.onView(one, event));
      this.learn(one);
    }
  }

  /** The picture's own window, of the frame that is rested on. */
  learn(one) {
    clearTimeout(this.learning.get(one));
    const wait = setTimeout(() => one.ownWindow().then((own) => this.own.set(one, own)), REST_MS);
    this.learning.set(one, wait);
  }

  /** Slices that stand beside each other now stay beside each other. */
  anchor() {
    for (const one of this.viewports) this.anchors.set(one, one.index);
  }

  setScroll(kind) {
    this.scroll = kind;
    this.anchor();
  }

  others(one) {
    return this.viewports.filter((other) => other !== one);
  }

  onShow(one, event) {
    this.learn(one);
    if (event.detail.isFollowing || !this.scroll) return;
    for (const other of this.others(one)) {
      const wanted = this.counterpart(one, other);
      if (wanted !== other.index) other.show(wanted, true);
    }
  }

  counterpart(one, other) {
    if (this.scroll === "slices")
      return this.anchors.get(other) + one.index - this.anchors.get(one);
    const [from, to] = [one.frames.length - 1, other.frames.length - 1];
    return from < 1 ? other.index : Math.round((one.index / from) * to);
  }

  onWindow(one, event) {
    if (event.detail.isFollowing || !this.hasWindow) return;
    for (const other of this.others(one)) {
      if (other.isColour) continue;
      if (!one.chosen) other.setWindow(null, true);
      else this.followWindow(one, other);
    }
  }

  followWindow(one, other) {
    const window = this.translated(one, other);
    if (!window) return;
    if (!other.chosen) other.shownWindow ??= this.own.get(other);
    other.dragWindow(window, true);
  }

  /** Hounsfield units mean the same everywhere; other values only beside the picture's own window. */
  translated(one, other) {
    const areBothCt = one.data.modality === "CT" && other.data.modality === "CT";
    if (areBothCt) return { ...one.chosen };
    const [from, to] = [this.own.get(one), this.own.get(other)];
    if (!from || !to) return null;
    const scale = to.width / from.width;
    return {
      center: to.center + (one.chosen.center - from.center) * scale,
      width: Math.max(1, one.chosen.width * scale),
    };
  }

  onView(one, event) {
    if (event.detail.isFollowing || !this.hasView) return;
    for (const other of this.others(one)) other.followView(one);
  }
}
