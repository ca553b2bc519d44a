// A shared series: the slider, the wheel and the arrow keys choose the picture.
(() => {
  "use strict";
  const stage = document.querySelector("[data-stack]");
  if (!stage) return;
  const picture = stage.querySelector("[data-picture]");
  const slider = stage.querySelector("[data-slider]");
  const count = stage.querySelector("[data-count]");
  const total = Number(stage.dataset.total);
  const loaded = new Map();

  const load = (number) => {
    if (number < 1 || number > total || loaded.has(number)) return loaded.get(number);
    const image = new Image();
    image.src = `${stage.dataset.base}${number}.jpg`;
    loaded.set(number, image);
    if (loaded.size > 400) loaded.delete(loaded.keys().next().value);
    return image;
  };

  const show = (number) => {
    const wanted = Math.min(total, Math.max(1, number));
    slider.value = String(wanted);
    count.textContent = `${wanted} / ${total}`;
    const image = load(wanted);
    const draw = () => {
      if (Number(slider.value) !== wanted) return;
      picture.src = image.src;
      picture.alt = picture.alt.replace(/\d+/, String(wanted));
      for (const step of [1, 2, 3, -1]) load(wanted + step);
    };
    if (image.complete) draw();
    else image.addEventListener("load", draw, { once: true });
  };

  slider.addEventListener("input", () => show(Number(slider.value)));
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      show(Number(slider.value) + Math.sign(event.deltaY));
    },
    { passive: false },
  );
  document.addEventListener("keydown", (event) => {
    if (event.target === slider) return;
    const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      show(Number(slider.value) + step);
    }
  });
  show(Number(slider.value));
})();
