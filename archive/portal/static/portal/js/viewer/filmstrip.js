// A strip of the frames around the one in hand, drawn from those that are loaded already.

import { keepChoice, wasOn } from "./remembered.js";

const CELL = 64; // CSS pixels
const REDRAW_MS = 120;

export function attachFilmstrip(viewer, viewport) {
  const tool = viewer.querySelector('[data-tool="film"]');
  const canvas = viewer.querySelector("[data-film]");
  if (!tool || !canvas || viewport.frames.length < 2) {
    tool?.setAttribute("hidden", "");
    return;
  }
  const context = canvas.getContext("2d", { alpha: false });
  let waiting = 0;
  let shown = []; // index of each cell

  function draw() {
    waiting = 0;
    if (canvas.hidden) return;
    const ratio = window.devicePixelRatio || 1;
    const side = CELL * ratio;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = side;
    const { frames, store, index } = viewport;
    const room = Math.max(1, Math.floor(canvas.width / (side + 2)));
    // The whole series in even steps where it has more frames than there is room.
    const step = Math.max(1, frames.length / room);
    const count = Math.min(room, frames.length);
    shown = Array.from({ length: count }, (_, cell) =>
      Math.min(frames.length - 1, Math.floor((cell + 0.5) * step)),
    );
    const nearest = shown.reduce(
      (best, at, cell) => (Math.abs(at - index) < Math.abs(shown[best] - index) ? cell : best),
      0,
    );
    shown.forEach((at, cell) => {
      const x = cell * (side + 2);
      const bitmap = store.bitmaps.get(store.key(at));
      context.fillStyle = "#0d0f12";
      context.fillRect(x, 0, side, side);
      if (bitmap) {
        const scale = Math.min(side / bitmap.width, side / bitmap.height);
        const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
        context.drawImage(bitmap, x + (side - wide) / 2, (side - high) / 2, wide, high);
      }
      if (cell !== nearest) return;
      context.strokeStyle = "#58c9c1";
      context.lineWidth = 2 * ratio;
      context.strokeRect(x + ratio, ratio, side - 2 * ratio, side - 2 * ratio);
    });
  }

  const later = () => {
    if (!canvas.hidden && !waiting) waiting = setTimeout(draw, REDRAW_MS);
  };
  const toggle = (isShown) => {
    canvas.hidden = !isShown;
    tool.setAttribute("aria-pressed", String(isShown));
    draw();
  };
  const choose = () => {
    toggle(canvas.hidden);
    keepChoice("film", !canvas.hidden);
  };
  tool.addEventListener("click", choose);
  if (wasOn("film", false)) toggle(true);
  for (const kind of ["paint", "loaded"]) viewport.addEventListener(kind, later);
  new ResizeObserver(later).observe(canvas);
  canvas.addEventListener("click", (event) => {
    const cell = Math.floor(event.offsetX / (CELL + 2 / (window.devicePixelRatio || 1)));
    if (shown[cell] !== undefined) viewport.show(shown[cell]);
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("select, dialog, textarea, input:not([type=range])");
    if (event.key !== "f" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    choose();
  });
}
