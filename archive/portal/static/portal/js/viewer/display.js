// One canvas: a bitmap with zoom, pan and inversion, and a quick window over its 8-bit values
// that follows the hand until the server's own rendering arrives.

// Fine smoothing takes longer than a frame of the screen lasts: it comes when the hand rests.
const REST_MS = 90;

export class Display {
  constructor(stage, canvas) {
    this.stage = stage;
    this.canvas = canvas;
    // Without transparency, and drawn without waiting for the rest of the page where that is known.
    this.context = canvas.getContext("2d", { alpha: false });
    this.bitmap = null;
    this.isInverted = false;
    this.quick = null; // {slope, offset} over 0..255
    this.pixelsOf = null;
    this.layers = []; // drawn over the picture: (context, place) => void
    this.awaited = 0;
    this.resting = 0;
    this.isMoving = false;
    this.reset();
    new ResizeObserver(() => this.resize()).observe(stage);
    this.resize();
  }

  reset() {
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.stage.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.stage.clientHeight * ratio));
    this.drawNow();
  }

  /** Device pixels of the screen for one pixel of the picture when it just fits. */
  fit() {
    const { width, height } = this.bitmap;
    return Math.min(this.canvas.width / width, this.canvas.height / height);
  }

  show(bitmap) {
    this.bitmap = bitmap;
    this.draw();
  }

  zoomBy(factor, clientX, clientY) {
    const ratio = window.devicePixelRatio || 1;
    const box = this.stage.getBoundingClientRect();
    const centreX = this.canvas.width / 2;
    const centreY = this.canvas.height / 2;
    const px = clientX === undefined ? centreX : (clientX - box.left) * ratio;
    const py = clientY === undefined ? centreY : (clientY - box.top) * ratio;
    const zoom = Math.max(0.25, Math.min(24, this.zoom * factor));
    const change = zoom / this.zoom;
    // The point under the pointer stays where it is.
    this.x = px - centreX - (px - centreX - this.x) * change;
    this.y = py - centreY - (py - centreY - this.y) * change;
    this.zoom = zoom;
    this.draw();
  }

  panBy(dx, dy) {
    const ratio = window.devicePixelRatio || 1;
    this.x += dx * ratio;
    this.y += dy * ratio;
    this.draw();
  }

  /** Fill the canvas with a part of the picture, in shares of its sides. */
  zoomTo({ x, y, width, height }) {
    if (!this.bitmap) return;
    const fit = this.fit();
    const wide = this.bitmap.width * fit;
    const high = this.bitmap.height * fit;
    const zoom = Math.min(this.canvas.width / (wide * width), this.canvas.height / (high * height));
    this.zoom = Math.max(0.25, Math.min(24, zoom));
    this.x = (0.5 - x - width / 2) * wide * this.zoom;
    this.y = (0.5 - y - height / 2) * high * this.zoom;
    this.draw();
  }

  /** Where the picture lies on the canvas, in device pixels. */
  place() {
    const { canvas, bitmap } = this;
    const scale = this.fit() * this.zoom;
    const width = bitmap.width * scale;
    const height = bitmap.height * scale;
    const left = (canvas.width - width) / 2 + this.x;
    const top = (canvas.height - height) / 2 + this.y;
    return { left, top, width, height, scale };
  }

  /** Draw once before the screen shows its next frame, however often that is asked for. */
  draw() {
    this.isMoving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.isMoving = false;
      this.drawNow();
    }, REST_MS);
    this.awaited ||= requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    cancelAnimationFrame(this.awaited);
    this.awaited = 0;
    this.drawOn(this.canvas, this.bitmap ? this.place() : null, this.context);
  }

  drawOn(canvas, place, context = canvas.getContext("2d")) {
    const { bitmap } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!bitmap) return;
    const { left, top, width, height } = place;
    // Single pixels are for those who zoom in on them.
    context.imageSmoothingEnabled = this.zoom < 6;
    context.imageSmoothingQuality = this.isMoving ? "low" : "high";
    context.drawImage(this.quick ? this.remapped() : bitmap, left, top, width, height);
    if (this.isInverted) {
      context.globalCompositeOperation = "difference";
      context.fillStyle = "#fff";
      context.fillRect(left, top, width, height);
      context.globalCompositeOperation = "source-over";
    }
    for (const layer of this.layers) layer(context, place);
  }

  /** The bitmap through the quick window; its pixels are read once a bitmap. */
  remapped() {
    const { bitmap } = this;
    if (this.pixelsOf !== bitmap) {
      this.scratch = new OffscreenCanvas(bitmap.width, bitmap.height);
      const drawing = this.scratch.getContext("2d", { willReadFrequently: true });
      drawing.drawImage(bitmap, 0, 0);
      this.source = drawing.getImageData(0, 0, bitmap.width, bitmap.height);
      this.target = drawing.createImageData(bitmap.width, bitmap.height);
      this.pixelsOf = bitmap;
    }
    const table = new Uint8ClampedArray(256);
    const { slope, offset } = this.quick;
    for (let value = 0; value < 256; value += 1) table[value] = value * slope + offset;
    const from = this.source.data;
    const to = this.target.data;
    for (let at = 0; at < from.length; at += 4) {
      to[at] = table[from[at]];
      to[at + 1] = table[from[at + 1]];
      to[at + 2] = table[from[at + 2]];
      to[at + 3] = 255;
    }
    this.scratch.getContext("2d").putImageData(this.target, 0, 0);
    return this.scratch;
  }
}
