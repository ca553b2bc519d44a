// The order of cases: by dragging, and by buttons for those who don't drag.
(() => {
  "use strict";
  const grid = () => document.getElementById("cases");
  const cards = () => [...grid().querySelectorAll("[data-case]")];
  let dragged = null;

  async function keep(focused) {
    const items = cards().map((card) => card.dataset.case);
    await htmx.ajax("POST", grid().dataset.orderUrl, {
      source: grid(),
      target: grid(),
      swap: "outerHTML",
      values: { items },
    });
    if (focused) document.querySelector(focused)?.focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    const card = button.closest("[data-case]");
    const all = cards();
    const to = all.indexOf(card) + Number(button.dataset.move);
    if (to < 0 || to >= all.length) return;
    if (Number(button.dataset.move) < 0) all[to].before(card);
    else all[to].after(card);
    keep(`[data-case="${card.dataset.case}"] [data-move="${button.dataset.move}"]`);
  });

  const unmark = () => {
    for (const card of document.querySelectorAll(".is-target")) card.classList.remove("is-target");
  };
  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-case][draggable]") ?? null;
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.dataset.case);
    dragged.classList.add("is-dragged");
  });
  document.addEventListener("dragover", (event) => {
    const over = event.target.closest?.("[data-case]");
    if (!dragged || !over) return;
    event.preventDefault();
    unmark();
    if (over !== dragged) over.classList.add("is-target");
  });
  document.addEventListener("drop", (event) => {
    const over = event.target.closest?.("[data-case]");
    if (!dragged || !over || over === dragged) return;
    event.preventDefault();
    const all = cards();
    if (all.indexOf(dragged) < all.indexOf(over)) over.after(dragged);
    else over.before(dragged);
    keep(`[data-case="${dragged.dataset.case}"]`);
  });
  document.addEventListener("dragend", () => {
    unmark();
    dragged?.classList.remove("is-dragged");
    dragged = null;
  });
})();
