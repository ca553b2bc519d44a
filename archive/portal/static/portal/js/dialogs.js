// Dialogs: opened by their button, or when htmx has filled the one that collects cases.
(() => {
  "use strict";
  const show = (dialog) => {
    if (dialog && !dialog.open) dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      opener.closest("dialog")?.close();
      show(document.getElementById(opener.dataset.dialog));
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    // Outside of its box a dialog is its own backdrop.
    if (event.target instanceof HTMLDialogElement && event.target.matches(".sheet"))
      event.target.close();
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const body = event.detail.target;
    if (body?.id !== "collect-body") return;
    show(body.closest("dialog"));
    if (body.querySelector(".collected")) setTimeout(() => body.closest("dialog")?.close(), 1600);
  });

  // What is refused is said where the form is.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status !== 422) return;
    const form = event.detail.requestConfig.elt.closest("form");
    if (!form) return;
    event.detail.shouldSwap = false;
    form.querySelector(".notice-bad")?.remove();
    form.insertAdjacentHTML("afterbegin", event.detail.serverResponse);
  });

  // Typing a name means a new collection.
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-new-name]") || !event.target.value) return;
    const other = event.target.form.querySelector('[name="collection"][value=""]');
    if (other) other.checked = true;
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches('.choice [name="collection"]')) return;
    const name = event.target.form.querySelector("[data-new-name]");
    name.required = event.target.value === "";
    if (event.target.value === "") name.focus();
    else name.value = "";
  });
})();
