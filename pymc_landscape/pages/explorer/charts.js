// Small charts beside the map: each observation with what is fitted there, and −2LL against its cost.
"use strict";

const WIDTH_OF_NUMBERS = 52;

const observations = (() => {
  const parent = document.getElementById("observations");
  const { element, format, shape } = drawing;
  const { payload, axes } = landscape;
  const pictures = {};

  function build(chosen) {
    const terms = payload.hover?.terms ?? [];
    document.querySelector("section.observations").hidden = !terms.length;
    if (!terms.length) return;
    if (terms.length > 1) {
      const select = element("select", { id: "term", "aria-label": "Observed variable" });
      terms.forEach(({ name }, i) => select.append(element("option", { value: i }, name)));
      select.addEventListener("change", () => chosen(Number(select.value)));
      parent.append(select);
    }
    ["fitted", "share"].forEach((name) => {
      const frame = element("figure", { class: "frame" });
      pictures[name] = { frame, title: element("figcaption"), svg: shape(frame, "svg", { role: "img" }) };
      frame.prepend(pictures[name].title);
      parent.append(frame);
    });
    pictures.reading = element("p", { class: "reading", id: "observations-reading" });
    parent.append(pictures.reading);
  }

  const finite = (values) => values.filter(Number.isFinite);
  const ends = (values, room) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const more = room * (high - low || Math.abs(high) || 1);
    return [low - more, high + more];
  };

  function picture(name, height, title, [xLow, xHigh], [yLow, yHigh], xTitle) {
    const { svg } = pictures[name];
    pictures[name].title.textContent = title;
    const width = drawing.blank(svg, height);
    const box = { left: WIDTH_OF_NUMBERS, right: width - 10, top: 10, bottom: height - 38 };
    const x = drawing.ruler(xLow, xHigh, box.left, box.right);
    const y = drawing.ruler(yLow, yHigh, box.bottom, box.top);
    drawing.axis(svg, "x", x, box, Math.max(4, Math.round(width / 100)), xTitle);
    drawing.axis(svg, "y", y, box, 4);
    const id = `clip-${name}`;
    shape(shape(svg, "clipPath", { id }), "rect", {
      x: box.left, y: box.top - 4, width: box.right - box.left, height: box.bottom - box.top + 8,
    });
    return { group: shape(svg, "g", { "clip-path": `url(#${id})` }), x, y };
  }

  function draw({ name, x, x_label: xLabel, observed, fitted, share: parts, groups, place }) {
    const along = x ?? (fitted ?? parts ?? observed).map((_, i) => i);
    const label = x ? xLabel : (groups ? "group of successive rows" : "observation");
    const [wide, shown] = [ends(finite(along), 0.03), observed ?? fitted];
    pictures.fitted.frame.hidden = !shown;
    pictures.share.frame.hidden = !parts;
    if (shown) {
      const { group, x: across, y } = picture("fitted", 220, `${name}: observed (dots) and fitted (line)`, wide,
        ends(finite(shown), 0.2), label);
      if (fitted) {
        const order = along.map((_, i) => i).toSorted((a, b) => along[a] - along[b]);
        const [xs, ys] = [order.map((i) => across(along[i])), order.map((i) => y(fitted[i]))];
        shape(group, "path", { class: "curve profile fitted", d: drawing.line(xs, ys) });
      }
      const r = along.length > 200 ? 1.5 : 3;
      (observed ?? []).forEach((each, i) => {
        if (Number.isFinite(each)) shape(group, "circle", { class: "observed", cx: across(along[i]), cy: y(each), r });
      });
    }
    if (parts) drawShares(parts, along, wide, label);
    const most = parts ? parts.reduce((best, each, i) => (each > parts[best] ? i : best), 0) : 0;
    const at = axes.map(({ label: axis }, i) => `${axis} = ${format(place[i], 3)}`).join(", ");
    const whose = `${groups ? "group" : "observation"} ${most + 1}`;
    const texts = [`Computed at the place nearest to the cursor: ${at}.`];
    if (parts) texts.push(`The largest share is ${format(parts[most], 3)}, of ${whose}.`);
    pictures.reading.textContent = [...texts, payload.hover.sentence ?? ""].join(" ");
    Object.assign(pictures.reading.dataset, { fitted: JSON.stringify(fitted), share: JSON.stringify(parts) });
    Object.entries(pictures).forEach(([key, { svg, title }]) => {
      if (key !== "reading") svg.setAttribute("aria-label", `${title.textContent}. ${pictures.reading.textContent}`);
    });
  }

  function drawShares(parts, along, wide, label) {
    const range = ends([0, ...finite(parts)], 0.06);
    const { group, x, y } = picture("share", 150, "Share of −2LL", wide, range, label);
    parts.forEach((part, i) => {
      if (!Number.isFinite(part)) return;
      shape(group, "line", { class: "share", x1: x(along[i]), x2: x(along[i]), y1: y(0), y2: y(part) });
    });
  }

  return { build, draw };
})();

const descent = (() => {
  const { element, shape, WALKER_DASHES } = drawing;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const LOWEST = 1e-3;

  function sample(style) {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const size = { width: 34, height: 12, "aria-hidden": "true" };
    Object.entries(size).forEach(([key, each]) => picture.setAttribute(key, each));
    shape(picture, "path", { class: `way walker-${style}`, d: "M1 6H33", "stroke-dasharray": WALKER_DASHES[style] });
    return picture;
  }

  function frame() {
    const made = element("figure", { class: "frame", id: "descent" });
    made.append(element("figcaption", {}, "Δ(−2LL) against cost: gradient evaluations; for NUTS, draws"), svg);
    made.hidden = true;
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "Height above the minimum against cost; the numbers are in the text above");
    return made;
  }

  function draw(walkers) {
    const longest = Math.max(0, ...walkers.map(({ path }) => path.cost.at(-1)));
    svg.parentElement.hidden = longest < 2;
    if (longest < 2) return;
    const width = drawing.blank(svg, 230);
    const box = { left: WIDTH_OF_NUMBERS, right: width - 12, top: 10, bottom: 192 };
    const most = Math.max(...walkers.map(({ path }) => path.cost.at(-1)), 2);
    const highest = Math.max(...walkers.flatMap(({ path }) => path.delta.filter(Number.isFinite)), 10 * LOWEST);
    const x = drawing.ruler(1, most, box.left, box.right, true);
    const y = drawing.ruler(LOWEST, highest, box.bottom, box.top, true);
    drawing.axis(svg, "x", x, box, 5, "evaluations (0 is drawn at 1)");
    drawing.axis(svg, "y", y, box, 6);
    const ends = walkers.map(({ path, at, style }) => {
      const upTo = (array) => array.slice(0, at + 1);
      const xs = upTo(path.cost).map((cost) => x(Math.max(cost, 1)));
      const ys = upTo(path.delta).map((delta) => y(Math.max(delta, LOWEST)));
      const look = { class: `way walker-${style}`, "stroke-dasharray": WALKER_DASHES[style] };
      shape(svg, "path", { ...look, d: drawing.line(xs, ys) });
      return { x: xs.at(-1), y: ys.at(-1), text: path.name };
    });
    drawing.labels(svg, ends, box);
  }

  return { sample, frame, draw };
})();
