// The study list: clean addresses and quick date ranges.
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

  const more = form.querySelector("[data-more]");
  more.addEventListener("click", () => {
    const isWide = form.classList.toggle("is-wide");
    more.setAttribute("aria-expanded", String(isWide));
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
})();
