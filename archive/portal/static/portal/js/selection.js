// Studies selected for an act: kept while pages and orders change, until something is done.
(() => {
  "use strict";
  const bar = document.getElementById("selection");
  if (!bar) return;
  const KEY = "twinsight-selected";
  const chosen = new Set(JSON.parse(sessionStorage.getItem(KEY) || "[]"));
  let isAll = false;
  let anchor = null;

  const list = () => document.getElementById("worklist");
  const marks = () => [...document.querySelectorAll("#worklist [data-mark]")];
  const isShownWhole = () => marks().length > 0 && marks().every((mark) => chosen.has(mark.value));

  function words() {
    const total = Number(list().dataset.total);
    if (isAll && list().dataset.isExact) return bar.dataset.allExact.replace("%n", total);
    if (isAll) return bar.dataset.all;
    return chosen.size === 1 ? bar.dataset.one : bar.dataset.many.replace("%n", chosen.size);
  }

  function show() {
    for (const mark of marks()) {
      mark.checked = isAll || chosen.has(mark.value);
      mark.closest("tr").classList.toggle("is-marked", mark.checked);
    }
    const head = document.querySelector("#worklist [data-mark-page]");
    if (head) {
      head.checked = isAll || isShownWhole();
      head.indeterminate = !head.checked && marks().some((mark) => mark.checked);
    }
    bar.hidden = !isAll && chosen.size === 0;
    bar.querySelector("[data-count]").textContent = bar.hidden ? "" : words();
    const more = Number(list().dataset.total) > marks().length;
    bar.querySelector("[data-mark-all]").hidden = isAll || !more || !isShownWhole();
    sessionStorage.setItem(KEY, JSON.stringify([...chosen]));
  }

  function mark(uid, isMarked) {
    if (isMarked) chosen.add(uid);
    else chosen.delete(uid);
  }

  function clear() {
    chosen.clear();
    isAll = false;
    anchor = null;
    show();
  }

  // From the one marked last to this one, where shift is held.
  function markTo(box, isMarked, isRange) {
    const all = marks();
    const from = all.findIndex((one) => one.value === anchor);
    const to = all.indexOf(box);
    const range = isRange && from >= 0 ? all.slice(Math.min(from, to), Math.max(from, to) + 1) : [box];
    if (isAll) {
      isAll = false;
      for (const one of all) chosen.add(one.value);
    }
    for (const one of range) mark(one.value, isMarked);
    anchor = box.value;
    show();
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-mark]");
    if (box) markTo(box, box.checked, event.shiftKey);
    const page = event.target.closest("[data-mark-page]");
    if (page) {
      isAll = false;
      for (const one of marks()) mark(one.value, page.checked);
      show();
    }
    if (event.target.closest("[data-mark-all]")) {
      isAll = true;
      show();
    }
    if (event.target.closest("[data-unmark]")) clear();
    const act = event.target.closest("[data-act]");
    if (act) ask(act.dataset.act);
  });

  function ask(address) {
    bar.querySelector("details[open]")?.removeAttribute("open");
    const count = isAll && !list().dataset.isExact ? "" : isAll ? list().dataset.total : chosen.size;
    htmx.ajax("GET", `${address}?count=${count}`, { target: "#act-body", swap: "innerHTML" });
  }

  // Escape closes what is open first; looked at before the page's own listener closes it.
  let hadMenu = false;
  document.addEventListener(
    "keydown",
    () => {
      hadMenu = document.querySelector("details.menu[open]") !== null;
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    const row = document.activeElement?.closest?.("tr[data-study]");
    const box = row?.querySelector("[data-mark]");
    if ((event.key === "x" || event.key === "X") && box) {
      markTo(box, !box.checked, event.shiftKey);
      event.preventDefault();
    }
    if (event.key === "o" && row) {
      const link = row.querySelector("[data-viewer]") ?? row.querySelector("[data-open]");
      link.click();
      event.preventDefault();
    }
    if (event.key === "c" && row) {
      const collect = bar.querySelector('[data-act$="/collect/"]');
      if (!chosen.size && !isAll) markTo(box, true, false);
      if (collect) ask(collect.dataset.act);
      // The page's own key for it would look for a button that rows don't have.
      event.preventDefault();
    }
    if (event.key === "Escape" && !hadMenu) clear();
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "act-body") {
      const dialog = document.getElementById("act");
      if (!dialog.open) dialog.showModal();
      if (document.querySelector("#act-body [data-started]")) {
        clear();
        setTimeout(() => dialog.close(), 1600);
      }
    }
    show();
  });
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches?.("[data-act-form]")) return;
    const sent = event.detail.formData;
    sent.set("all", isAll ? "1" : "");
    sent.set("query", location.search.slice(1));
    sent.set("studies", isAll ? "" : [...chosen].join(" "));
  });
  // Another list: what was "all of it" is not all of this one.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "filters" && isAll) clear();
  });
  show();
})();
