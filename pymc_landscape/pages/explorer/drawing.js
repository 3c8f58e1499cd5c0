// Lines, ticks, colours and contours: how numbers are drawn. Knows nothing of models.
"use strict";

const drawing = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  // Viridis: its lightness only grows, so that it reads in grey too. Plotly has the same under this name.
  const STOPS = [
    [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121],
    [110, 206, 88], [181, 222, 43], [253, 231, 37],
  ];
  const WATER = [158, 206, 240];
  // One dash a level and one a walker, so that lines differ in grey as well.
  const LEVEL_DASHES = ["2 3", "8 3 2 3", "", "7 4"];
  const WALKER_DASHES = ["", "9 4", "2 3", "9 3 2 3", "5 2", "14 4"];
  const WALKER_COLOURS = ["#ff9a5c", "#56b4e9", "#e79cc9", "#f0e442", "#ffffff", "#8fe0c0"]; // on the dark of the map
  const EMPTY = [150, 150, 150];

  // Text goes in as text: a name from a model is never read as markup.
  function element(name, attributes = {}, text = null) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, each]) => made.setAttribute(key, each));
    if (text !== null) made.textContent = text;
    return made;
  }

  function shape(parent, name, attributes = {}, text = null) {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, each]) => made.setAttribute(key, each));
    if (text !== null) made.textContent = text;
    parent.append(made);
    return made;
  }

  function format(number, digits = 4) {
    if (number === null || number === undefined || Number.isNaN(number)) return "–";
    if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
    const size = Math.abs(number);
    const text = size !== 0 && (size < 1e-4 || size >= 1e7) ? number.toExponential(digits - 1)
      : Number(number.toPrecision(Math.max(digits, Math.ceil(Math.log10(size + 1))))).toString();
    return text.replaceAll("-", "−");
  }

  function colour(t) {
    const along = Math.min(Math.max(t, 0), 1) * (STOPS.length - 1);
    const i = Math.min(Math.floor(along), STOPS.length - 2);
    return STOPS[i].map((low, channel) => low + (along - i) * (STOPS[i + 1][channel] - low));
  }

  // Round numbers between two ends: 1, 2 or 5 times a power of ten apart, or powers of ten on a log scale.
  function ticks(low, high, most, log = false) {
    if (log && high / low >= 10) {
      const first = Math.ceil(Math.log10(low) - 1e-9);
      const last = Math.floor(Math.log10(high) + 1e-9);
      const every = Math.ceil((last - first + 1) / most);
      return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)).filter((_, i) => i % every === 0);
    }
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) found.push(i * step);
    return found;
  }

  // From a number to a place on the screen, on a straight or a logarithmic scale.
  function ruler(low, high, from, to, log = false) {
    const along = log ? Math.log : (number) => number;
    const place = (number) => from + ((along(number) - along(low)) / (along(high) - along(low))) * (to - from);
    return Object.assign(place, { low, high, log });
  }

  function line(xs, ys) {
    let path = "";
    let pen = "M";
    xs.forEach((x, i) => {
      const seen = Number.isFinite(x) && Number.isFinite(ys[i]);
      if (seen) path += `${pen}${x.toFixed(1)} ${ys[i].toFixed(1)}`;
      pen = seen ? "L" : "M";
    });
    return path;
  }

  // Where a surface given at nodes crosses a level: joined lines, by marching squares.
  function contours(heights, xs, ys, level) {
    const nx = xs.length;
    const crossings = new Map();
    const links = new Map();
    const high = (k) => !(heights[k] <= level);
    // Between a finite height and none the line keeps to the finite node; NaN counts as none.
    function cross(a, b) {
      const name = Math.min(a, b) * 4 + (Math.abs(a - b) === 1 ? 0 : 1);
      if (!crossings.has(name)) {
        const [low, top] = high(a) ? [b, a] : [a, b];
        const t = Number.isFinite(heights[top]) ? (level - heights[low]) / (heights[top] - heights[low]) : 0;
        const between = (values, i, j) => values[i] + t * (values[j] - values[i]);
        crossings.set(name, [between(xs, low % nx, top % nx), between(ys, Math.floor(low / nx), Math.floor(top / nx))]);
        links.set(name, []);
      }
      return name;
    }
    for (let j = 0; j + 1 < ys.length; j += 1) {
      for (let i = 0; i + 1 < nx; i += 1) {
        const corner = [j * nx + i, j * nx + i + 1, (j + 1) * nx + i + 1, (j + 1) * nx + i];
        const edges = corner.map((a, k) => [a, corner[(k + 1) % 4]]).filter(([a, b]) => high(a) !== high(b));
        const names = edges.map(([a, b]) => cross(a, b));
        // Where all four edges are crossed, low corners on a diagonal stay apart.
        if (names.length === 4 && !high(corner[0])) names.unshift(names.pop());
        for (let k = 0; k < names.length; k += 2) {
          links.get(names[k]).push(names[k + 1]);
          links.get(names[k + 1]).push(names[k]);
        }
      }
    }
    return chained(crossings, links);
  }

  function chained(crossings, links) {
    const left = new Set(crossings.keys());
    const ends = [...left].filter((name) => links.get(name).length === 1);
    const lines = [];
    [...ends, ...left].forEach((start) => {
      if (!left.has(start)) return;
      const points = [];
      let name = start;
      while (name !== undefined) {
        left.delete(name);
        points.push(crossings.get(name));
        name = links.get(name).find((each) => left.has(each));
      }
      if (links.get(start).length === 2) points.push(points[0]);
      lines.push(points);
    });
    return lines;
  }

  // A surface as coloured pixels, straight between nodes; `paint` says which colour a height has.
  function heat(canvas, heights, xs, ys, paint) {
    const { width, height } = canvas;
    const pen = canvas.getContext("2d");
    const picture = pen.createImageData(width, height);
    const column = cells(xs, width);
    const row = cells(ys, height);
    const nx = xs.length;
    for (let j = 0; j < height; j += 1) {
      const [below, v] = row[j];
      for (let i = 0; i < width; i += 1) {
        const [left, u] = column[i];
        const k = below * nx + left;
        const lower = mixed(heights[k], heights[k + 1], u);
        const upper = mixed(heights[k + nx], heights[k + nx + 1], u);
        const [red, green, blue] = paint(mixed(lower, upper, v), i, j);
        picture.data.set([red, green, blue, 255], 4 * (j * width + i));
      }
    }
    pen.putImageData(picture, 0, 0);
  }

  function mixed(a, b, t) {
    if (Number.isFinite(a) && Number.isFinite(b)) return a + t * (b - a);
    return t < 0.5 ? a : b;
  }

  // For each pixel the cell it is in and how far: places of nodes run from 0 to 1, up or down.
  function cells(places, pixels) {
    const rising = places[0] < places[places.length - 1];
    return Array.from({ length: pixels }, (_, pixel) => {
      const at = (pixel + 0.5) / pixels;
      let i = places.findIndex((each) => (rising ? each > at : each < at)) - 1;
      if (i < 0) i = places.length - 2;
      return [i, Math.min(Math.max((at - places[i]) / (places[i + 1] - places[i]), 0), 1)];
    });
  }

  // An empty picture as wide as its frame, and its pen.
  function blank(svg, height) {
    const width = Math.max(svg.parentElement.clientWidth, 200);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren();
    return width;
  }

  // Ticks with numbers, below ("x") or left ("y") of a box, and thin lines across it.
  function axis(svg, side, scale, box, most, title = null) {
    ticks(scale.low, scale.high, most, scale.log).forEach((number) => {
      const at = scale(number);
      const across = side === "x" ? { x1: at, x2: at, y1: box.top, y2: box.bottom }
        : { x1: box.left, x2: box.right, y1: at, y2: at };
      shape(svg, "line", { class: "grid", ...across });
      const place = side === "x" ? { x: at, y: box.bottom + 14, "text-anchor": "middle" }
        : { x: box.left - 5, y: at + 4, "text-anchor": "end" };
      shape(svg, "text", place, format(number, 3));
    });
    if (title === null) return;
    const place = side === "x" ? { x: (box.left + box.right) / 2, y: box.bottom + 31, "text-anchor": "middle" }
      : { x: 2, y: box.top - 8, "text-anchor": "start" };
    shape(svg, "text", { class: "title", ...place }, title);
  }

  // Names at the ends of lines; of two that would overlap one is moved towards the middle.
  function labels(parent, ends, box, attributes = {}) {
    const taken = [];
    ends.toSorted((a, b) => b.y - a.y).forEach(({ x, y, text }) => {
      const width = 7 * text.length + 8;
      const before = x > box.right - width - 16;
      const left = before ? x - 8 - width : x + 8;
      let up = Math.max(y - 5, box.top + 10);
      const hit = () => taken.find((each) => Math.abs(each.up - up) < 13 && left < each.end && each.left < left + width);
      const away = y < (box.top + box.bottom) / 2 ? 13.5 : -13.5;
      while (hit()) up = hit().up + away;
      taken.push({ up, left, end: left + width });
      const place = before ? { x: x - 8, "text-anchor": "end" } : { x: x + 8 };
      shape(parent, "text", { ...attributes, ...place, y: up }, text);
    });
  }

  return {
    LEVEL_DASHES, WALKER_DASHES, WALKER_COLOURS, WATER, EMPTY, element, shape, format, colour, ruler, line, contours,
    heat, blank, axis, labels,
  };
})();
