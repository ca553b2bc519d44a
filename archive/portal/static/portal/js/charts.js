// Charts drawn from the tables beside them; where this script does not run, the tables stay.
(() => {
  "use strict";
  const HEIGHT = 240;
  const drawn = new Map();
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const TONES = {
    ct: "--mod-ct",
    mr: "--mod-mr",
    xr: "--mod-xr",
    us: "--mod-us",
    nm: "--mod-nm",
    other: "--mod-other",
    twin: "--twin",
    query: "--query",
    busy: "--busy",
    ok: "--ok",
    warn: "--warn",
    bad: "--bad",
    quiet: "--text-3",
  };
  const colour = (tone) => token(TONES[tone] ?? "--twin");
  const faded = (value) => `color-mix(in srgb, ${value} 78%, transparent)`;

  const whole = new Intl.NumberFormat(document.documentElement.lang || "en");
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  // As the tables beside the charts have it: steps of 1024.
  function inBytes(value) {
    const size = Math.abs(value);
    const step = units.findLastIndex((_, power) => size >= 1024 ** power);
    return step < 1 ? `${value} B` : `${+(value / 1024 ** step).toPrecision(3)} ${units[step]}`;
  }
  // Nothing is counted by less than a day: no day stands on an axis twice.
  const DAYS = [1, 2, 5, 7, 10, 14, 30, 60, 90, 180, 365, 730].map((days) => days * 86400);
  const BYTE_STEPS = Array.from({ length: 62 }, (_, power) => 2 ** power);
  function written(value, unit) {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return `${Math.round(value * 100)} %`;
    if (unit === "bytes") return inBytes(value);
    return whole.format(value);
  }

  function read(table) {
    const heads = [...table.querySelectorAll("thead th")].slice(1);
    const rows = [...table.querySelectorAll("tbody tr")];
    const number = (cell) => (cell.dataset.value === "" ? null : Number(cell.dataset.value));
    return {
      head: table.querySelector("thead th").textContent.trim(),
      names: heads.map((head) => head.textContent.trim()),
      tones: heads.map((head) => head.dataset.tone),
      times: rows.map((row) => Number(row.children[0].dataset.value)),
      columns: heads.map((_, at) => rows.map((row) => number(row.children[at + 1]))),
    };
  }

  // Each layer reaches from the axis to the sum of itself and all before; the tallest is drawn first.
  function stacked(columns) {
    const sums = [];
    columns.forEach((column, at) => {
      sums.push(column.map((value, row) => (value ?? 0) + (at ? sums[at - 1][row] : 0)));
    });
    return sums;
  }

  function options(kind, unit, data, width) {
    const { head, names, tones, columns, times } = data;
    const order = names.map((_, at) => at);
    if (kind === "stacked") order.reverse();
    const bars = uPlot.paths.bars({ size: [0.82, 40], radius: 0.08, align: 1 });
    const series = order.map((at) => {
      const ink = colour(tones[at]);
      const look = kind === "lines" ? { width: 2, points: { show: times.length < 40, size: 5 } } : { width: 0, paths: bars, fill: faded(ink), points: { show: false } };
      return {
        label: names[at],
        stroke: ink,
        spanGaps: true,
        value: (_, __, ___, row) => (row === null ? "" : written(columns[at][row], unit)),
        ...look,
      };
    });
    const axis = { stroke: token("--text-3"), grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, font: `11px ${token("--font")}` };
    const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
    // Years stand on the axis where there are several of them.
    const isLong = times.at(-1) - times[0] > 400 * 86400;
    // A bar reaches from its day to the next: the last one needs its room, too.
    const step = kind === "lines" ? 0 : times.length > 1 ? times.at(-1) - times.at(-2) : 86400;
    const onAxis = (seconds) => (isLong ? day(seconds).slice(0, 7) : day(seconds).slice(5));
    return {
      order,
      setup: {
        width,
        height: HEIGHT,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
        legend: { live: true },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: kind === "lines" } },
        // One day alone stands in the middle of a week.
        scales: { x: { range: (_, low, high) => (times.length < 2 ? [low - 259200, low + 259200 + step] : [low, high + step]) }, y: { range: (_, low, high) => [Math.min(0, low), unit === "share" ? 1 : (high || 1) * 1.08] } },
        series: [{ label: "\u00a0", value: (_, seconds) => (seconds === null ? "" : `${head} ${day(seconds)}`) }, ...series],
        axes: [
          { ...axis, grid: { show: false }, incrs: DAYS, size: 30, space: 70, values: (_, all) => all.map(onAxis) },
          { ...axis, ...(unit === "bytes" ? { incrs: BYTE_STEPS } : {}), size: 58, gap: 4, values: (_, all) => all.map((value) => written(value, unit)) },
        ],
      },
    };
  }

  function draw(figure) {
    const place = figure.querySelector(".chart-place");
    const data = read(figure.querySelector(".chart-table table"));
    drawn.get(figure)?.destroy();
    drawn.delete(figure);
    place.replaceChildren();
    const hasAny = data.columns.some((column) => column.some((value) => value));
    if (!data.times.length || !hasAny) {
      const nothing = document.createElement("p");
      nothing.className = "chart-nothing";
      nothing.textContent = figure.dataset.nothing ?? "";
      place.append(nothing);
      return;
    }
    const { kind, unit } = { kind: figure.dataset.chart, unit: figure.dataset.unit };
    const { order, setup } = options(kind, unit, data, place.clientWidth);
    const lines = kind === "stacked" ? stacked(data.columns) : data.columns;
    drawn.set(figure, new uPlot(setup, [data.times, ...order.map((at) => lines[at])], place));
  }

  function drawAll(root = document) {
    if (typeof uPlot === "undefined") return;
    for (const figure of root.querySelectorAll("[data-chart]")) draw(figure);
  }

  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const chart = drawn.get(target.closest("[data-chart]"));
      if (chart && chart.width !== Math.floor(contentRect.width))
        chart.setSize({ width: Math.floor(contentRect.width), height: HEIGHT });
    }
  });
  new MutationObserver(() => drawAll()).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });
  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    for (const place of document.querySelectorAll(".chart-place")) sizes.observe(place);
  });
})();
