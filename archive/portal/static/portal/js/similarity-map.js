// "Why these two?": the likeness of two pictures, place by place, drawn over both of them.
//
// Any button with data-likeness-open opens the page's one dialog (similarity/_map.html). It says
// data-query-instance (-frame, -region as x,y,width,height), data-result-instance (-frame, -name)
// and perhaps data-space. A query that is an uploaded picture has no instance, and is given by
// likenessMap.useImage(file, [x, y, width, height]).
(() => {
  "use strict";

  // Viridis: perceptually uniform, and the same order to the colour-blind.
  const COLOURS = [
    [68, 1, 84], [72, 26, 108], [71, 47, 125], [65, 68, 135], [57, 86, 140], [49, 104, 142],
    [42, 120, 142], [35, 136, 142], [31, 152, 139], [34, 168, 132], [53, 183, 121],
    [84, 197, 104], [122, 209, 81], [165, 219, 54], [210, 226, 27], [253, 231, 37],
  ];
  // Below the first nothing is veiled, from the second on the colour has its full strength.
  const [VEILED_FROM, VEILED_FULLY] = [0.08, 0.5];
  const WORDS = [
    [VEILED_FROM, gettext("no more alike than any two places")],
    [0.3, gettext("somewhat alike")],
    [0.6, gettext("alike")],
    [Infinity, gettext("very alike")],
  ];
  const PLACES = () => [
    [gettext("top left"), gettext("top centre"), gettext("top right")],
    [gettext("middle left"), gettext("the centre"), gettext("middle right")],
    [gettext("bottom left"), gettext("bottom centre"), gettext("bottom right")],
  ];
  const WARM = "#f0a35e";
  const COOL = "#58c9c1";

  let image = null;
  let shown = null;

  const dialog = () => document.getElementById("likeness");
  const part = (name) => dialog().querySelector(`[data-likeness-${name}]`);
  const stage = (side) => dialog().querySelector(`[data-likeness-stage="${side}"]`);
  const other = (side) => (side === "query" ? "result" : "query");

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-likeness-open]");
    if (button && dialog()) open(button.dataset);
  });

  window.likenessMap = {
    useImage(file, region = null) {
      image = file && { file, region };
    },
    open,
  };

  async function open(asked) {
    shown = null;
    prepare();
    part("wait").hidden = false;
    part("problem").hidden = part("content").hidden = true;
    part("reading").textContent = "\u00a0";
    part("name").textContent = asked.resultName || gettext("Similar case");
    if (!dialog().open) dialog().showModal();
    try {
      const answer = await compare(asked);
      await Promise.all(["query", "result"].map((side) => load(side, answer[side].picture)));
      shown = { answer, at: null };
      part("content").hidden = false;
      draw();
    } catch (error) {
      part("problem").hidden = false;
      part("problem").textContent = error.message;
    } finally {
      part("wait").hidden = true;
    }
  }

  async function compare(asked) {
    const query = {};
    if (asked.queryInstance) query.instance = asked.queryInstance;
    if (asked.queryFrame) query.frame = Number(asked.queryFrame);
    if (asked.queryRegion) query.region = asked.queryRegion.split(",").map(Number);
    const result = { instance: asked.resultInstance };
    if (asked.resultFrame) result.frame = Number(asked.resultFrame);
    const space = asked.space ?? dialog().dataset.space;
    const headers = { "X-CSRFToken": csrfToken() };
    let body;
    if (query.instance) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify({ query, result, space });
    } else {
      if (!image) throw new Error(gettext("There is no picture to compare with: choose it once more."));
      body = new FormData();
      body.append("result", JSON.stringify(result));
      body.append("space", space);
      if (image.region) body.append("query", JSON.stringify({ region: image.region }));
      body.append("image", image.file, "picture");
    }
    const response = await fetch(dialog().dataset.url, { method: "POST", headers, body });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.detail || gettext("The comparison failed. Try again."));
    return answer;
  }

  const csrfToken = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

  function load(side, address) {
    const picture = stage(side).querySelector("img");
    return new Promise((resolve, reject) => {
      picture.onload = resolve;
      picture.onerror = () => reject(new Error(gettext("A picture can’t be shown.")));
      picture.src = address;
    });
  }

  // Listeners are set once for each dialog: htmx may have put another one in its place.
  function prepare() {
    if (dialog().dataset.isReady) return;
    dialog().dataset.isReady = "true";
    for (const name of ["heat", "opacity", "pairs"]) part(name).addEventListener("input", draw);
    drawLegend();
    for (const side of ["query", "result"]) {
      const element = stage(side);
      element.addEventListener("pointermove", (event) => point(side, placeUnder(side, event)));
      element.addEventListener("pointerdown", (event) => point(side, placeUnder(side, event)));
      element.addEventListener("pointerleave", () => point(side, null));
      element.addEventListener("keydown", (event) => step(side, event));
      element.addEventListener("blur", () => point(side, null));
    }
    dialog().addEventListener("keydown", (event) => {
      // The page's own Escape would leave the field and keep the dialog.
      if (event.key === "Escape") return event.stopPropagation();
      const name = { h: "heat", p: "pairs" }[event.key];
      if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
      event.stopPropagation();
      part(name).checked = !part(name).checked;
      draw();
    });
    new ResizeObserver(draw).observe(dialog());
  }

  function step(side, event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move || !shown) return;
    event.preventDefault();
    event.stopPropagation();
    const { columns, rows } = mapOf(side);
    const here = shown.at?.side === side ? shown.at.index : null;
    const [column, row] =
      here === null
        ? [Math.floor(columns / 2), Math.floor(rows / 2)]
        : [(here % columns) + move[0], Math.floor(here / columns) + move[1]];
    if (column >= 0 && row >= 0 && column < columns && row < rows) point(side, row * columns + column);
  }

  function point(side, index) {
    if (!shown) return;
    const has = shown.at;
    if (has?.side === side && has.index === index) return;
    shown.at = index === null ? null : { side, index };
    tell();
    draw();
  }

  // What is pointed at, in words.
  function tell() {
    const reading = part("reading");
    if (!shown.at) return void (reading.textContent = "\u00a0");
    const { side, index } = shown.at;
    const drawn = mapOf(side);
    const best = drawn.best[index];
    if (best < 0) return void (reading.textContent = gettext("Background: not compared."));
    const value = drawn.values[index];
    const word = WORDS.find(([limit]) => value < limit)[1];
    const words =
      side === "query"
        ? gettext("Best counterpart in the similar case: %(place)s · %(value)s of 1, %(word)s")
        : gettext("Best counterpart in your case: %(place)s · %(value)s of 1, %(word)s");
    const place = placeName(other(side), best);
    reading.textContent = interpolate(words, { place, value: value.toFixed(2), word }, true);
  }

  function placeName(side, index) {
    const { columns, rows } = mapOf(side);
    const third = (value) => Math.min(2, Math.floor(value * 3));
    const down = third((Math.floor(index / columns) + 0.5) / rows);
    const across = third(((index % columns) + 0.5) / columns);
    return PLACES()[down][across];
  }

  const mapOf = (side) => shown.answer[`${side}_map`];

  // Where the map lies on the stage: the picture fits inside it, and a region inside the picture.
  function frameOf(side) {
    const { width, height } = stage(side).getBoundingClientRect();
    const picture = shown.answer[side];
    const scale = Math.min(width / picture.columns, height / picture.rows);
    const left = (width - picture.columns * scale) / 2;
    const top = (height - picture.rows * scale) / 2;
    const [x, y, w, h] = picture.region ?? [0, 0, picture.columns, picture.rows];
    return { left: left + x * scale, top: top + y * scale, width: w * scale, height: h * scale };
  }

  function placeUnder(side, event) {
    if (!shown) return null;
    const box = stage(side).getBoundingClientRect();
    const frame = frameOf(side);
    const { columns, rows } = mapOf(side);
    const column = Math.floor(((event.clientX - box.left - frame.left) / frame.width) * columns);
    const row = Math.floor(((event.clientY - box.top - frame.top) / frame.height) * rows);
    const isInside = column >= 0 && row >= 0 && column < columns && row < rows;
    return isInside ? row * columns + column : null;
  }

  function draw() {
    if (!shown) return;
    for (const side of ["query", "result"]) drawSide(side);
  }

  function drawSide(side) {
    const canvas = stage(side).querySelector("canvas");
    const { width, height } = stage(side).getBoundingClientRect();
    const density = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const drawing = canvas.getContext("2d");
    drawing.scale(density, density);
    const frame = frameOf(side);
    const region = shown.answer[side].region;
    dialog().querySelector(`[data-likeness-note="${side}"]`).textContent = region
      ? gettext("region")
      : "";
    if (part("heat").checked) drawHeat(drawing, frame, mapOf(side));
    if (region) drawBox(drawing, frame, side === "query" ? WARM : COOL, 1.5);
    if (part("pairs").checked && !shown.at) drawPairs(drawing, frame, side);
    drawPointed(drawing, frame, side);
  }

  function drawHeat(drawing, frame, { columns, rows, values }) {
    const small = document.createElement("canvas");
    [small.width, small.height] = [columns, rows];
    const pixels = new ImageData(columns, rows);
    values.forEach((value, index) => {
      pixels.data.set([...colourOf(value), 255 * veil(value)], index * 4);
    });
    small.getContext("2d").putImageData(pixels, 0, 0);
    drawing.save();
    drawing.globalAlpha = part("opacity").value / 100;
    drawing.imageSmoothingEnabled = true;
    drawing.imageSmoothingQuality = "high";
    drawing.drawImage(small, frame.left, frame.top, frame.width, frame.height);
    drawing.restore();
  }

  function veil(value) {
    const share = Math.min(1, Math.max(0, (value - VEILED_FROM) / (VEILED_FULLY - VEILED_FROM)));
    return share * share * (3 - 2 * share);
  }

  function colourOf(value) {
    const place = Math.min(1, Math.max(0, value)) * (COLOURS.length - 1);
    const [low, high] = [COLOURS[Math.floor(place)], COLOURS[Math.ceil(place)]];
    return low.map((channel, k) => channel + (high[k] - channel) * (place - Math.floor(place)));
  }

  const cellOf = (frame, { columns, rows }, index) => ({
    left: frame.left + ((index % columns) * frame.width) / columns,
    top: frame.top + (Math.floor(index / columns) * frame.height) / rows,
    width: frame.width / columns,
    height: frame.height / rows,
  });

  // A dark line under the coloured one: seen on bone and on air.
  function drawBox(drawing, box, colour, line) {
    drawing.lineJoin = "round";
    for (const [style, width] of [["rgb(0 0 0 / 70%)", line + 2.5], [colour, line]]) {
      drawing.strokeStyle = style;
      drawing.lineWidth = width;
      drawing.strokeRect(box.left, box.top, box.width, box.height);
    }
  }

  function drawPairs(drawing, frame, side) {
    shown.answer.pairs.forEach((pair, number) => {
      const cell = cellOf(frame, mapOf(side), pair[side]);
      const [x, y] = [cell.left + cell.width / 2, cell.top + cell.height / 2];
      drawing.beginPath();
      drawing.arc(x, y, 9, 0, 2 * Math.PI);
      drawing.fillStyle = "rgb(0 0 0 / 78%)";
      drawing.fill();
      drawing.lineWidth = 1.5;
      drawing.strokeStyle = side === "query" ? WARM : COOL;
      drawing.stroke();
      drawing.fillStyle = "#fff";
      drawing.font = "600 11px 'Inter Variable', system-ui, sans-serif";
      drawing.textAlign = "center";
      drawing.textBaseline = "middle";
      drawing.fillText(String(number + 1), x, y + 0.5);
    });
  }

  function drawPointed(drawing, frame, side) {
    const at = shown.at;
    if (!at) return;
    const index = at.side === side ? at.index : mapOf(at.side).best[at.index];
    if (index < 0) return;
    drawBox(drawing, cellOf(frame, mapOf(side), index), side === "query" ? WARM : COOL, 2.5);
  }

  function drawLegend() {
    const canvas = part("legend");
    const drawing = canvas.getContext("2d");
    for (let x = 0; x < canvas.width; x += 1) {
      const value = x / (canvas.width - 1);
      const [red, green, blue] = colourOf(value);
      drawing.fillStyle = `rgb(${red} ${green} ${blue} / ${veil(value)})`;
      drawing.fillRect(x, 0, 1, canvas.height);
    }
  }
})();
