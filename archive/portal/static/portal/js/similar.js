// The similar page: clean addresses, and searching by a picture that is never stored.
(() => {
  "use strict";
  const form = document.getElementById("similar-filters");
  if (!form) return;
  const results = () => document.getElementById("similar-results");
  let picture = null;

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt !== form) return;
    const parameters = event.detail.formData;
    for (const name of [...parameters.keys()])
      if (parameters.get(name) === "") parameters.delete(name);
    if (parameters.get("k") === form.elements.k.options[0].value) parameters.delete("k");
  });

  document.getElementById("pick-picture").addEventListener("change", (event) => {
    if (event.target.files[0]) search(event.target.files[0]);
    event.target.value = "";
  });
  const setDropping = (isDropping) => document.body.classList.toggle("is-dropping", isDropping);
  for (const kind of ["dragenter", "dragover"])
    document.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      setDropping(true);
    });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) setDropping(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    setDropping(false);
    const [file] = event.dataTransfer.files;
    if (file) search(file);
  });

  // With a picture in hand the filters ask the picture's question, not the address's.
  form.addEventListener(
    "change",
    (event) => {
      if (!picture) return;
      event.stopImmediatePropagation();
      search(picture);
    },
    true,
  );

  async function search(file) {
    picture = file;
    await preview(file);
    const body = new FormData(form);
    for (const name of ["study", "series", "instance", "frame"]) body.delete(name);
    body.append("image", file, "picture");
    results().classList.add("is-waiting");
    document.documentElement.classList.add("is-loading");
    try {
      const response = await fetch(form.dataset.pictureUrl, {
        method: "POST",
        headers: { "X-CSRFToken": csrfToken(), "HX-Request": "true" },
        body,
      });
      if (response.redirected) return window.location.reload();
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      results().replaceWith(page.getElementById("similar-results"));
      window.htmx?.process(results());
    } catch (error) {
      results().classList.remove("is-waiting");
      const note = document.createElement("p");
      note.className = "notice notice-bad";
      note.role = "alert";
      note.textContent =
        error.message === "413" || error.message === "400"
          ? "This picture is too large, or can’t be read."
          : "The search failed. Try again in a moment.";
      results().prepend(note);
    } finally {
      document.documentElement.classList.remove("is-loading");
    }
  }

  const csrfToken = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

  async function preview(file) {
    const canvas = document.getElementById("picture-preview");
    const drawing = canvas.getContext("2d");
    document.getElementById("query-case")?.setAttribute("hidden", "");
    document.getElementById("picture-case").hidden = false;
    document.getElementById("picture-name").textContent = "Compared in memory, never stored.";
    drawing.clearRect(0, 0, canvas.width, canvas.height);
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (!bitmap) return;
    const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
    const width = bitmap.width * scale;
    const height = bitmap.height * scale;
    drawing.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    bitmap.close();
  }
})();
