// The state of the page, its controls, and what each of them changes.
"use strict";

const explorer = (() => {
  const find = (id) => document.getElementById(id);
  const { element, format } = drawing;
  const { payload, axes, twoAxes, cap, HEIGHTS, initial, lowest } = landscape;
  const percent = (number) => `${format(100 * number, number > 0.99 ? 4 : 3)} %`;
  const keys = Object.keys(payload.surfaces);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const state = { ...initial };

  function draw() {
    map.draw(state);
    walk.show();
    readLevel();
    readLimits();
    readPrior();
    moved();
  }

  function change(part) {
    Object.assign(state, part);
    draw();
    mountain.draw(state, walk.walkers());
  }

  function moveTo(ix, iy) {
    if (ix === state.ix && iy === state.iy) return;
    Object.assign(state, { ix, iy });
    map.drawCursor(state);
    moved();
    mountain.draw(state, walk.walkers());
  }

  // What is read at the cursor, in words too.
  function moved() {
    const place = landscape.node(state.ix, state.iy);
    const { delta, floor } = landscape.surface(state);
    const here = delta ? delta[state.iy * landscape.nx + state.ix] : NaN;
    const names = axes.map(({ label }, axis) => `${label} = ${format(place[axis])}`).join(", ");
    const height = HEIGHTS[state.height].of(here, floor, state);
    const numbers = `${HEIGHTS[state.height].name(state)} = ${format(height, 6)}, Δ = ${format(here)}: ${standing(here)}`;
    const read = here === Infinity ? "outside of the support, where the likelihood is 0" : numbers;
    const reading = find("cursor-reading");
    reading.textContent = `${names}: ${Number.isNaN(here) ? "not computed here" : read}.`;
    Object.assign(reading.dataset, { x: place[0], y: place[1] ?? "", delta: here, height });
    readObservations();
    readCode(place);
  }

  // Between which cut-offs Δ lies, for one parameter and for two.
  function standing(delta) {
    const outside = (df) => payload.cutoffs.findLast((cutoff) => delta > cutoff[df]);
    const inside = (df) => payload.cutoffs.find((cutoff) => delta <= cutoff[df]);
    const part = (word, cutoff) => `${word} ${percent(cutoff.level)}`;
    const where = (df) => (inside(df) ? part("inside", inside(df)) : part("outside", outside(df)));
    return `${where("df1")} for one parameter${twoAxes ? `, ${where("df2")} for two` : ""}`;
  }

  function readLevel() {
    const { df1, df2 } = landscape.confidence(state.level);
    const both = `${percent(df1)} for one parameter${twoAxes ? `, ${percent(df2)} for two` : ""}`;
    const text = state.level > 0 ? `${format(state.level, 3)}: ${both}` : "0: no water";
    find("level").value = 1000 * Math.sqrt(state.level / cap);
    find("level").setAttribute("aria-valuetext", text);
    find("level-value").textContent = text;
    Object.assign(find("level-value").dataset, { delta: state.level, df1, df2 });
    const { count, next } = landscape.lakes(state, state.level);
    const joins = next ? ` Two meet at the pass at Δ = ${format(next.height)} (${axes.map(({ label }, axis) =>
      `${label} = ${format(next.at[axis], 3)}`).join(", ")}).` : "";
    const lakes = state.level > 0 ? `${count} lake${count === 1 ? "" : "s"}.` : "";
    find("lakes").textContent = `${lakes}${joins}`;
    Object.assign(find("lakes").dataset, { count, next: next?.height ?? "" });
  }

  function readPrior() {
    const [weight, times] = [payload.prior_weights[state.prior], payload.sizes[state.size]];
    const name = { 0: "likelihood", 1: "posterior" }[weight];
    const text = name ? `${weight}: the ${name}` : `${weight}`;
    find("prior").value = state.prior;
    find("prior").setAttribute("aria-valuetext", text);
    find("prior-value").textContent = text;
    find("prior-value").dataset.weight = weight;
    const timesText = times === 1 ? "× 1: as observed" : `× ${times}`;
    find("size").value = state.size;
    find("size").setAttribute("aria-valuetext", timesText);
    find("size-value").textContent = timesText;
    find("size-value").dataset.size = times;
    document.body.classList.toggle("with-prior", weight > 0);
    find("prior-help").textContent = weight > 0 ? "With a prior, χ² cut-offs hold as far as the posterior is normal."
      : "At 0 the likelihood alone, at 1 the posterior, whose lowest place is the MAP.";
  }

  // A row an axis: lowest place, limits of three kinds, the prior's share; a column that would be empty is left out.
  function readLimits() {
    const mode = landscape.mode(state);
    const rows = axes.map(({ label }, axis) => {
      const limits = payload.limits[axis][state.size]?.[state.prior] ?? {};
      const share = payload.prior_share?.[axis]?.[landscape.weight(state)];
      const [profile, wald, posterior] = ["profile", "wald", "posterior"].map((name) =>
        interval(limits[name] ?? [], limits[`${name}_status`] ?? []));
      const lowestPlace = mode?.x[axis] ?? NaN;
      const texts = [label, format(lowestPlace), profile, wald, posterior, Number.isFinite(share) ? small(share) : "–"];
      return { texts, numbers: { ...limits, mode: lowestPlace } };
    });
    const heads = ["parameter", "lowest", "profile", "Wald", "posterior", "prior's share"];
    const full = heads.map((_, i) => i < 3 || rows.some(({ texts }) => texts[i] !== "–"));
    const line = (texts, kind) => {
      const row = element("tr");
      texts.forEach((text, i) => { if (full[i]) row.append(kind(text, i)); });
      return row;
    };
    const [top, body] = [element("thead"), element("tbody")];
    top.append(line(heads, (text) => element("th", { scope: "col" }, text)));
    rows.forEach(({ texts, numbers }) => {
      const row = line(texts, (text, i) => element(i ? "td" : "th", i ? {} : { scope: "row" }, text));
      row.dataset.numbers = JSON.stringify(numbers);
      body.append(row);
    });
    const table = element("table");
    table.append(top, body);
    find("limits").replaceChildren(table);
    readSentences(mode);
  }

  function readSentences(mode) {
    const texts = [...(payload.sentences?.[state.size]?.[state.prior] ?? [])];
    if (mode && standingOf(mode)) texts.push(standingOf(mode));
    const k = payload.pareto_k?.[state.size]?.[state.prior];
    if (k !== null && k !== undefined) texts.push(`Draws were weighted to this prior: Pareto k = ${format(k, 2)}.`);
    find("sentences").replaceChildren(...texts.map((text) => element("li", {}, text)));
  }

  // A share that is 0 but for rounding is 0.
  function small(number) {
    if (Math.abs(number) < 1e-6) return "0\u00a0%";
    return (Math.abs(number) < 0.001 ? "< 0.1 %" : percent(number)).replaceAll(" ", "\u00a0");
  }

  // Ends of an interval, or why there is none.
  function interval(numbers, statuses) {
    const end = (number, i) => {
      if (Number.isFinite(number)) return `${format(number)}${statuses[i] === "at_bound" ? " (bound)" : ""}`;
      return statuses[i] === "open" ? ["−∞", "∞"][i] : (statuses[i] ?? "–").replaceAll("_", " ");
    };
    const ends = [...new Set(numbers.map(end))];
    return ends.length ? ends.join(" to\u00a0") : "–";
  }

  // What a reader should know of a lowest place that is no common one.
  function standingOf({ x, status, message }) {
    if (["converged", "grid"].includes(status)) return message;
    if (message === payload.status.message) return ""; // it stands above
    if (status !== "at_bound") return `There is no lowest place (${status.replaceAll("_", " ")}). ${message ?? ""}`;
    const edges = axes.filter(({ bounds }, axis) => bounds.includes(x[axis])).map(({ label }) => label);
    const whose = edges.join(" and ") || "a parameter on no axis";
    return `The lowest place is on an edge: ${whose} is at the end of its range.`;
  }

  function readObservations() {
    if (!payload.hover?.terms?.length) return;
    observations.draw(landscape.observations(state.ix, state.iy, state.term));
  }

  function readCode(place) {
    const values = {
      x: place[0], y: place[1] ?? "", weight: payload.prior_weights[state.prior], size: payload.sizes[state.size],
      level: state.level > 0 ? landscape.confidence(state.level).df1 : 0.95, key: state.key,
      delta: state.level,
    };
    const short = (each) => (typeof each === "number" ? Number(each.toPrecision(12)) : each);
    const lines = Object.values(payload.code).map((template) =>
      template.replaceAll(/\{(\w+)\}/g, (whole, name) => (name in values ? `${short(values[name])}` : whole)));
    find("code").textContent = lines.join("\n\n");
  }

  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  function pressed(event) {
    const within = (at, most) => Math.min(Math.max(at, 0), most - 1);
    if (event.key in KEYS) {
      const [right, up] = KEYS[event.key].map((each) => each * (event.shiftKey ? 5 : 1));
      moveTo(within(state.ix + right, landscape.nx), within(state.iy + up, landscape.ny));
    } else if (event.key === "Home") {
      const { ix, iy } = lowest(state);
      moveTo(ix, iy);
    } else if (event.key === "Enter" || event.key === " ") {
      walk.begin();
    } else return;
    event.preventDefault();
  }

  function followed(event) {
    const node = map.nodeAt(event);
    if (node) moveTo(node.ix, node.iy);
    return node;
  }

  // Buttons of which one is pressed: the choices of a question.
  function choices(parent, name, options, current, chosen) {
    options.forEach(([value, text]) => {
      const label = element("label", { class: "choice" });
      const button = element("input", { type: "radio", name, value });
      button.checked = value === current;
      button.addEventListener("change", () => chosen(value));
      label.append(button, element("span", {}, text));
      parent.append(label);
    });
  }

  function treat(position, letter) {
    const alike = (key) => [...key].filter((each, i) => each === state.key[i]).length;
    const able = keys.filter((key) => key[position] === letter).toSorted((a, b) => alike(b) - alike(a));
    change({ key: able[0] });
    setTreatments();
  }

  function setTreatments() {
    [...state.key].forEach((letter, position) => {
      document.querySelector(`[name="treatment-${position}"][value="${letter}"]`).checked = true;
    });
  }

  function buildTreatments() {
    payload.others.forEach((other, position) => {
      const field = element("fieldset", { class: "control" });
      const held = Number.isFinite(other.estimate) ? ` (held at ${format(other.estimate)})` : "";
      field.append(element("legend", {}, `${other.label}${held}`));
      const letters = ["h", "p", "a"].filter((letter) => keys.some((key) => key[position] === letter));
      choices(field, `treatment-${position}`, letters.map((letter) => [letter, landscape.TREATMENTS[letter]]), state.key[position],
        (letter) => treat(position, letter));
      if (other.elements) field.append(heldAt(other.elements));
      find("treatments").append(field);
    });
  }

  // Where many parameters are held, told to who asks.
  function heldAt(elements) {
    const details = element("details");
    details.append(element("summary", {}, "held at"), element("p", { class: "help" },
      elements.map(({ label, estimate }) => `${label} = ${format(estimate)}`).join(", ")));
    return details;
  }

  function buildCutoffs() {
    const sides = twoAxes ? [["df1", "one"], ["df2", "two"]] : [["df1", "one"]];
    sides.forEach(([df, name]) => {
      const row = element("div", { class: "cutoffs", role: "group", "aria-label": `χ² cut-offs for ${name}` });
      row.append(element("span", { class: "help" }, `for ${name}`));
      payload.cutoffs.forEach((cutoff) => {
        const data = { type: "button", "data-df": df, "data-level": cutoff.level };
        const button = element("button", data, `${100 * cutoff.level} %`);
        button.addEventListener("click", () => change({ level: Math.min(cutoff[df], cap) }));
        row.append(button);
      });
      find("cutoffs").append(row);
    });
  }

  function buildText() {
    const counts = `${payload.n_observations} observations, ${payload.n_parameters} parameters`;
    document.title = payload.title;
    find("heading").textContent = payload.title;
    find("about").textContent = [payload.model_name, counts].filter(Boolean).join(": ");
    const { value, message } = payload.status;
    find("status").textContent = `Status of the fit: ${value.replaceAll("_", " ")}. ${message ?? ""}`;
    find("status").hidden = value === "converged";
    const names = axes.map(({ label }) => label).join(" and ");
    map.frame.setAttribute("aria-label", `${twoAxes ? "Map" : "Curve"} of ${names}`);
    find("map-heading").textContent = twoAxes ? "Map" : "Curve";
    find("map-help").textContent = "Arrow keys or the pointer move the cursor (Shift: five nodes), Home goes to the "
      + "lowest place, Enter or a press starts the walkers.";
    find("mountain-help").textContent = `Cut off at Δ = ${format(cap, 3)}: the plateau is higher. Drag to turn it.`;
    find("map-legend").replaceChildren(...legend());
    find("notes").replaceChildren(...payload.notes.filter((text) => text !== payload.status.message).map((text) => element("li", {}, text)));
    const made = Object.entries(payload.versions).map(([name, version]) => `${name} ${version}`).join(", ");
    find("versions").textContent = `Made with ${made} at ${payload.created_at}.`;
  }

  function legend() {
    const entries = [["slice", "slice"], ["profile", "profile"], ["marginal", "marginal posterior"]]
      .filter(([name]) => payload.margins.some((each) => each[name]))
      .map(([name, text]) => [`curve ${name}`, text]);
    const found = entries.map(([name, text]) => {
      const entry = element("span", { class: "entry" });
      const sample = drawing.shape(entry, "svg", { width: 34, height: 10, "aria-hidden": "true" });
      drawing.shape(sample, "path", { class: name, d: "M1 5H33" });
      entry.append(` ${text}`);
      return entry;
    });
    if (!twoAxes) return found;
    const texts = ["◆ lowest place", "○ valley", "× pass", "outlines: regions of two parameters",
      "thin grey outline: 95 % region where the page began"];
    return [...found, ...texts.map((text) => element("span", { class: "entry" }, text))];
  }

  // The range answers while it is dragged.
  function listen(id, part) {
    find(id).addEventListener("input", () => change(part(Number(find(id).value))));
  }

  function reset() {
    walk.clear();
    Object.assign(state, initial);
    setTreatments();
    document.querySelector(`[name="height"][value="minus2ll"]`).checked = true;
    change({});
  }

  async function copy() {
    const text = find("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      find("copied").textContent = "Copied.";
    } catch {
      // A frame may not write to the clipboard: then the reader does it.
      getSelection().selectAllChildren(find("code"));
      find("copied").textContent = "The code is selected: press Ctrl+C or ⌘C.";
    }
  }

  function theme() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    themed();
  }

  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";

  // Plotly is told its colours; everything else follows the style sheet.
  function themed() {
    find("theme").textContent = isDark() ? "Light theme" : "Dark theme";
    mountain.draw(state, walk.walkers());
  }

  // In a notebook or a docs page the frame is as high as what is in it, and as dark as what is around it.
  function fitFrame() {
    const frame = window.frameElement;
    if (frame) frame.style.height = `${document.body.scrollHeight + 24}px`;
  }

  function followParent() {
    const around = window.frameElement?.ownerDocument.documentElement;
    if (!around) return;
    const follow = () => {
      if (!["light", "dark"].includes(around.dataset.theme)) return;
      document.documentElement.dataset.theme = around.dataset.theme;
      themed();
    };
    new MutationObserver(follow).observe(around, { attributes: true, attributeFilter: ["data-theme"] });
    follow();
  }

  function build() {
    buildText();
    buildTreatments();
    buildCutoffs();
    walk.build(() => state);
    choices(find("heights"), "height", Object.entries(HEIGHTS).map(([name, { label }]) => [name, label]), state.height,
      (height) => change({ height }));
    find("prior").max = payload.prior_weights.length - 1;
    find("size").max = payload.sizes.length - 1;
    find("level").max = 1000;
    listen("prior", (prior) => ({ prior }));
    listen("size", (size) => ({ size }));
    listen("level", (value) => ({ level: cap * (value / 1000) ** 2 }));
    find("reset").addEventListener("click", reset);
    find("copy").addEventListener("click", copy);
    find("theme").addEventListener("click", theme);
    dark.addEventListener("change", themed);
    find("turns").addEventListener("click", ({ target }) => target.dataset.turn && mountain.turn(target.dataset.turn));
    map.frame.addEventListener("keydown", pressed);
    map.frame.addEventListener("pointermove", followed);
    map.frame.addEventListener("click", (event) => followed(event) && walk.begin());
    observations.build((term) => change({ term }));
    new ResizeObserver(() => requestAnimationFrame(draw)).observe(map.frame);
    new ResizeObserver(fitFrame).observe(document.body);
    draw();
    themed();
    followParent();
    document.documentElement.dataset.map = performance.now().toFixed(0);
  }

  return { moveTo, build };
})();

explorer.build();
