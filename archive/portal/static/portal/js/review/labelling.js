// Labels on what is in sight: digits give them, b marks a region of the image.
import { RegionTool, regionOf, regionText } from "../similar/region.js";

const viewer = document.getElementById("viewer");
const form = document.getElementById("label-form");
const other = document.getElementById("label-new");
const mark = viewer.querySelector("[data-mark]");
const target = viewer.querySelector("[data-target]");
let viewport = null;
let tool = null;
let isMarking = false;

// Draws only while a region is being marked; otherwise the hand changes the window.
class MarkingTool extends RegionTool {
  begin(event) {
    if (!isMarking && !event.target.closest("[data-region]")) return;
    event.stopImmediatePropagation();
    super.begin(event);
  }
}

viewer.addEventListener("viewport", (event) => {
  viewport = event.detail;
  tool = new MarkingTool(viewport.stage, viewport.display, () => {
    const { rows, columns } = viewport.frame;
    const { bitmap } = viewport.display;
    return { rows: rows || bitmap.height, columns: columns || bitmap.width };
  });
  tool.addEventListener("change", tell);
  // A region is one of one image.
  viewport.addEventListener("show", () => {
    if (tool.region && tool.of !== viewport.index) tool.clear();
  });
  viewport.addEventListener("paint", () => tool.layout());
  viewport.addEventListener("view", () => tool.layout());
  // Somebody came to see a region.
  const wanted = regionOf(new URLSearchParams(location.search).get("region"));
  tool.of = viewport.index;
  if (wanted) tool.set(wanted);
});

function tell() {
  tool.of = viewport.index;
  if (!form) return;
  const { region } = tool;
  const { uid, frame } = viewport.frame;
  const values = region ? { instance: uid, frame, region: regionText(region) } : {};
  for (const field of form.querySelectorAll("[data-of-image]"))
    field.value = values[field.name] ?? "";
  // A whole series has one answer a reader, an image as many regions as it needs.
  const replacing = form.querySelector("[data-of-series]");
  if (replacing) replacing.disabled = Boolean(region);
  target.textContent = region
    ? interpolate(
        gettext("On a region of image %(image)s: %(width)s × %(height)s"),
        { image: viewport.index + 1, width: region.width, height: region.height },
        true,
      )
    : gettext("On the whole series");
}

function press(isOn) {
  isMarking = isOn;
  mark.setAttribute("aria-pressed", String(isOn));
  viewport.stage.classList.toggle("is-marking", isOn);
}

function toggle() {
  if (!viewport || !mark) return;
  press(!isMarking);
  if (isMarking) tool.place();
  else tool.clear();
}

mark?.addEventListener("click", toggle);
// Its label goes with the other form: before this script listens it has nowhere to go.
for (const part of other?.elements ?? []) part.disabled = false;
other?.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!form.reportValidity()) return;
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "label";
  field.value = other.elements.label.value;
  form.append(field);
  form.submit();
});

viewer.addEventListener("click", (event) => {
  const show = event.target.closest("[data-show-label]");
  if (!show || !viewport) return;
  event.preventDefault();
  const at = viewport.frames.findIndex(
    ({ uid, frame }) =>
      uid === show.dataset.instance && String(frame) === (show.dataset.frame || String(frame)),
  );
  if (at < 0) return;
  viewport.show(at);
  tool.of = at;
  tool.set(regionOf(show.dataset.regionOf));
});

document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=range]), select, textarea, dialog")) return;
    if (event.key === "b") toggle();
    else if (/^[1-9]$/.test(event.key)) {
      const button = form?.querySelectorAll("[data-class]")[Number(event.key) - 1];
      if (!button) return;
      button.click();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
