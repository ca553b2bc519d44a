// Asking: one request at a time, its answer in the place of the grid, the address kept in step.
import { writeState } from "./state.js";

const root = document.documentElement;
export const csrfToken = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
export const results = () => document.getElementById("similar-results");

export class Asking extends EventTarget {
  constructor(form) {
    super();
    this.form = form;
    this.picture = null; // a file that is asked by; it is part of no address
    this.controller = null;
  }

  get state() {
    return new URLSearchParams(this.picture ? this.pictureState : location.search);
  }

  /** Ask a question by its state. */
  ask(state) {
    if (this.picture) return this.askPicture(state);
    const query = state.toString();
    return this.load(this.form.action + (query ? `?${query}` : ""), {}, { isPushed: true });
  }

  askPicture(state) {
    this.pictureState = state.toString();
    const body = new FormData();
    for (const [name, value] of state)
      if (!["study", "series", "instance", "frame", "search"].includes(name)) body.append(name, value);
    body.append("image", this.picture, "picture");
    return this.load(this.form.dataset.pictureUrl, { method: "POST", body });
  }

  /** Send a form of the page, the button that was pressed included; its answer is a new state. */
  send(form, submitter) {
    const body = new URLSearchParams(new FormData(form, submitter));
    return this.load(form.action, { method: "POST", body }, { isPushed: true });
  }

  async load(url, options = {}, { isPushed = false } = {}) {
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    this.wait();
    try {
      const response = await fetch(url, {
        headers: { "X-CSRFToken": csrfToken(), "HX-Request": "true" },
        signal: controller.signal,
        ...options,
      });
      const answered = new URL(response.url);
      if (answered.pathname === "/login/") return window.location.reload();
      if (!response.ok) throw new Error(String(response.status));
      const text = await response.text();
      if (isPushed) history.pushState(null, "", answered.pathname + answered.search);
      this.show(text);
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error);
      else return;
    }
    root.classList.remove("is-loading");
  }

  wait() {
    root.classList.add("is-loading");
    const shown = results();
    shown.classList.add("is-waiting");
    shown.setAttribute("aria-busy", "true");
    if (shown.querySelector(".similar-grid")) return;
    const skeleton = document.getElementById("skeleton").content.cloneNode(true);
    for (const child of [...shown.children]) if (!child.matches(".conditions, form")) child.remove();
    shown.append(skeleton);
  }

  show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const found = page.getElementById("similar-results");
    const held = heldBy(document.activeElement);
    // What was opened stays open from answer to answer.
    if (results().querySelector("details[data-remember][open]"))
      found.querySelector("details[data-remember]")?.setAttribute("open", "");
    results().replaceWith(found);
    window.htmx?.process(found);
    writeState(this.form, this.state);
    this.tell();
    if (held) take(found, held);
    this.dispatchEvent(new CustomEvent("answer"));
  }

  /** What else of the page knows the question: the menu that saves it. */
  tell() {
    for (const field of document.querySelectorAll("[data-state-field]"))
      field.value = this.state.toString();
    for (const part of document.querySelectorAll("[data-needs-question]"))
      part.hidden = Boolean(this.picture) || ![...this.state].length;
  }

  fail(error) {
    const shown = results();
    shown.classList.remove("is-waiting");
    shown.removeAttribute("aria-busy");
    shown.querySelector(".is-skeleton")?.closest("ol").remove();
    shown.querySelector(":scope > .notice-bad")?.remove();
    const note = document.createElement("p");
    note.className = "notice notice-bad";
    note.role = "alert";
    note.textContent = ["413", "400"].includes(error.message)
      ? gettext("This picture is too large, or can’t be read.")
      : gettext("The search failed. Try again in a moment.");
    shown.prepend(note);
  }
}

/** What had the focus: a hit, its place, and the button of it. */
function heldBy(element) {
  const hit = element?.closest?.("[data-hit]");
  if (!hit) return null;
  const thumb = element.closest("[data-thumb]")?.dataset.thumb;
  const place = [...hit.parentElement.querySelectorAll("[data-hit]")].indexOf(hit);
  return { key: hit.dataset.hit, place, thumb };
}

/** The same hit among new results; where it is gone, the one in its place. */
function take(found, { key, place, thumb }) {
  const hits = [...found.querySelectorAll("[data-hit]")];
  const same = hits.find((hit) => hit.dataset.hit === key);
  const button = same && thumb ? same.querySelector(`[data-thumb="${thumb}"]`) : null;
  (button ?? same ?? hits[Math.min(place, hits.length - 1)])?.focus({ preventScroll: true });
}
