// The pictures of a quiz: wheel, arrow keys and the slider go through them.
(() => {
  "use strict";
  const stage = document.getElementById("quiz-stage");
  const frame = document.getElementById("quiz-frame");
  const scrub = document.getElementById("quiz-scrub");
  const place = document.getElementById("quiz-place");
  if (!stage || !frame || !scrub) return;
  const count = Number(stage.dataset.count);
  const address = (number) => stage.dataset.first.replace(/1\/$/, `${number}/`);
  const kept = new Map();
  let shown = Number(scrub.value);

  function load(number) {
    if (number < 1 || number > count) return null;
    if (!kept.has(number)) {
      const image = new Image();
      image.src = address(number);
      kept.set(number, image);
    }
    return kept.get(number);
  }

  function show(wanted) {
    const number = Math.max(1, Math.min(count, wanted));
    shown = number;
    scrub.value = String(number);
    place.textContent = String(number);
    const image = load(number);
    image
      .decode()
      .then(() => {
        if (shown === number) frame.src = image.src;
      })
      .catch(() => frame.classList.add("is-broken"));
    load(number + 1);
    load(number - 1);
  }

  scrub.addEventListener("input", () => show(Number(scrub.value)));
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      show(shown + Math.sign(event.deltaY));
    },
    { passive: false },
  );
  const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -1e6, End: 1e6 };
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select") || !(event.key in steps)) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    show(shown + steps[event.key]);
  });
})();
