// A report that was fetched once is folded and unfolded where it stands.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest("[data-unfold]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const slot = link.closest("li").querySelector(".report-slot");
    if (!slot.childElementCount) {
      link.setAttribute("aria-expanded", "true");
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    slot.hidden = !slot.hidden;
    link.setAttribute("aria-expanded", String(!slot.hidden));
  },
  true,
);
