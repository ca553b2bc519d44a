// What hands do to a viewport: drag for the window, pan, zoom or scroll; pinch, wheel.
// A mouse drags the window and a finger scrolls, unless a person chose otherwise.

export const DRAGS = ["window", "pan", "zoom", "scroll"];
const PIXELS_A_STEP = 6; // dragged, for one frame at least

export function attachHands(viewport) {
  const { stage } = viewport;
  const pointers = new Map();
  let drag = null;
  let wheel = 0;

  stage.addEventListener("pointerdown", async (event) => {
    if (viewport.isCropping) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    stage.focus({ preventScroll: true });
    const kind = kindOf(event);
    drag = { kind, x: event.clientX, y: event.clientY, at: viewport.index, from: null };
    if (kind === "pan") stage.classList.add("is-panning");
    if (kind !== "window") return;
    const begun = drag;
    begun.from = await viewport.beginWindow();
  });

  function kindOf(event) {
    if (event.button === 1 || event.button === 2 || event.shiftKey) return "pan";
    if (viewport.dragging) return usable(viewport.dragging);
    return usable(event.pointerType === "touch" ? "scroll" : "window");
  }

  /** Colours have no window, and one frame nothing to scroll to. */
  function usable(kind) {
    if (kind === "window" && viewport.isColour) return "pan";
    if (kind === "scroll" && viewport.frames.length === 1) return "pan";
    return kind;
  }

  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId) || !drag) return;
    if (pointers.size === 2) return pinch(event);
    const before = pointers.get(event.pointerId);
    pointers.set(event.pointerId, event);
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (drag.kind === "pan") viewport.panBy(dx, dy);
    else if (drag.kind === "zoom") viewport.zoomBy(Math.exp(-dy / 160), drag.x, drag.y);
    else if (drag.kind === "scroll") scroll(event);
    else if (drag.from) {
      const step = Math.max(0.25, drag.from.width / 400);
      const width = Math.max(1, drag.from.width + (event.clientX - drag.x) * step);
      const center = drag.from.center + (event.clientY - drag.y) * step;
      viewport.dragWindow({ center, width });
    }
  });

  /** The whole series lies under a drag over the stage, or less where it is short. */
  function scroll(event) {
    const each = Math.min(PIXELS_A_STEP * 4, stage.clientHeight / viewport.frames.length);
    const steps = Math.trunc((event.clientY - drag.y) / Math.max(1.5, each));
    const next = drag.at + steps;
    if (next !== viewport.index) viewport.show(next);
  }

  function pinch(event) {
    const [first, second] = [...pointers.values()];
    const before = Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY);
    const [beforeX, beforeY] = [first.clientX + second.clientX, first.clientY + second.clientY];
    pointers.set(event.pointerId, event);
    const [one, two] = [...pointers.values()];
    const after = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
    const x = (one.clientX + two.clientX) / 2;
    const y = (one.clientY + two.clientY) / 2;
    if (before > 0) viewport.zoomBy(after / before, x, y);
    viewport.panBy(x - beforeX / 2, y - beforeY / 2);
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
  stage.addEventListener("dblclick", () => {
    if (!viewport.isCropping) viewport.reset();
  });

  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) {
        viewport.zoomBy(event.deltaY < 0 ? 1.12 : 1 / 1.12, event.clientX, event.clientY);
        return;
      }
      // Mice move in notches, track pads in pixels: both move one frame a notch or 40 pixels.
      wheel += event.deltaMode === 1 ? event.deltaY * 40 : event.deltaY;
      const steps = Math.trunc(wheel / 40);
      if (!steps) return;
      wheel -= steps * 40;
      const most = Math.max(1, Math.round(viewport.frames.length / 40));
      viewport.show(viewport.index + Math.max(-most, Math.min(most, steps)));
    },
    { passive: false },
  );
}

/** Play a viewport's frames round and round; answers what stops it. */
export function play(viewport, framesPerSecond = 15) {
  const { store, frames } = viewport;
  const timer = setInterval(() => {
    const next = (viewport.index + 1) % frames.length;
    if (store.get(next) || store.hasFailed(next)) viewport.show(next);
    else store.want(next);
  }, 1000 / framesPerSecond);
  return () => clearInterval(timer);
}

/** Which frame an address asks for: by SOP Instance UID and number; undefined where none. */
export function frameAsked(frames, uid, number) {
  const at = frames.findIndex(
    (frame) => frame.uid === uid && String(frame.frame) === String(number ?? frame.frame),
  );
  return at >= 0 ? at : undefined;
}
