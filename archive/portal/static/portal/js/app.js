// What works on every page: theme, keyboard, menus, loading line, pictures that fail.
(() => {
  "use strict";
  const root = document.documentElement;
  const isTyping = (target) =>
    target.closest("input, select, textarea, [contenteditable]") !== null;

  function toggleTheme() {
    const theme = root.dataset.theme === "light" ? "dark" : "light";
    root.dataset.theme = theme;
    document.cookie = `twinsight_theme=${theme};path=/;max-age=31536000;samesite=lax`;
  }

  function openHelp() {
    const help = document.getElementById("help");
    if (help && !help.open) help.showModal();
  }

  // Rows and cards that j and k walk through carry data-item; the one in hand is focused.
  const items = () =>
    [...document.querySelectorAll("[data-item]")].filter((item) => item.offsetParent);

  function currentItem() {
    return document.activeElement?.closest?.("[data-item]") ?? null;
  }

  function step(offset) {
    const all = items();
    if (!all.length) return;
    const at = all.indexOf(currentItem());
    const next = at < 0 ? (offset > 0 ? 0 : all.length - 1) : at + offset;
    const item = all[Math.max(0, Math.min(all.length - 1, next))];
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  }

  function follow(selector, scope) {
    const link = (scope ?? document).querySelector(selector);
    if (!link || link.getAttribute("aria-disabled") === "true") return false;
    link.click();
    return true;
  }

  const plain = {
    "/": () => {
      const field = document.querySelector("[data-search]");
      if (!field) return false;
      field.focus();
      field.select();
      return true;
    },
    "?": () => openHelp() ?? true,
    j: () => step(1) ?? true,
    k: () => step(-1) ?? true,
    n: () => follow("[data-next]"),
    p: () => follow("[data-previous]"),
    s: () => follow("[data-similar]", currentItem() ?? document),
    c: () => follow("[data-collect]", currentItem() ?? document),
  };
  const places = {
    w: "portal:study-list",
    u: "portal:upload",
    s: "similarity:similar-page",
    c: "portal:collection-list",
    r: "worklist:review-list",
  };
  let awaitsPlace = 0;

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      document.querySelector("details.menu[open]")?.removeAttribute("open");
      if (isTyping(event.target)) {
        // Browsers empty a search field on Escape; leaving it should not undo the search.
        event.preventDefault();
        event.target.blur();
      }
      return;
    }
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (Date.now() - awaitsPlace < 1200 && places[event.key]) {
      awaitsPlace = 0;
      const link = document.querySelector(`[data-place="${places[event.key]}"]`);
      if (link) link.click();
      event.preventDefault();
      return;
    }
    if (event.key === "g") {
      awaitsPlace = Date.now();
      return;
    }
    if (event.key === "Enter" && event.target.matches("[data-item]")) {
      follow("[data-open]", event.target);
      event.preventDefault();
      return;
    }
    if (Object.hasOwn(plain, event.key) && plain[event.key]() !== false) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
    if (event.target.closest("[data-help]")) openHelp();
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard?.writeText(copy.dataset.copy).then(() => {
        copy.classList.add("is-copied");
        setTimeout(() => copy.classList.remove("is-copied"), 1200);
      });
    }
    for (const menu of document.querySelectorAll("details.menu[open]"))
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    // A click anywhere on a row opens it, except on what has a click of its own.
    const row = event.target.closest("[data-row]");
    const isBusy = event.target.closest("a, button, input, label, summary");
    if (row && !isBusy && !String(window.getSelection())) {
      const link = row.querySelector("[data-open]");
      if (link && (event.ctrlKey || event.metaKey)) window.open(link.href, "_blank", "noopener");
      else link?.click();
    }
  });

  // A choice that narrows a list is asked for at once.
  document.addEventListener("change", (event) => {
    event.target.closest("[data-submit]")?.form.requestSubmit();
  });

  // Errors of pictures don't bubble, but are captured.
  document.addEventListener(
    "error",
    (event) => {
      if (event.target instanceof HTMLImageElement) event.target.classList.add("is-broken");
    },
    true,
  );

  const setLoading = (isLoading) => root.classList.toggle("is-loading", isLoading);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!event.target.closest("[data-silent]")) setLoading(true);
  });
  document.addEventListener("htmx:afterRequest", () => setLoading(false));
  window.addEventListener("pageshow", () => setLoading(false));
  document.addEventListener("htmx:responseError", (event) => {
    // A session that ended while the page was open: signing in again brings the person back.
    if (event.detail.xhr.status === 401) window.location.reload();
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const url = event.detail.xhr.responseURL;
    if (url && new URL(url).pathname === "/login/") {
      event.preventDefault();
      window.location.reload();
    }
  });
})();
