// The surface drawn flat: the map with its margins, or the curve of one parameter.
"use strict";

const map = (() => {
  const { payload, axes, twoAxes, cap, shade, HEIGHTS } = landscape;
  const { LEVEL_DASHES, WALKER_DASHES, WALKER_COLOURS } = drawing;
  const frame = document.getElementById("map-frame");
  const svg = document.getElementById("map");
  const canvas = document.getElementById("heat");
  let box = null;
  let rulers = null;
  let layers = null;

  // Where Δ stands on the vertical axis of a curve.
  function raised(state) {
    const { floor } = landscape.surface(state);
    return (delta) => rulers.y(HEIGHTS[state.height].of(Math.min(delta, 4 * cap), floor, state));
  }

  function laidOut(state) {
    const narrow = frame.clientWidth < 420;
    const beside = twoAxes ? (narrow ? 46 : 84) : 0;
    const left = 46 + beside;
    const wide = Math.max(frame.clientWidth, 200) - left - 12;
    const tall = twoAxes ? Math.min(wide, 440) : 300;
    const width = drawing.blank(svg, 24 + tall + beside + 40);
    box = { left, right: width - 12, top: 24, bottom: 24 + tall, beside, floor: 24 + tall + beside, start: 46 };
    const ends = axes.map(({ values }) => [values[0], values.at(-1)]);
    const log = axes.map(({ scale }) => scale === "log");
    rulers = { x: drawing.ruler(...ends[0], box.left, box.right, log[0]) };
    const { floor } = landscape.surface(state);
    const heights = [0, cap].map((delta) => HEIGHTS[state.height].of(delta, floor, state)).toSorted((a, b) => a - b);
    rulers.y = twoAxes ? drawing.ruler(...ends[1], box.bottom, box.top, log[1])
      : drawing.ruler(...heights, box.bottom, box.top);
  }

  function draw(state) {
    laidOut(state);
    const { delta } = landscape.surface(state);
    const xTitle = axes[0].label;
    const yTitle = twoAxes ? axes[1].label : HEIGHTS[state.height].name(state);
    canvas.hidden = !twoAxes;
    if (twoAxes && delta) drawSurface(state, delta);
    const [below, beside] = [{ ...box, bottom: box.floor }, { ...box, left: box.start }];
    if (twoAxes) [below.top, beside.right] = [box.bottom, box.left];
    drawing.axis(svg, "x", rulers.x, below, Math.max(4, Math.round(box.right / 100)), xTitle);
    drawing.axis(svg, "y", rulers.y, beside, 6, yTitle);
    if (twoAxes && delta) drawRegions(state, delta);
    if (!twoAxes) drawCurve(state, delta);
    if (twoAxes) axes.forEach((_, axis) => drawMargin(state, axis));
    drawing.shape(svg, "rect", {
      class: "box", x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top,
    });
    if (!delta) drawing.shape(svg, "text", { x: box.left + 8, y: box.top + 20 }, "not computed here: see the notes");
    layers = { cursor: drawing.shape(svg, "g", { class: "cursor" }), walk: drawing.shape(svg, "g") };
    drawCursor(state);
  }

  function drawSurface(state, delta) {
    const area = { left: box.left, top: box.top, width: box.right - box.left, height: box.bottom - box.top };
    Object.entries(area).forEach(([side, size]) => { canvas.style[side] = `${size}px`; });
    canvas.width = Math.round(area.width / 2);
    canvas.height = Math.round(area.height / 2);
    const along = axes.map(({ values }, axis) => values.map((each) => landscape.fraction(axis, each)));
    const water = Math.sqrt(state.level);
    const paint = (root, i, j) => {
      if (Number.isNaN(root)) return (i + j) % 6 < 2 ? [110, 110, 110] : drawing.EMPTY;
      if (root === Infinity) return drawing.EMPTY;
      if (state.level > 0 && root <= water) return (i - j + 4096) % 8 < 1 ? [90, 150, 205] : drawing.WATER;
      return drawing.colour(shade(root * root, state));
    };
    drawing.heat(canvas, delta.map(Math.sqrt), along[0], along[1].map((each) => 1 - each), paint);
  }

  function drawRegions(state, delta) {
    const [xs, ys] = [axes[0].values.map(rulers.x), axes[1].values.map(rulers.y)];
    const roots = delta.map(Math.sqrt);
    const labels = [];
    const outline = (heights, level, attributes) => {
      const lines = drawing.contours(heights, xs, ys, Math.sqrt(level));
      const path = lines.map((points) => drawing.line(points.map(([x]) => x), points.map(([, y]) => y))).join("");
      drawing.shape(svg, "path", { class: "halo", d: path });
      drawing.shape(svg, "path", { d: path, ...attributes });
      return lines;
    };
    const begun = landscape.surface(landscape.initial).delta;
    const wide = payload.cutoffs.find((cutoff) => cutoff.level === 0.95);
    if (begun && begun !== delta) outline(begun.map(Math.sqrt), wide.df2, { class: "before" });
    payload.cutoffs.forEach(({ level, df2 }, i) => {
      const lines = outline(roots, df2, { class: "contour", "stroke-dasharray": LEVEL_DASHES[i] });
      // Away from the edges, where a line that ends would lie under its number.
      const within = ([x, y]) => x > box.left + 20 && x < box.right - 20 && y > box.top + 12 && y < box.bottom - 12;
      const longest = lines.reduce((most, each) => (each.length > most.length ? each : most), []).filter(within);
      if (longest.length < 8) return;
      // Each level's number stands on another side, so that they keep apart.
      const [right, down] = [[0, -1], [1, 0], [0, 1], [-1, 0]][i % 4];
      const reach = ([x, y]) => right * x + down * y;
      const [x, y] = longest.reduce((most, each) => (reach(each) > reach(most) ? each : most));
      const place = { class: "on-map", x, y: y + 4, "text-anchor": "middle" };
      labels.push(drawing.shape(svg, "text", place, `${100 * level} %`));
    });
    if (state.level > 0) outline(roots, state.level, { class: "shore" });
    const { valleys, passes } = landscape.lakes(state, state.level);
    valleys.forEach((valley, i) => mark(valley.at, "circle", { r: 3.5, class: "valley" }, `${i + 1}`, valleys.length));
    passes.forEach((pass) => mark(pass.at, "path", { d: "M-4 -4L4 4M-4 4L4 -4", class: "pass" }, "", 0));
    if (payload.prior_weights[state.prior] === 1 && payload.sizes[state.size] === 1) drawDraws();
    const lowest = landscape.mode(state);
    if (lowest?.x.every(Number.isFinite)) mark(lowest.x, "path", { d: "M0 -7L5 0L0 7L-5 0Z", class: "mode" }, "", 0);
    svg.append(...labels);
  }

  // Draws of the posterior, where it is the posterior that is seen: some hundreds, evenly among all.
  function drawDraws() {
    const { x, y } = landscape.draws();
    const every = Math.max(Math.ceil(x.length / 400), 1);
    x.forEach((each, i) => {
      const [cx, cy] = [inside(rulers.x, each), inside(rulers.y, y[i])];
      if (i % every === 0 && Number.isFinite(cx + cy)) drawing.shape(svg, "circle", { class: "draw", cx, cy, r: 1.6 });
    });
  }

  function mark(at, name, attributes, text, many) {
    const [x, y] = [rulers.x(at[0]), rulers.y(at[1])];
    if (!(x >= box.left && x <= box.right && y >= box.top && y <= box.bottom)) return;
    const group = drawing.shape(svg, "g", { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
    drawing.shape(group, name, attributes);
    if (many > 1) drawing.shape(group, "text", { class: "on-map", x: 8, y: 4 }, text);
  }

  // Slice, profile and marginal posterior of an axis below or beside the map, on the scale of Δ.
  function drawMargin(state, axis) {
    const most = 9;
    const { values, slice, profile, marginal } = landscape.margins(state, axis);
    const depth = axis === 0 ? drawing.ruler(0, most, box.bottom + 3, box.floor)
      : drawing.ruler(0, most, box.left - 3, box.start);
    const along = axis === 0 ? rulers.x : rulers.y;
    const clip = drawing.shape(drawing.shape(svg, "clipPath", { id: `margin-${axis}` }), "rect", axis === 0
      ? { x: box.left, y: box.bottom, width: box.right - box.left, height: box.beside }
      : { x: box.start, y: box.top, width: box.beside, height: box.bottom - box.top });
    const group = drawing.shape(svg, "g", { "clip-path": `url(#${clip.parentElement.id})` });
    const cut = depth(payload.cutoffs.find((cutoff) => cutoff.level === 0.95).df1);
    const ends = axis === 0 ? { x1: box.left, x2: box.right, y1: cut, y2: cut }
      : { x1: cut, x2: cut, y1: box.top, y2: box.bottom };
    drawing.shape(group, "line", { class: "cut", ...ends });
    Object.entries({ slice, profile, marginal }).forEach(([name, curve]) => {
      if (!curve) return;
      const sides = [values.map(along), Array.from(curve, (each) => depth(Math.min(each, 3 * most)))];
      const d = drawing.line(...(axis === 0 ? sides : sides.toReversed()));
      drawing.shape(group, "path", { class: `curve ${name}`, d });
    });
    (payload.limits[axis][state.size]?.[state.prior]?.profile ?? []).forEach((limit) => {
      if (!Number.isFinite(limit)) return;
      const at = along(limit);
      const reach = axis === 0 ? { x1: at, x2: at, y1: box.bottom, y2: cut }
        : { x1: box.left, x2: cut, y1: at, y2: at };
      drawing.shape(group, "line", { class: "limit", ...reach });
    });
  }

  function drawCurve(state, delta) {
    const xs = axes[0].values.map(rulers.x);
    const clip = drawing.shape(drawing.shape(svg, "clipPath", { id: "curve" }), "rect", {
      x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top,
    });
    const group = drawing.shape(svg, "g", { "clip-path": `url(#${clip.parentElement.id})` });
    payload.cutoffs.forEach(({ level, df1 }, i) => {
      const at = raised(state)(df1);
      const ends = { x1: box.left, x2: box.right, y1: at, y2: at };
      drawing.shape(group, "line", { class: "cut", "stroke-dasharray": LEVEL_DASHES[i], ...ends });
      drawing.shape(group, "text", { x: box.right - 4, y: at - 3, "text-anchor": "end" }, `${100 * level} %`);
    });
    const heights = (curve) => Array.from(curve, raised(state));
    const path = (name, d) => drawing.shape(group, "path", { class: name, d });
    if (delta && state.level > 0) path("lake", lake(xs, heights(delta), raised(state)(state.level), state));
    const { values, slice, profile, marginal } = landscape.margins(state, 0);
    Object.entries({ slice, profile, marginal }).forEach(([name, curve]) => {
      if (curve) path(`curve ${name}`, drawing.line(values.map(rulers.x), heights(curve)));
    });
    if (delta) path("curve surface", drawing.line(xs, heights(delta)));
  }

  // Between the curve and the level, where Δ is below it; a likelihood is above it there.
  function lake(xs, heights, level, state) {
    const side = state.height === "likelihood" ? -1 : 1;
    const [ys, shore] = [heights.map((y) => side * y), side * level];
    let path = "";
    for (let i = 0; i + 1 < xs.length; i += 1) {
      const [a, b] = [ys[i], ys[i + 1]];
      if (!(a > shore || b > shore)) continue;
      const at = (t) => [xs[i] + t * (xs[i + 1] - xs[i]), a + t * (b - a)];
      const t = (shore - a) / (b - a);
      const [[x1, y1], [x2, y2]] = [a > shore ? at(0) : at(t), b > shore ? at(1) : at(t)];
      path += `M${x1} ${level}L${x1} ${side * y1}L${x2} ${side * y2}L${x2} ${level}Z`;
    }
    return path;
  }

  function cursorPlace(state) {
    const [x, y] = landscape.node(state.ix, state.iy);
    const delta = landscape.surface(state).delta?.[state.iy * landscape.nx + state.ix] ?? NaN;
    return [rulers.x(x), twoAxes ? rulers.y(y) : raised(state)(Number.isFinite(delta) ? Math.min(delta, cap) : cap)];
  }

  function drawCursor(state) {
    const [x, y] = cursorPlace(state);
    layers.cursor.replaceChildren();
    const d = `M${x} ${box.top}V${box.floor}M${box.start} ${y}H${box.right}`;
    ["halo", "cross"].forEach((name) => {
      drawing.shape(layers.cursor, "path", { class: name, d });
      drawing.shape(layers.cursor, "circle", { class: name, cx: x, cy: y, r: 6 });
    });
  }

  const inside = (ruler, value) => (value >= ruler.low && value <= ruler.high ? ruler(value) : NaN);

  // Ways of the walkers up to where each of them is; of a sampler the last draws, or they would hide the map.
  function drawWalk(state, walkers) {
    layers.walk.replaceChildren();
    const ends = [];
    walkers.forEach(({ path, at, style }) => {
      const from = path.sampler ? Math.max(at - 30, 0) : 0;
      const xs = path.x.slice(from, at + 1);
      const across = xs.map((x) => inside(rulers.x, x));
      const up = twoAxes ? path.y.slice(from, at + 1).map((y) => inside(rulers.y, y))
        : xs.map((x) => raised(state)(Math.min(landscape.ground(state, [x]), cap)));
      const d = drawing.line(across, up);
      const look = { stroke: WALKER_COLOURS[style], "stroke-dasharray": WALKER_DASHES[style] };
      drawing.shape(layers.walk, "path", { class: "halo", d });
      drawing.shape(layers.walk, "path", { class: "way", d, ...look });
      const [x, y] = [across.at(-1), up.at(-1)];
      if (!Number.isFinite(x) || !Number.isFinite(y)) return;
      drawing.shape(layers.walk, "circle", { class: "head", cx: x, cy: y, r: 5, fill: WALKER_COLOURS[style] });
      ends.push({ x, y: y - 2, text: path.name });
    });
    drawing.labels(layers.walk, ends, box, { class: "on-map" });
  }

  // The node nearest to a press; null outside of the map.
  function nodeAt(event) {
    const { left, top } = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    if (!rulers || x < box.left || x > box.right || y < box.top || y > box.bottom) return null;
    const ix = landscape.nearest(axes[0].values.map(rulers.x), x);
    return { ix, iy: twoAxes ? landscape.nearest(axes[1].values.map(rulers.y), y) : 0 };
  }

  return { frame, draw, drawCursor, drawWalk, nodeAt };
})();
