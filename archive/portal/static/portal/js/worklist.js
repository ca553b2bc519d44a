// The study list: clean addresses, quick date ranges, columns, and what came in meanwhile.
(() => {
  "use strict";
  const form = document.getElementById("filters");
  if (!form) return;

  // Empty filters stay out of the address.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt !== form) return;
    const parameters = event.detail.formData;
    for (const name of [...parameters.keys()])
      if (parameters.getAll(name).every((value) => value === "")) parameters.delete(name);
    if (parameters.get("sort") === "-date") parameters.delete("sort");
  });

  // Links and forms that carry the list along follow what it shows.
  function carry() {
    const query = new URLSearchParams(location.search);
    for (const name of ["page", "after", "before", "all"]) query.delete(name);
    for (const field of document.querySelectorAll("[data-query]")) field.value = query.toString();
    const table = document.getElementById("study-csv");
    table.search = query.toString();
  }
  document.addEventListener("htmx:pushedIntoHistory", carry);

  const more = form.querySelector("[data-more]");
  more.addEventListener("click", () => {
    const isWide = form.classList.toggle("is-wide");
    more.setAttribute("aria-expanded", String(isWide));
    if (isWide) form.elements.patient.focus();
  });

  const isoDay = (daysAgo) => {
    const day = new Date();
    day.setDate(day.getDate() - daysAgo);
    const local = new Date(day.getTime() - day.getTimezoneOffset() * 60000);
    return local.toISOString().slice(0, 10);
  };
  const preset = form.querySelector("[data-date-preset]");
  preset.addEventListener("change", () => {
    form.elements.date_from.value = preset.value === "" ? "" : isoDay(Number(preset.value));
    form.elements.date_to.value = preset.value === "" ? "" : isoDay(0);
  });
  for (const name of ["date_from", "date_to"])
    form.elements[name].addEventListener("change", () => {
      preset.value = "";
    });

  document.addEventListener("click", (event) => {
    const item = event.target.closest(".column-list li");
    if (item && event.target.closest("[data-up]")) item.previousElementSibling?.before(item);
    if (item && event.target.closest("[data-down]")) item.nextElementSibling?.after(item);
    const copy = event.target.closest("[data-copy-link]");
    if (copy) {
      const link = new URL(location.href);
      for (const name of ["page", "after", "before"]) link.searchParams.delete(name);
      navigator.clipboard?.writeText(link.href).then(() => {
        copy.classList.add("is-copied");
        setTimeout(() => copy.classList.remove("is-copied"), 1200);
      });
    }
  });

  // New studies are shown at once where nobody's place is lost by it: at the top of the first
  // page, with nothing selected, in hand or under the pointer. Else a button waits.
  function isUndisturbing() {
    const list = document.getElementById("worklist");
    return (
      list.dataset.page === "1" &&
      window.scrollY < 80 &&
      document.getElementById("selection").hidden &&
      !list.contains(document.activeElement) &&
      !list.matches(":hover") &&
      !document.querySelector("dialog[open]")
    );
  }
  document.addEventListener("htmx:afterSettle", () => {
    const fresh = document.querySelector("#study-news [data-fresh]");
    if (fresh && isUndisturbing()) fresh.click();
  });
})();
