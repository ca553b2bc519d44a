// The decision beside the images: a accepts, e corrects, x rejects; n and p are the page's own.
(() => {
  "use strict";
  const form = document.getElementById("review-form");
  const reason = document.getElementById("review-reason");
  const button = (value) => form.querySelector(`button[name="decision"][value="${value}"]`);

  const start = form.querySelector('[data-decide="e"]');

  function correct() {
    const isEditing = form.classList.toggle("is-editing");
    start.setAttribute("aria-pressed", String(isEditing));
    if (isEditing) (form.querySelector(".review-edit .input") ?? reason).focus();
  }

  function reject(event) {
    if (reason.value.trim()) return true;
    event.preventDefault();
    reason.setAttribute("aria-invalid", "true");
    reason.focus();
    return false;
  }

  start.addEventListener("click", correct);
  button("rejected").addEventListener("click", reject);
  reason.addEventListener("input", () => reason.removeAttribute("aria-invalid"));
  // Enter in the reason of a rejection rejects; in a correction it saves.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input.input")) return;
    event.preventDefault();
    const isEditing = form.classList.contains("is-editing");
    const isReason = event.target === reason;
    if (isEditing) button("edited").click();
    else if (isReason) button("rejected").click();
  });
  const keys = {
    a: () => form.classList.contains("is-editing") || button("accepted").click(),
    e: correct,
    x: () => button("rejected").click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=range]), select, textarea, dialog")) return;
    if (document.querySelector("dialog[open]") || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  // A click twice is one decision.
  form.addEventListener("submit", () => {
    setTimeout(() => {
      for (const one of form.querySelectorAll("button")) one.disabled = true;
    });
  });
})();
