// A box on the picture: to look closer at it, to keep it as a picture, to ask what looks like it.
import { RegionTool, regionText } from "../similar/region.js";

class CropTool extends RegionTool {
  begin(event) {
    if (this.isActive) super.begin(event);
  }
}

export function attachCropping(viewer, viewport) {
  const tool = viewer.querySelector('[data-tool="crop"]');
  const bar = viewer.querySelector("[data-crop-bar]");
  const { stage, display } = viewport;
  attachSaving(viewer, viewport, () => null);
  if (!tool || !bar || !stage.querySelector("[data-region]")) return;
  const sizeOf = () => {
    const { rows, columns } = viewport.frame;
    return rows ? { rows, columns } : { rows: display.bitmap.height, columns: display.bitmap.width };
  };
  const crop = new CropTool(stage, display, sizeOf);

  function activate(isActive) {
    crop.isActive = isActive;
    viewport.isCropping = isActive;
    tool.setAttribute("aria-pressed", String(isActive));
    stage.classList.toggle("is-cropping", isActive);
    if (isActive && !crop.region) crop.place();
    else if (!isActive) crop.clear();
    refresh();
  }

  function refresh() {
    bar.hidden = !crop.region;
    const similar = bar.querySelector("[data-crop-similar]");
    if (!similar || !crop.region) return;
    const address = new URL(similar.dataset.base, location.href);
    const { frame } = viewport;
    address.searchParams.set("instance", frame.uid);
    if (frame.frames > 1) address.searchParams.set("frame", frame.frame);
    address.searchParams.set("region", regionText(crop.region));
    similar.href = address;
  }

  tool.addEventListener("click", () => activate(!crop.isActive));
  crop.addEventListener("change", () => {
    if (!crop.region && crop.isActive) activate(false);
    refresh();
  });
  for (const kind of ["show", "view"])
    viewport.addEventListener(kind, () => {
      crop.layout();
      refresh();
    });
  bar.addEventListener("pointerdown", (event) => event.stopPropagation());
  bar.querySelector("[data-crop-zoom]").addEventListener("click", () => {
    const { region } = crop;
    activate(false);
    viewport.zoomTo(region, sizeOf());
    stage.focus({ preventScroll: true });
  });
  bar.querySelector("[data-crop-save]").addEventListener("click", () =>
    save(viewport, crop.region, sizeOf()),
  );
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("select, dialog, textarea, input:not([type=range])");
    if (event.key !== "b" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    activate(!crop.isActive);
  });
}

function attachSaving(viewer, viewport) {
  const tool = viewer.querySelector('[data-tool="save"]');
  tool?.addEventListener("click", () => save(viewport, null, null));
}

/** Keep what is in sight as a PNG: window, inversion and overlays too, a pixel for a pixel. */
async function save(viewport, region, size) {
  const { display, frame } = viewport;
  const { bitmap } = display;
  if (!bitmap) return;
  const scale = region ? bitmap.width / size.columns : 1;
  const part = region
    ? [region.x, region.y, region.width, region.height].map((side) => side * scale)
    : [0, 0, bitmap.width, bitmap.height];
  const canvas = new OffscreenCanvas(Math.round(part[2]), Math.round(part[3]));
  display.drawOn(canvas, {
    left: -part[0],
    top: -part[1],
    width: bitmap.width,
    height: bitmap.height,
    scale: 1,
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
  link.download = `frame-${frame.uid.slice(-12)}-${frame.frame}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
