// Walkers: stored paths of optimisers and of the sampler, shown up to a count of evaluations that all of them share.
"use strict";

const walk = (() => {
  const { payload } = landscape;
  const { element, format } = drawing;
  const find = (id) => document.getElementById(id);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const names = [...(payload.walkers?.optimizers ?? []).map(({ name }) => name), ...(payload.nuts ? ["NUTS"] : [])];
  const boxes = new Map();
  let state = null; // asks for what is seen now
  let paths = [];
  let clock = 0;
  let timer = null;

  const reached = (path) => Math.max(path.cost.findLastIndex((cost) => cost <= clock), 0);
  const end = () => Math.max(0, ...paths.map((path) => path.cost.at(-1)));
  const walkers = () => paths.map((path) => ({ path, at: reached(path), style: names.indexOf(path.name) % 6 }));

  function show() {
    map.drawWalk(state(), walkers());
    descent.draw(walkers());
    const text = walkers().map(({ path, at }) => `${path.name} Δ = ${format(path.delta[at], 3)}`).join("; ");
    const reading = find("walk-reading");
    reading.textContent = paths.length ? `After ${clock} evaluation${clock === 1 ? "" : "s"}: ${text}.` : "";
    const deltas = Object.fromEntries(walkers().map(({ path, at }) => [path.name, path.delta[at]]));
    Object.assign(reading.dataset, { clock, deltas: JSON.stringify(deltas) });
    find("play").textContent = timer ? "Pause" : "Play";
    ["play", "step"].forEach((id) => { find(id).disabled = !paths.length; });
  }

  function shown() {
    show();
    mountain.draw(state(), walkers());
  }

  function begin() {
    const place = landscape.node(state().ix, state().iy);
    const chosen = names.filter((name) => boxes.get(name).checked);
    const optimizers = chosen.filter((name) => name !== "NUTS");
    const texts = chosen.length ? [] : ["Choose a walker first."];
    play(false);
    paths = [];
    if (optimizers.length) {
      const start = landscape.closest(payload.walkers.starts, place);
      paths = optimizers.map((name) => landscape.path(name, start));
      const from = payload.walkers.starts[start].map((each) => format(each, 3)).join(", ");
      texts.push(`Started from the stored start nearest to the cursor: (${from}).`);
    }
    if (chosen.includes("NUTS")) paths.push(landscape.chain(place));
    paths.filter(({ message }) => message).forEach(({ name, message }) => texts.push(`${name}: ${message}`));
    if (end() < 5) texts.push("Move the cursor away from the lowest place to see longer ways.");
    find("walk-message").replaceChildren(...texts.map((text) => element("li", {}, text)));
    // Who asked for no motion sees whole paths at once, and can still step.
    clock = calm.matches ? end() : 0;
    if (paths.length && !calm.matches) play(true);
    shown();
  }

  function play(on) {
    cancelAnimationFrame(timer);
    timer = null;
    if (!on) return;
    if (clock >= end()) clock = 0;
    const [since, before] = [performance.now(), clock];
    const tick = (now) => {
      clock = Math.min(before + Math.floor((Math.max(now - since, 0) / 1000) * Number(find("speed").value)), end());
      timer = clock < end() ? requestAnimationFrame(tick) : null;
      shown();
    };
    timer = requestAnimationFrame(tick);
  }

  function toggle() {
    play(!timer);
    show();
  }

  function step() {
    play(false);
    if (clock >= end()) clock = 0;
    const later = paths.flatMap(({ cost }) => cost.find((each) => each > clock) ?? []);
    clock = later.length ? Math.min(...later) : end();
    shown();
  }

  function clear() {
    play(false);
    paths = [];
    clock = 0;
    find("walk-message").replaceChildren();
  }

  function build(asked) {
    state = asked;
    document.querySelector("section.walkers").hidden = !names.length;
    const [picks, buttons] = [element("div", { class: "picks" }), element("div", { class: "buttons" })];
    names.forEach((name, i) => {
      const label = element("label", { class: "choice" });
      const box = element("input", { type: "checkbox", name });
      box.checked = true;
      boxes.set(name, box);
      label.append(box, descent.sample(i % 6), element("span", {}, name));
      picks.append(label);
    });
    const make = (id, text, action) => {
      const button = element("button", { type: "button", id }, text);
      button.addEventListener("click", action);
      buttons.append(button);
    };
    make("begin", "Start at the cursor", begin);
    make("play", "Play", toggle);
    make("step", "Step", step);
    const speed = element("select", { id: "speed" });
    [2, 10, 50, 250].forEach((each) => speed.append(element("option", { value: each }, `${each} evaluations a second`)));
    speed.value = "50";
    const pace = element("label", { class: "pace" }, "Speed ");
    pace.append(speed);
    buttons.append(pace);
    const messages = element("div", { role: "status" });
    messages.append(element("ul", { id: "walk-message" }));
    find("walkers").append(picks, buttons, messages,
      element("p", { id: "walk-reading", class: "reading" }), descent.frame());
  }

  return { build, begin, show, clear, walkers };
})();
