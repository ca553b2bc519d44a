// Hits that are selected, to be compared or collected; they stay selected from answer to answer.
import { results } from "./asking.js";

const MOST = 4; // viewports beside each other, the query's own among them

export class Selection {
  constructor(referenceOf) {
    this.referenceOf = referenceOf;
    this.chosen = new Set();
    document.addEventListener("change", (event) => {
      if (event.target.matches("[data-pick]")) this.note(event.target);
    });
    document.addEventListener("click", (event) => {
      if (event.target.closest("[data-unpick]")) this.clear();
    });
    document.addEventListener("submit", (event) => {
      if (event.target.id === "compare-form") this.setReference(event.target);
    });
    this.restore();
  }

  boxes() {
    return [...results().querySelectorAll("[data-pick]")];
  }

  note(box) {
    if (box.checked) this.chosen.add(box.value);
    else this.chosen.delete(box.value);
    this.tell();
  }

  toggle(hit) {
    const box = hit?.querySelector("[data-pick]");
    if (!box) return;
    box.checked = !box.checked;
    this.note(box);
  }

  clear() {
    for (const box of this.boxes()) box.checked = false;
    this.chosen.clear();
    this.tell();
  }

  /** New results: what is still among them is still selected. */
  restore() {
    const boxes = this.boxes();
    for (const box of boxes) if (this.chosen.has(box.value)) box.checked = true;
    this.chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    this.tell();
  }

  tell() {
    const bar = document.getElementById("compare-form");
    if (!bar) return;
    const number = this.chosen.size;
    const hasReference = Boolean(bar.elements.ref || this.referenceOf());
    const most = MOST - (hasReference ? 1 : 0);
    bar.querySelector("[data-count]").textContent = interpolate(gettext("%(n)s selected"), { n: number }, true);
    bar.querySelector("[data-compare-label]").textContent =
      number > most
        ? interpolate(gettext("Compare %(n)s at most"), { n: most }, true)
        : hasReference
          ? gettext("Compare with your case")
          : gettext("Compare");
    bar.querySelector("[data-compare]").disabled = number > most || (!hasReference && number < 2);
  }

  /** The slice in hand is what the hits are compared with. */
  setReference(form) {
    const reference = this.referenceOf();
    if (!reference) return;
    form.elements.ref?.remove();
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "ref", value: reference });
    form.prepend(field);
  }

  compare(hit) {
    const bar = document.getElementById("compare-form");
    if (!bar) return;
    if (!this.chosen.size) this.toggle(hit ?? results().querySelector("[data-hit]"));
    if (!bar.querySelector("[data-compare]").disabled) bar.requestSubmit();
  }
}
