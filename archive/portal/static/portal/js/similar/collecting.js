// Several selected hits into one collection: the first is asked about, the others follow it.

export function collectSelected(selection, csrfToken) {
  let url = "";
  let following = [];

  const place = (value) => {
    const [instance, frame] = value.split(":");
    return new URLSearchParams(frame ? { instance, frame } : { instance });
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-collect-all]");
    const [first, ...others] = [...selection.chosen];
    if (!button || !first) return;
    url = button.dataset.collectAll;
    following = others;
    window.htmx.ajax("GET", `${url}?${place(first)}`, { target: "#collect-body", swap: "innerHTML" });
  });

  document.addEventListener("htmx:afterSwap", async (event) => {
    const body = event.detail.target;
    if (body?.id !== "collect-body" || !following.length) return;
    const link = body.querySelector(".collected a");
    if (!link) return;
    const collection = /\/(\d+)\/$/.exec(new URL(link.href).pathname)?.[1];
    const others = following;
    following = [];
    let failed = 0;
    // One after the other: a collection keeps the order of the ranks.
    for (const value of others) if (!(await add(place(value), collection))) failed += 1;
    const count = link.parentElement.querySelector(".num");
    if (count)
      count.textContent = failed
        ? interpolate(
            gettext("%(failed)s of %(total)s could not be added"),
            { failed, total: others.length + 1 },
            true,
          )
        : interpolate(
            ngettext("%(n)s case", "%(n)s cases", others.length + 1),
            { n: others.length + 1 },
            true,
          );
  });
  // Another way into the dialog is about one case alone.
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-collect]")) following = [];
  });

  async function add(body, collection) {
    body.set("collection", collection);
    const headers = { "X-CSRFToken": csrfToken(), "HX-Request": "true" };
    const answer = await fetch(url, { method: "POST", headers, body }).catch(() => null);
    return Boolean(answer?.ok);
  }
}
