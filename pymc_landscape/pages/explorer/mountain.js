// The same surface as plotly draws it in three dimensions, behind the map by one painting.
"use strict";

const mountain = (() => {
  const { payload, axes, twoAxes, cap, shade, HEIGHTS } = landscape;
  const { WALKER_COLOURS } = drawing;
  const PLOTLY_DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
  const box = document.getElementById("mountain");
  const message = document.getElementById("mountain-message");
  let eye = { x: -1.25, y: -1.25, z: 1.4 };
  let able = false;
  let wanted = null;

  function missing() {
    if (typeof Plotly === "undefined") return "The mountain is drawn by plotly.js, which is not with this page. Everything else works.";
    const canvas = document.createElement("canvas");
    const found = canvas.getContext("webgl") ?? canvas.getContext("experimental-webgl");
    return found ? "" : "This browser has no WebGL, so the mountain is not drawn. The map shows the same surface.";
  }

  async function start() {
    document.querySelector("section.mountain").hidden = !twoAxes;
    const reason = twoAxes ? missing() : "";
    message.textContent = reason;
    message.hidden = !reason;
    able = twoAxes && !reason;
    ["mountain", "turns", "mountain-help"].forEach((name) => { document.getElementById(name).hidden = !able; });
    if (able) {
      await plot();
      box.on("plotly_hover", ({ points: [point] }) => {
        if (!point.data.navigable) return;
        explorer.moveTo(landscape.nearest(axes[0].values, point.x), landscape.nearest(axes[1].values, point.y));
      });
      box.on("plotly_relayout", (change) => { eye = change["scene.camera"]?.eye ?? eye; });
    }
    document.documentElement.dataset.ready = performance.now().toFixed(0);
  }

  // The map answers first: the mountain follows when hands rest, and now and then while they do not.
  const REST = 90;
  const PATIENCE = 400;
  let timer = null;
  let since = 0;
  function draw(state, walkers) {
    wanted = [state, walkers];
    if (!able) return;
    if (timer === null) since = performance.now();
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      plot();
    }, Math.min(REST, Math.max(since + PATIENCE - performance.now(), 0)));
  }

  // Twice as many nodes, straight between them on the scale of √Δ, so that the edge of the plateau is no saw.
  function finer(delta) {
    const between = (values) => values.flatMap((each, i) => (i ? [middle(values[i - 1], each), each] : [each]));
    const middle = (a, b) => (Number.isFinite(a) && Number.isFinite(b) ? (a + b) / 2 : Math.max(a, b));
    const { nx, ny } = landscape;
    const roots = Array.from({ length: ny }, (_, j) => Array.from({ length: nx }, (__, i) =>
      (delta ? Math.sqrt(delta[j * nx + i]) : NaN)));
    const wide = roots.map(between);
    const columns = wide[0].map((_, i) => between(wide.map((row) => row[i])));
    const rows = columns[0].map((_, j) => columns.map((column) => column[j] ** 2));
    return { xs: between(axes[0].values), ys: between(axes[1].values), rows };
  }

  function traces(state, walkers) {
    const [xs, ys] = [axes[0].values, axes[1].values];
    const { delta, floor } = landscape.surface(state);
    const fine = finer(delta);
    const raised = (each) => HEIGHTS[state.height].of(Math.min(each, cap), floor, state);
    const rows = (of) => fine.rows.map((row) => row.map((each) => (Number.isNaN(each) ? null : of(each))));
    const outside = (each) => Math.min(each, cap);
    const surface = {
      type: "surface", navigable: true, x: fine.xs, y: fine.ys, z: rows(raised), showscale: false, cmin: 0, cmax: 1,
      surfacecolor: rows((each) => shade(outside(each), state)), colorscale: "Viridis", hoverinfo: "none",
      // The plateau is glass, or its near corner would hide the valley.
      opacityscale: state.height === "likelihood" ? "uniform" : [[0, 1], [0.98, 1], [1, 0.12]],
      lighting: { ambient: 0.75, diffuse: 0.5, specular: 0.05 },
    };
    const lines = { type: "scatter3d", mode: "lines", hoverinfo: "skip", showlegend: false };
    const found = [surface];
    if (state.level > 0 && delta) {
      const flat = raised(state.level);
      const ends = [[xs[0], xs.at(-1)], [ys[0], ys.at(-1)]];
      found.push({
        type: "surface", x: ends[0], y: ends[1], z: [[flat, flat], [flat, flat]], showscale: false, opacity: 0.55,
        colorscale: [[0, `rgb(${drawing.WATER})`], [1, `rgb(${drawing.WATER})`]], hoverinfo: "skip",
      });
    }
    payload.cutoffs.forEach(({ df2 }, i) => {
      const outline = delta ? drawing.contours(delta.map(Math.sqrt), xs, ys, Math.sqrt(df2)) : [];
      const points = outline.flatMap((each) => [...each, [null, null]]);
      found.push({
        ...lines, x: points.map(([x]) => x), y: points.map(([, y]) => y),
        z: points.map(([x]) => (x === null ? null : raised(df2))),
        line: { color: "#ffffff", width: i === 2 ? 5 : 2.5, dash: ["dot", "dashdot", "solid", "dash"][i] },
      });
    });
    walkers.forEach(({ path, at, style }) => {
      const upTo = (array) => array.slice(path.sampler ? Math.max(at - 30, 0) : 0, at + 1);
      const height = (x, y) => {
        const ground = landscape.ground(state, [x, y]);
        return Number.isFinite(ground) ? raised(ground) : null;
      };
      found.push({
        ...lines, x: upTo(path.x), y: upTo(path.y),
        z: upTo(path.x.map((x, i) => height(x, path.y[i]))),
        line: { color: WALKER_COLOURS[style], width: 6, dash: PLOTLY_DASHES[style] },
      });
    });
    const [x, y] = landscape.node(state.ix, state.iy);
    const here = delta ? delta[state.iy * xs.length + state.ix] : NaN;
    const [low, top] = [raised(0), raised(cap)].toSorted((a, b) => a - b);
    const at = Number.isNaN(here) ? low : raised(here);
    found.push({
      ...lines, mode: "lines+markers", x: [x, x, x], y: [y, y, y], z: [low, at, top],
      line: { color: "#ff4b4b", width: 4 },
      marker: { size: [0, 6, 0], color: "#ff4b4b", line: { color: "#ffffff", width: 1 } },
    });
    return found;
  }

  // Plotly reads tags in titles: a name's own signs are written as such.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  async function plot() {
    const [state, walkers] = wanted;
    const ink = getComputedStyle(document.body).color;
    const ends = ({ values, scale }) => [values[0], values.at(-1)].map(scale === "log" ? Math.log10 : Number);
    const side = (title, type, range) => ({
      range, title: { text: plain(title), font: { size: 12 } }, type, color: ink, gridcolor: "rgba(128,128,128,.4)",
      exponentformat: "none", nticks: 6, tickfont: { size: 10 }, showspikes: false, backgroundcolor: "rgba(0,0,0,0)",
    });
    const scale = (axis) => (axes[axis].scale === "log" ? "log" : "linear");
    const layout = {
      margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", showlegend: false, autosize: true,
      height: box.clientWidth < 420 ? 320 : 500, uirevision: "kept",
      scene: {
        xaxis: side(axes[0].label, scale(0), ends(axes[0])), yaxis: side(axes[1].label, scale(1), ends(axes[1])),
        zaxis: side(payload.prior_weights[state.prior] ? "height" : HEIGHTS[state.height].name(state), "linear"),
        aspectmode: "manual", aspectratio: { x: 1, y: 1, z: 0.65 }, camera: { eye, center: { x: -0.08, y: 0.08, z: -0.12 } }, dragmode: "turntable",
      },
    };
    await Plotly.react(box, traces(state, walkers), layout, { displayModeBar: false, responsive: true });
  }

  function turn(way) {
    const angle = { left: 0.3, right: -0.3 }[way] ?? 0;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const tilt = { up: 0.25, down: -0.25 }[way] ?? 0;
    const z = Math.min(Math.max(eye.z + tilt, -0.2), 2.2);
    eye = { x: cos * eye.x - sin * eye.y, y: sin * eye.x + cos * eye.y, z };
    Plotly.relayout(box, { "scene.camera.eye": eye });
  }

  return { start, draw, turn };
})();
