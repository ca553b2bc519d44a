// Says so when a part of the page can't be brought up to date, and takes it back when it can again.
(() => {
  "use strict";
  let notice = null;
  // What a browser breaks off because the page is left has not failed.
  let isLeft = false;
  window.addEventListener("pagehide", () => {
    isLeft = true;
  });
  window.addEventListener("pageshow", () => {
    isLeft = false;
  });

  function show(text) {
    if (isLeft) return;
    if (!notice) {
      notice = document.createElement("div");
      notice.className = "outage notice notice-bad";
      notice.setAttribute("role", "alert");
      notice.append(document.createElement("p"), closing());
      document.body.append(notice);
    }
    const words = notice.querySelector("p");
    // Said once, not with each question that a page asks by itself.
    if (words.textContent !== text) words.textContent = text;
  }

  function closing() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-ghost btn-s";
    button.textContent = gettext("Close");
    button.addEventListener("click", hide);
    return button;
  }

  function hide() {
    notice?.remove();
    notice = null;
  }

  for (const kind of ["htmx:sendError", "htmx:timeout"])
    document.addEventListener(kind, () => show(gettext("The archive does not answer. What you see may be out of date.")));
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (status === 503) show(gettext("The archive's database does not answer. What you see may be out of date."));
    else if (status >= 500) show(gettext("Something failed on our side. What you see may be out of date."));
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) hide();
  });
})();
