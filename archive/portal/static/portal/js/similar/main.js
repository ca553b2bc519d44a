// The similar page: the form asks, the grid answers, the address keeps step.
import { Asking, csrfToken, results } from "./asking.js";
import { collectSelected } from "./collecting.js";
import { PictureStage, takePictures } from "./picture.js";
import { Selection } from "./selection.js";
import { regionOf } from "./region.js";
import { QueryStage } from "./stage.js";
import { readState } from "./state.js";

const form = document.getElementById("similar-form");
const asking = new Asking(form);
const data = document.getElementById("query-data");
const stack = data ? JSON.parse(data.textContent) : null;
const stage = stack?.instances.length
  ? new QueryStage(document.getElementById("query-case"), stack, asking)
  : null;
const picture = new PictureStage(document.getElementById("picture-case"), asking);
const selection = new Selection(() => {
  if (!stage || asking.picture) return "";
  const { uid, frame, frames } = stage.viewport.frame;
  return frames > 1 ? `${uid}:${frame}` : uid;
});

asking.addEventListener("answer", () => {
  stage?.tell();
  picture.tell();
  selection.restore();
  // The grid is read when it is walked; what came of the question is said at once.
  const said = results().querySelector(".answer-line strong, .empty h2");
  document.getElementById("answer-said").textContent = said?.textContent.trim() ?? "";
});
document.addEventListener("htmx:afterSwap", () => selection.restore());
collectSelected(selection, csrfToken);
takePictures((file) => picture.take(file));

asking.addEventListener("answer", () => {
  const region = regionOf(asking.state.get("region"));
  const box = region && [region.x, region.y, region.width, region.height];
  window.likenessMap?.useImage(asking.picture, box);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  asking.ask(readState(form));
});
// Fields of the filter panel belong to the form, but don't lie within it.
document.addEventListener("change", (event) => {
  if (event.target.form === form && event.target.name && event.isTrusted !== false)
    asking.ask(readState(form));
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.form === form && event.target.matches("[data-adds]")) {
    event.preventDefault();
    if (event.target.value) asking.ask(readState(form));
  }
});

// A chip's cross and its like lead to another state of this page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-state]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  asking.ask(new URL(link.href).searchParams);
});

// Thumbs are forms, so that they work without this script too.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-round], #feedback")) return;
  event.preventDefault();
  if (asking.picture) askByExample(event.submitter);
  else asking.send(event.target, event.submitter);
});

/** A picture is part of no address, so the page moves the examples itself. */
function askByExample(button) {
  const { state } = asking;
  const wasThere = state.getAll(button.name).includes(button.value);
  for (const name of ["positive", "negative"]) state.delete(name, button.value);
  if (!wasThere) state.append(button.name, button.value);
  asking.ask(state);
}

window.addEventListener("popstate", () => {
  asking.picture = null;
  asking.load(location.href).then(() => stage?.follow());
});

const hitInHand = () => document.activeElement?.closest?.("[data-hit]");
const press = (selector, scope) => {
  const button = scope?.querySelector(selector);
  button?.click();
  return Boolean(button);
};
const keys = {
  c: () => selection.compare(hitInHand()) ?? true,
  x: () => selection.toggle(hitInHand()) ?? true,
  u: () => press('[data-thumb="up"]', hitInHand()),
  d: () => press('[data-thumb="down"]', hitInHand()),
  a: () => press("[data-collect]", hitInHand()),
  m: () => press("[data-likeness-open]", hitInHand()),
  z: () => press("[data-undo]", results()),
  Z: () => press("[data-redo]", results()),
  b: () => (asking.picture ? picture : stage)?.crop() ?? true,
  f: () => document.querySelector("#filter-menu > summary").click() ?? true,
};
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea, dialog"))
    return;
  if (document.querySelector("dialog[open]")) return;
  if (!Object.hasOwn(keys, event.key) || !keys[event.key]()) return;
  // Keys of every page that mean something else here.
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
