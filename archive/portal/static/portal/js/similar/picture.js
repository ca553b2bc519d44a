// Searching by a picture: it is shown on a canvas, cropped there, and never stored.
import { Display } from "../viewer/display.js";
import { RegionTool, regionOf, regionText } from "./region.js";
import { changed } from "./state.js";

export class PictureStage {
  constructor(card, asking) {
    this.card = card;
    this.asking = asking;
    this.stage = card.querySelector(".query-stage");
    this.note = card.querySelector("#picture-note");
    this.display = null;
    card.querySelector("[data-crop]").addEventListener("click", () => this.crop());
    card.querySelector("[data-drop-picture]").addEventListener("click", () => this.leave());
  }

  async take(file) {
    this.card.hidden = false;
    document.getElementById("query-case")?.setAttribute("hidden", "");
    // The server reads pixels as they lie in the file: so must the region.
    const bitmap = await createImageBitmap(file, { imageOrientation: "none" }).catch(() => null);
    if (!this.display) {
      this.display = new Display(this.stage, this.stage.querySelector("canvas"));
      const size = () => ({ columns: this.display.bitmap.width, rows: this.display.bitmap.height });
      this.tool = new RegionTool(this.stage, this.display, size);
      this.tool.addEventListener("change", () => this.askRegion());
    }
    this.display.show(bitmap);
    this.tool.set(null);
    this.card.querySelector("[data-crop]").hidden = !bitmap;
    this.note.textContent = bitmap
      ? gettext("Compared in memory, never stored.")
      : gettext("No preview of this file. Compared in memory, never stored.");
    const state = changed(this.asking.state, { region: "", patient: "" });
    this.asking.picture = file;
    return this.asking.ask(state);
  }

  crop() {
    if (this.tool.region) this.tool.clear();
    else this.tool.place();
  }

  askRegion() {
    this.asking.ask(changed(this.asking.state, { region: regionText(this.tool.region) }));
  }

  tell() {
    if (!this.asking.picture || this.tool.drag) return;
    const region = regionOf(this.asking.state.get("region"));
    this.tool.set(region);
    this.card.querySelector("[data-crop]").setAttribute("aria-pressed", String(Boolean(region)));
  }

  leave() {
    window.location.reload();
  }
}

/** Files that are dropped on the page, or chosen. */
export function takePictures(onPicture) {
  const field = document.getElementById("pick-picture");
  field.addEventListener("change", () => {
    if (field.files[0]) onPicture(field.files[0]);
    field.value = "";
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
    if (file) onPicture(file);
  });
}
