// The case in hand: its slices to step through, and the region that is asked by.
import { frameAsked } from "../viewer/hands.js";
import { listFrames } from "../viewer/frames.js";
import { Viewport } from "../viewer/viewport.js";
import { RegionTool, regionOf, regionText } from "./region.js";
import { changed } from "./state.js";

// Frames around the one in sight that are fetched before and after somebody scrolls.
const AT_REST = 1;
const IN_USE = 40;

export class QueryStage {
  constructor(card, data, asking) {
    this.card = card;
    this.data = data;
    this.asking = asking;
    this.stage = card.querySelector(".query-stage");
    this.range = card.querySelector("[data-slices] input");
    const canvas = this.stage.querySelector("canvas");
    canvas.hidden = false;
    this.viewport = new Viewport(this.stage, canvas, data, {
      start: this.indexOf(data.start),
      most: AT_REST,
    });
    this.tool = new RegionTool(this.stage, this.viewport.display, () => this.size());
    this.tool.set(regionOf(data.region));
    this.listen();
    card.querySelector("[data-tools]").hidden = false;
    const many = this.viewport.frames.length;
    card.querySelector("[data-slices]").hidden = many < 2;
    card.querySelector("[data-tools] .segments").hidden = many < 2;
    this.range.max = String(many);
    this.viewport.show(this.viewport.index);
    this.tell();
  }

  indexOf({ instance, frame }) {
    return instance ? frameAsked(listFrames(this.data), instance, frame ?? undefined) : undefined;
  }

  size() {
    const { rows, columns } = this.viewport.frame;
    const { bitmap } = this.viewport.display;
    return { rows: rows || bitmap.height, columns: columns || bitmap.width };
  }

  listen() {
    const { viewport, stage, tool, card } = this;
    viewport.addEventListener("show", () => this.count());
    viewport.addEventListener("paint", () => {
      stage.querySelector("img").hidden = Boolean(viewport.display.bitmap);
      tool.layout();
    });
    tool.addEventListener("change", () => this.askImage());
    this.range.addEventListener("input", () => this.step(Number(this.range.value) - 1));
    this.range.addEventListener("change", () => this.settle());
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("keydown", (event) => this.key(event));
    card.querySelector("[data-crop]").addEventListener("click", () => this.crop());
    for (const button of card.querySelectorAll("[data-ask]"))
      button.addEventListener("click", () =>
        button.dataset.ask === "image" ? this.askImage() : this.askSeries(),
      );
  }

  crop() {
    if (this.tool.region) this.tool.clear();
    else this.tool.place();
  }

  step(index) {
    this.viewport.store.most = IN_USE;
    this.viewport.show(index);
  }

  wheel(event) {
    if (this.viewport.frames.length < 2 || event.ctrlKey) return;
    event.preventDefault();
    this.step(this.viewport.index + Math.sign(event.deltaY));
    this.settle();
  }

  key(event) {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by || event.target !== this.stage) return;
    event.preventDefault();
    this.step(this.viewport.index + by);
    this.settle();
  }

  /** Where one slice is asked by, another slice is another question; a series stays the same. */
  settle() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      if (this.isByImage()) this.askImage();
    }, 400);
  }

  isByImage() {
    return this.asking.state.has("instance");
  }

  askImage() {
    const { frame } = this.viewport;
    const state = changed(this.asking.state, {
      study: "",
      series: this.data.series,
      instance: frame.uid,
      frame: frame.frames > 1 ? String(frame.frame) : "",
      region: regionText(this.tool.region),
    });
    this.asking.ask(state);
    this.announce();
  }

  askSeries() {
    this.tool.set(null);
    const named = { study: "", series: this.data.series, instance: "", frame: "", region: "" };
    this.asking.ask(changed(this.asking.state, named));
  }

  count() {
    const { index, frames } = this.viewport;
    this.range.value = String(index + 1);
    this.range.setAttribute("aria-valuetext", interpolate(gettext("Slice %(place)s of %(total)s"), { place: index + 1, total: frames.length }, true));
    this.card.querySelector("[data-counter]").textContent = `${index + 1} / ${frames.length}`;
  }

  announce() {
    const { region } = this.tool;
    this.card.querySelector("[data-announce]").textContent = region
      ? interpolate(gettext("Searching by a region of %(width)s by %(height)s pixels."), region, true)
      : gettext("Searching by this image.");
  }

  /** Show what the address asks by; after an answer, and after going back. */
  tell() {
    const { state } = this.asking;
    const isByImage = this.isByImage();
    const region = regionOf(state.get("region"));
    const scope = region
      ? gettext("a region")
      : isByImage
        ? gettext("this image")
        : gettext("whole series");
    const isSingle = this.viewport.frames.length < 2;
    this.card.querySelector("[data-scope]").textContent = isSingle && !region ? "" : scope;
    for (const button of this.card.querySelectorAll("[data-ask]"))
      button.setAttribute("aria-pressed", String((button.dataset.ask === "image") === isByImage));
    this.card.querySelector("[data-crop]").setAttribute("aria-pressed", String(Boolean(region)));
    if (!this.tool.drag) this.tool.set(region);
  }

  /** After going back: the slice that the address names. */
  follow() {
    const { state } = this.asking;
    const at = this.indexOf({ instance: state.get("instance"), frame: state.get("frame") });
    if (at !== undefined && at !== this.viewport.index) this.viewport.show(at);
    this.tell();
  }
}
