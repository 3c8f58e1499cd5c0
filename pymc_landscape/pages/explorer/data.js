// What the page was given: codes become numbers, and a place in the payload becomes a value. Nothing is computed
// here that a verb of the package computes: stored numbers are looked up, compared, counted and joined by lines.
"use strict";

const landscape = (() => {
  const NOT_COMPUTED = 65535;
  const NO_SUPPORT = 65534;
  const LARGEST_CODE = 65533;

  const payload = JSON.parse(document.getElementById("payload").textContent);
  const axes = payload.axes;
  const twoAxes = axes.length > 1;
  const nx = axes[0].values.length;
  const ny = twoAxes ? axes[1].values.length : 1;

  function codes(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
  }

  function value(code, low, high) {
    if (code === NOT_COMPUTED) return NaN;
    return code === NO_SUPPORT ? Infinity : low + (code / LARGEST_CODE) * (high - low);
  }

  // Numbers between `low` and `high`; what was never coded is taken as it is.
  function decoded(array) {
    if (!array) return [];
    if (!array.q && array.q !== "") return array;
    return Array.from(codes(array.q), (code) => value(code, array.low, array.high));
  }

  // Codes of √Δ, a scale for each index of the first dimensions: one such part, squared.
  const coded = new Map();
  function deltas(array, scaled, row, times) {
    if (!coded.has(array)) coded.set(array, codes(array.q));
    const length = array.shape.slice(scaled).reduce((a, b) => a * b, 1);
    const scale = array.scale.flat()[row];
    if (scale === null || scale === undefined) return null;
    const part = coded.get(array).subarray(row * length, (row + 1) * length);
    return Float64Array.from(part, (code) => times * value(code, 0, scale) ** 2);
  }

  // The same data counted m times, −2(m·ll + w·lp), is m times the surface of weight w/m.
  function weight(state) {
    const wanted = payload.prior_weights[state.prior] / payload.sizes[state.size];
    return nearest(payload.weights, wanted);
  }

  function nearest(values, wanted) {
    let best = 0;
    values.forEach((each, i) => {
      if (Math.abs(each - wanted) < Math.abs(values[best] - wanted)) best = i;
    });
    return best;
  }

  const TREATMENTS = { h: "hold", p: "profile", a: "average" };

  // Δ(−2LL) at every node, row by row of the second axis, and −2LL at its lowest.
  const surfaces = new Map();
  function surface(state) {
    const at = weight(state);
    const times = payload.sizes[state.size];
    const name = `${state.key}|${at}|${times}`;
    if (!surfaces.has(name)) {
      const stored = payload.surfaces[state.key];
      const offered = (letter) => payload.treatment_sizes?.[TREATMENTS[letter]] ?? payload.sizes;
      const able = [...state.key].every((letter) => offered(letter).includes(times));
      const delta = able ? deltas(stored, 1, at, times) : null;
      const floor = stored.floor[at];
      surfaces.set(name, { delta, floor: floor === null ? NaN : times * floor });
    }
    return surfaces.get(name);
  }

  // Curves of one axis; the marginal hangs on size and weight apart, the others on their ratio.
  function margins(state, axis) {
    const stored = payload.margins[axis];
    const times = payload.sizes[state.size];
    const curve = (name) => stored[name] && deltas(stored[name], 1, weight(state), times);
    const pair = state.size * payload.prior_weights.length + state.prior;
    const marginal = stored.marginal && deltas(stored.marginal, 2, pair, 1);
    return { values: stored.values, slice: curve("slice"), profile: curve("profile"), marginal };
  }

  function mode(state) {
    return payload.modes[state.key]?.[weight(state)] ?? null;
  }

  // Lakes at a level, after the merge tree: each valley below it is one, and each pass below it joins two.
  function lakes(state, level) {
    const times = payload.sizes[state.size];
    const scaled = (list) => (list ?? []).map((each) => ({ ...each, height: times * each.height }));
    const valleys = scaled(payload.valleys[state.key]?.[weight(state)]);
    const passes = scaled(payload.merges[state.key]?.[weight(state)]).toSorted((a, b) => a.height - b.height);
    const below = (each) => each.height <= level;
    const count = valleys.filter(below).length - passes.filter(below).length;
    return { valleys, passes, count, next: passes.find((pass) => !below(pass)) ?? null };
  }

  function interpolate(xs, ys, x) {
    if (x <= xs[0]) return ys[0];
    const i = xs.findIndex((each) => each >= x);
    if (i < 0) return ys[ys.length - 1];
    return ys[i - 1] + ((ys[i] - ys[i - 1]) * (x - xs[i - 1])) / (xs[i] - xs[i - 1]);
  }

  // The share of χ² below Δ, for one parameter and for two.
  function confidence(delta) {
    const { delta: grid, df1, df2 } = payload.levels;
    const exact = (df) => payload.cutoffs.find((cutoff) => Math.abs(cutoff[df] - delta) < 1e-9)?.level;
    // Near 0 the share of χ² with one degree of freedom is straight in √Δ, that with two in Δ.
    return {
      df1: exact("df1") ?? interpolate(grid.map(Math.sqrt), df1, Math.sqrt(delta)),
      df2: exact("df2") ?? interpolate(grid, df2, delta),
    };
  }

  // How far along its axis, from 0 to 1, on the axis's own scale.
  function fraction(axis, x) {
    const { values, scale } = axes[axis];
    const along = scale === "log" ? Math.log : (number) => number;
    const first = along(values[0]);
    return (along(x) - first) / (along(values[values.length - 1]) - first);
  }

  // Δ between nodes: √Δ is nearly straight there.
  function ground(state, place) {
    const { delta } = surface(state);
    if (!delta) return NaN;
    const [[left, u], [below, v]] = [cell(0, place[0]), twoAxes ? cell(1, place[1]) : [0, 0]];
    const root = (i, j) => Math.sqrt(delta[Math.min(j, ny - 1) * nx + i]);
    const row = (j) => (1 - u) * root(left, j) + u * root(left + 1, j);
    return (v > 0 ? (1 - v) * row(below) + v * row(below + 1) : row(below)) ** 2;
  }

  function cell(axis, x) {
    const { values } = axes[axis];
    const right = values.findIndex((each) => each >= x);
    if (right < 0 || x < values[0]) return [0, NaN];
    const i = Math.max(right - 1, 0);
    const [from, to] = [fraction(axis, values[i]), fraction(axis, values[i + 1])];
    return [i, (fraction(axis, x) - from) / (to - from)];
  }

  function apart(one, other) {
    return axes.reduce((sum, _, axis) => sum + (fraction(axis, one[axis]) - fraction(axis, other[axis])) ** 2, 0);
  }

  function closest(places, place) {
    const distances = places.map((each) => apart(each, place));
    return distances.indexOf(Math.min(...distances));
  }

  function node(ix, iy) {
    return twoAxes ? [axes[0].values[ix], axes[1].values[iy]] : [axes[0].values[ix]];
  }

  // Each observation's part at the computed place nearest to a node.
  function observations(ix, iy, term) {
    const { nodes, terms } = payload.hover;
    const places = nodes.ix.map((i, k) => node(i, nodes.iy?.[k]));
    const at = closest(places, node(ix, iy));
    const part = (array) => {
      const length = array.shape[1];
      return codes(array.q).subarray(at * length, (at + 1) * length);
    };
    const read = (array) => array && Array.from(part(array), (code) => value(code, array.low, array.high));
    const { fitted, share } = terms[term];
    return { ...terms[term], place: places[at], fitted: read(fitted), share: read(share) };
  }

  // The path of an optimiser from a stored start, or of the sampler from the draw nearest to a place.
  function path(name, start) {
    const stored = payload.walkers.paths[name][start];
    const [x, y, delta] = [stored.x, stored.y, stored.delta].map(decoded);
    const cost = Array.isArray(stored.cost) ? stored.cost : decoded(stored.cost);
    return { name, x, y, delta, cost, message: stored.message ?? "", converged: stored.converged };
  }

  let kept = null;
  function draws() {
    const { x, y, delta, chain: number } = payload.nuts ?? {};
    kept ??= { x: decoded(x), y: decoded(y), delta: decoded(delta), number: decoded(number) };
    return kept;
  }

  function chain(place) {
    const { x: xs, y: ys, delta: deltasOfDraws, number } = draws();
    const first = closest(xs.map((x, i) => (twoAxes ? [x, ys[i]] : [x])), place);
    let last = number.findIndex((each, i) => i > first && each !== number[first]);
    if (last < 0) last = xs.length;
    const follow = (array) => array.slice(first, last);
    const cost = Array.from({ length: last - first }, (_, i) => i);
    const message = `follows chain ${number[first]} from the draw nearest to it`;
    const [x, y, delta] = [follow(xs), follow(ys), follow(deltasOfDraws)];
    return { name: "NUTS", sampler: true, x, y, delta, cost, message };
  }

  // What the page begins with: the likelihood of the data as they are, all others held.
  const initial = {
    key: Object.keys(payload.surfaces)[0], prior: nearest(payload.prior_weights, 0), size: nearest(payload.sizes, 1),
    level: 0, height: "minus2ll", term: 0,
  };
  Object.assign(initial, lowest(initial));

  // The node nearest to the lowest place.
  function lowest(state) {
    const middle = (values) => values[values.length >> 1];
    const found = mode(state)?.x ?? [];
    const place = axes.map(({ estimate, values }, axis) => found[axis] ?? estimate ?? middle(values));
    const [ix, iy] = axes.map(({ values }, axis) => nearest(values, place[axis]));
    return { ix, iy: iy ?? 0 };
  }

  // Heights are drawn up to here: beyond the 99 % region and the highest pass everything is a plateau.
  const cap = (() => {
    const { df1, df2 } = payload.cutoffs.at(-1);
    const passes = Object.keys(payload.surfaces).flatMap((key) => lakes({ ...initial, key }, 0).passes)
      .map((pass) => pass.height);
    const wanted = Math.max(2 * df2, 1.3 * Math.max(0, ...passes));
    const { delta } = surface(initial);
    if (!delta) return wanted;
    const top = delta.reduce((most, each) => (Number.isFinite(each) ? Math.max(most, each) : most), 0);
    return Math.min(wanted, Math.max(top, df1));
  })();

  // What stands on the vertical axis: −2LL itself, the loss of one observation, or the likelihood; with a prior, what
  // becomes of each.
  const plain = (state) => payload.prior_weights[state.prior] === 0;
  const HEIGHTS = {
    minus2ll: {
      label: "−2LL (valleys)",
      name: (state) => (plain(state) ? "−2LL" : `−2(log L + ${payload.prior_weights[state.prior]} log prior)`),
      of: (delta, floor) => floor + delta,
    },
    loss: {
      label: "loss: −log L per observation",
      name: (state) => (plain(state) ? "loss" : "loss with penalty"),
      of: (delta, floor, state) => (floor + delta) / (2 * payload.sizes[state.size] * payload.n_observations),
    },
    likelihood: {
      label: "relative likelihood (peaks)",
      name: (state) => (plain(state) ? "relative likelihood" : "relative density"),
      of: (delta) => Math.exp(-delta / 2),
    },
  };

  // How high between 0 and 1 for the colour; √Δ, so that the floor of a valley keeps its shades.
  function shade(delta, state) {
    return state.height === "likelihood" ? Math.exp(-delta / 2) : Math.sqrt(delta / cap);
  }

  return {
    payload, axes, twoAxes, TREATMENTS, initial, lowest, cap, HEIGHTS, shade, nx, ny, nearest, surface, margins, mode, lakes,
    confidence, fraction, closest, node, observations, path, chain, draws, ground, weight,
  };
})();
