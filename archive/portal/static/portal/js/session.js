// What a page asks for by itself says so while nobody touches it: it keeps no session alive.
(() => {
  "use strict";
  const QUIET_MS = 60_000;
  let touched = Date.now();
  const touch = () => {
    touched = Date.now();
  };
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"])
    document.addEventListener(kind, touch, { passive: true, capture: true });
  document.addEventListener("htmx:configRequest", (event) => {
    if (Date.now() - touched > QUIET_MS) event.detail.headers["X-Idle"] = "1";
  });
})();
