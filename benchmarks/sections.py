"""The rows of the table: what is measured, the figure, and the bar it has to keep."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.isolate import Caches, in_turns, median
from benchmarks.starts import BAR, MUCH, RANDOM, builders, measure
from benchmarks.workloads import FIRST

MIB = 2**20
RIVALS = {
    "compile_logp": ("loop over `model.compile_logp()`", 40),
    "scipy": ("loop over `scipy.stats.norm.logpdf`", 100),
    "compute_log_likelihood": ("`pm.compute_log_likelihood`", None),
}

# What is fitted; who else does so; within how many times their time ours is to be.
FITS: dict[str, tuple[str, str | None, float]] = {
    "logistic": ("logistic, 20 predictors, 5,000 rows", "`Logit.fit` of statsmodels", 3),
    "customers": ("BG/NBD, 2,357 customers", "`BetaGeoFitter` of lifetimes", 1),
    "budworm": ("budworm, 3 parameters, 12 rows", None, 1),
}


@dataclass(frozen=True)
class Row:
    """One line of the table; `kept` is None where there is no bar."""

    work: str
    figure: str
    bar: str = ""
    kept: bool | None = None


def imports(caches: Caches, repeats: int) -> list[Row]:
    """Import time beyond `import pymc`."""
    task = ("importing",)
    caches.warm(task)  # writes the bytecode
    (answers,) = in_turns([partial(caches.warm, task)], repeats)
    ours, pymc = median(answers, "pymc_landscape"), median(answers, "pymc")
    return [
        Row("`import pymc`, for comparison", f"{pymc:.2f} s"),
        Row("`import pymc_landscape` beyond it", f"{ours:.3f} s", "≤ 0.3 s", ours <= 0.3),
    ]


def first(caches: Caches, repeats: int) -> list[Row]:
    """First landscape of a new process, 101 × 101, with a full and with an empty compile cache."""
    runs, cases = [], []
    for name in FIRST:
        default, kernel = ("first_landscape", name), ("first_landscape", name, "numba")
        caches.warm(kernel)  # leaves the kernel on disk, the default a choice
        runs += [partial(caches.warm, default), partial(caches.warm, kernel)]
        runs += [partial(caches.cold, default)]
        cases += [(name, "warm", 1.0), (name, 'warm, backend="numba"', None), (name, "cold", 5.0)]
    answers = in_turns(runs, repeats)
    return [_first_row(*case, found) for case, found in zip(cases, answers, strict=True)]


def _first_row(name: str, how: str, bar: float | None, answers: list[dict[str, Any]]) -> Row:
    if not all(answer["finite"] for answer in answers):
        raise AssertionError(f"{name}: the landscape has points that are not finite")
    ours = median(answers, "import", "xarray", "landscape")
    model, grid = median(answers, "model"), median(answers, "xarray")
    figure = f"{ours:.2f} s, {grid:.2f} of it xarray's first Dataset (model: {model:.2f} s more)"
    return Row(f"{FIRST[name][0]}, {how}", figure, *((f"≤ {bar:g} s", ours <= bar) if bar else ()))


def throughput(caches: Caches, repeats: int) -> list[Row]:
    """10⁴ points × 1,000 rows, compiled; the whole verb against the bare loops of others."""
    few = _turns("100", "landscape", "objective", "handwritten", *RIVALS)
    many = _turns("1000", "landscape", "handwritten")
    caches.warm(few)
    of_few, of_many = in_turns([partial(caches.warm, few), partial(caches.warm, many)], repeats)
    us = {name: median(of_few, name) for name in of_few[0]}
    ours, most = us["landscape"], {name: median(of_many, name) for name in of_many[0]}
    return [
        Row("`evaluate_landscape`, numba", f"{ours:.2f} µs a point"),
        Row("`Objective.log_likelihood`, numba", f"{us['objective']:.2f} µs a point"),
        *(_rival(work, us[name], ours, bar) for name, (work, bar) in RIVALS.items()),
        _hand("handwritten parallel numba, fastmath", us["handwritten"], ours),
        _hand("the same with 10⁶ points", most["handwritten"], most["landscape"]),
    ]


def _turns(num: str, *names: str) -> tuple[str, ...]:
    return ("throughput", "1000", num, "5", *names)


def _rival(work: str, theirs: float, ours: float, bar: int | None) -> Row:
    figure = f"{theirs:.1f} µs a point, {theirs / ours:.0f} × ours"
    return Row(work, figure, *((f"≥ {bar} ×", theirs / ours >= bar) if bar else ()))


def _hand(work: str, theirs: float, ours: float) -> Row:
    figure = f"{theirs:.2f} µs a point; `evaluate_landscape` {ours / theirs:.2f} × that"
    return Row(work, figure, "≤ 2 ×", ours <= 2 * theirs)


def memory(caches: Caches, repeats: int) -> list[Row]:
    """10⁶ and 10⁷ points × 500 rows: memory beyond the result, time in proportion."""
    tasks = [("memory", "500", num) for num in ("1000", "3163")]
    million, ten = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    extra, result = (median(ten, name) / MIB for name in ("extra", "result"))
    seconds = median(ten, "seconds")
    ratio = seconds / median(million, "seconds")
    beyond = f"{extra:.0f} MiB (the result itself {result:.0f} MiB)"
    return [
        Row("10⁷ points, peak memory beyond the result", beyond, "≤ 1024 MiB", extra <= 1024),
        Row("10⁷ points", f"{seconds:.1f} s"),
        Row("10⁷ points against 10⁶, time", f"{ratio:.1f} ×", "about 10 ×", ratio <= 13),
    ]


def fit(caches: Caches, repeats: int) -> list[Row]:
    """Fits after a first one, against what people use; the spectrum of a large model."""
    tasks = [("fit", name, "5", starts) for name in FITS for starts in ("1", "auto")] + [("spectrum", "9998")]
    for task in tasks:
        caches.warm(task)
    *fits, large = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    turns = zip(FITS, fits[::2], fits[1::2], strict=True)
    rows = [row for name, one, default in turns for row in _fit_rows(name, one, default)]
    again, first = median(large, "again"), median(large, "first")
    work = f"ten leading eigenvalues of {large[0]['size']:,} parameters, by products"
    return [*rows, Row(work, f"{again:.2f} s (the first time in a process {first:.1f} s)")]


def _fit_rows(name: str, one: list[dict[str, Any]], default: list[dict[str, Any]]) -> list[Row]:
    """One search of ours, one of the rival, and what the default, which searches from more starts, takes."""
    work, rival, bar = FITS[name]
    ours = 1e3 * median(one, "ours")
    rows = [Row(f"`fit_mle(starts=1)`, {work}", _fit_figure(one))]
    if rival is not None and "theirs" not in one[0]:
        rows.append(Row(f"{rival}, the same", "not installed here", f"≤ {bar:g} ×"))
    elif rival is not None:
        theirs = 1e3 * median(one, "theirs")
        against = f"{theirs:.1f} ms; `fit_mle(starts=1)` {ours / theirs:.2f} × that"
        rows.append(Row(f"{rival}, the same", against, f"≤ {bar:g} ×", ours <= bar * theirs))
    return [*rows, Row('`fit_mle`, the same, by default `starts="auto"`', _fit_figure(default))]


def _fit_figure(answers: list[dict[str, Any]]) -> str:
    return f"{1e3 * median(answers, 'ours'):.1f} ms (the first in a process {median(answers, 'first'):.1f} s)"


def starts(caches: Caches, repeats: int) -> list[Row]:
    """Whether the default ends at the best of many random starts, and its time over that of one search."""
    found = list(measure(caches, list(builders()), repeats))
    best, one, told = ([row["name"] for row in found if not row[how]] for how in ("best", "one_best", "same_status"))
    slow = [f"{row['name']} {row['ratio']:.2f}" for row in found if row["ratio"] > MUCH]
    ratios = [row["ratio"] for row in found]
    share, typical = 1 - len(best) / len(found), statistics.median(ratios)
    return [
        Row(
            f"the default ends at the best of {RANDOM} random starts",
            _all_but(best, len(found)),
            f"≥ {BAR:.0%}",
            share >= BAR,
        ),
        Row("the same of `starts=1`", _all_but(one, len(found))),
        Row("one search, the default and the random starts have one status", _all_but(told, len(found))),
        Row(
            "time of the first default fit of a process over that of `starts=1`, of a processor",
            f"median {typical:.2f}, largest {max(ratios):.2f}; above {MUCH:g}: {', '.join(slow) or 'none'}",
            f"median ≤ {MUCH:g}",
            typical <= MUCH,
        ),
    ]


def _all_but(names: list[str], n: int) -> str:
    return f"{n - len(names)} of {n} models" + (f"; not {', '.join(names)}" if names else "")


def descent(caches: Caches, repeats: int) -> list[Row]:
    """Compare recorded steps with their gradients alone, and steps by a batch with those by all data."""
    tasks = [("adam", "5"), ("minibatch", "100000", "3")]
    for task in tasks:
        caches.warm(task)
    adam, batch = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    step, gradient = median(adam, "descend"), median(adam, "gradient")
    few, every = median(batch, "batch"), median(batch, "all")
    beside = f"{step - gradient:.0f} µs a step beside a gradient of {gradient:.0f} µs"
    shares = f"{few:.0f} µs a step against {every:,.0f} µs, {every / few:.0f} × less"
    return [
        Row("1,000 steps of Adam, each recorded, 1,000 rows", beside, "≤ 60 µs", step - gradient <= 60),
        Row("SGD, 64 of 100,000 rows, logistic, 20 predictors", shares, "≥ 50 ×", every / few >= 50),
    ]


def uncertainty(caches: Caches, repeats: int) -> list[Row]:
    """Interval ends and a contour after a fit, against iminuit on the same function in the same state."""
    tasks = [("intervals", "5"), ("contour", "5"), ("profiles", "3")]
    for task in tasks:
        caches.warm(task)
    ends, ring, traced = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    many, most = ends[0]["evaluations"], ring[0]["evaluations"]
    curves = "evaluations of value, gradient and Hessian"
    off = max(answer["error"] for answer in ends)
    six, edge = f"{many} {curves}; Δ off by {off:.0e} at most", f"{most} {curves}"
    first = f" (the first in a process {median(ends, 'first'):.1f} s)"
    return [
        *(
            row
            for state, aside in (("_fresh", first), ("", ""))
            for row in (
                _ours("`confidence_intervals`, budworm, six 95 % ends", ends, state, six + aside, "≤ 40", many <= 40),
                _iminuit("`Minuit.minos`, without gradient", ends, "minos", state, 3),
                _iminuit("`Minuit.minos`, with gradient", ends, "minos_gradient", state, None),
            )
        ),
        *(
            row
            for state in ("_fresh", "")
            for row in (
                _ours("`confidence_contour`, 40 vertices", ring, state, edge, "≤ 400", most <= 400),
                _iminuit("`Minuit.mncontour`, with gradient", ring, "mncontour", state, None),
            )
        ),
        *_profile_rows(traced),
    ]


def _profile_rows(answers: list[dict[str, Any]]) -> list[Row]:
    trace, read, heat = (1e3 * median(answers, name) for name in ("trace", "read", "heat"))
    off, solved = max(answer["error"] for answer in answers), min(answer["solved"] for answer in answers)
    curves = f"{answers[0]['evaluations']} evaluations of value, gradient and Hessian"
    return [
        Row("`profile_likelihood`, three profiles to 99 %", f"{trace:.1f} ms, {curves}"),
        Row("`read_intervals`, sixty ends off them", f"{read:.1f} ms; off by {off:.0e} of the ends themselves at most"),
        Row(
            '`evaluate_landscape(nuisance="profile")`, 41 × 41',
            f"{heat:.0f} ms; {solved:.0%} of the points solved",
        ),
    ]


_STATES = {"_fresh": "right after the fit, interpreted", "": "after much use, value and slope compiled"}


def _ours(work: str, answers: list[dict[str, Any]], state: str, words: str, bound: str, met: bool) -> Row:
    return Row(f"{work}; {_STATES[state]}", f"{1e3 * median(answers, f'ours{state}'):.1f} ms, {words}", bound, met)


def _iminuit(work: str, answers: list[dict[str, Any]], name: str, state: str, bar: int | None) -> Row:
    bound, work = f"≥ {bar} ×" if bar else "", f"{work}; {_STATES[state]}"
    if name not in answers[0]:
        return Row(work, "not installed here", bound)
    theirs, ours = 1e3 * median(answers, f"{name}{state}"), 1e3 * median(answers, f"ours{state}")
    figure = f"{theirs:.1f} ms, {theirs / ours:.1f} × ours; {answers[0][f'{name}_calls']} calls"
    return Row(work, figure, bound, theirs >= bar * ours if bar else None)


def simulation(caches: Caches, repeats: int) -> list[Row]:
    """Refits to simulated data, and coverage against what is exact."""
    tasks = [("bootstrap", "nbd", "999"), ("bootstrap", "budworm", "1000")]
    tasks += [("coverage", "binomial", "2000"), ("coverage", "normal", "2000"), ("hdi", "20")]
    for task in tasks:
        caches.warm((*task[:-1], "3"))
    nbd, budworm, binomial, normal, posterior = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    each, first = median(posterior, "each"), median(posterior, "first")
    return [
        _refits("`parametric_bootstrap`, NBD, 2,357 customers, 999 refits", nbd, 60),
        _refits("`parametric_bootstrap`, budworm, 1,000 refits", budworm, 10),
        _covers("`coverage_study`, Wald and profile, 2,000 binomial data sets", binomial),
        _covers("`coverage_study`, Wald and profile, 2,000 normal data sets of unknown σ", normal),
        Row("the same with HDIs, 1,000 draws of `pm.sample` each", f"{each:.2f} s a data set; the first {first:.1f} s"),
    ]


def _refits(work: str, answers: list[dict[str, Any]], bar: float) -> Row:
    seconds, arrived = median(answers, "seconds"), answers[0]["arrived"]
    return Row(work, f"{_clock(answers)}; {arrived} arrived", f"≤ {bar:g} s", seconds <= bar)


def _clock(answers: list[dict[str, Any]]) -> str:
    return f"{median(answers, 'seconds'):.1f} s ({median(answers, 'processor'):.1f} s of a processor)"


def _covers(work: str, answers: list[dict[str, Any]]) -> Row:
    off = max(answer["off"] for answer in answers)
    figure = f"{_clock(answers)}; at most {off:.1f} standard errors off the exact shares"
    return Row(work, figure, "≤ 4 standard errors", off <= 4)


def effects(caches: Caches, repeats: int) -> list[Row]:
    """Random effects integrated out, against lme4; and memory by the number of groups."""
    sizes = [("groups", "1000", "10000", "7"), ("groups", "10000", "100000", "7")]
    tasks: list[tuple[str, ...]] = [("sleepstudy", "7"), *sizes, ("hidden_markov", "1000", "20")]
    for task in tasks:
        caches.warm(task)
    sleep, few, many, chain = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    if max(answer["off"] for answer in (*sleep, *chain)) > 1e-6 or max(a["error"] for a in (*few, *many)) > 1e-6:
        raise AssertionError("−2LL is not the published one, or not that of the closed form")
    bar, seconds = "≤ 50 ms", median(many, "seconds")
    memory = [f"{median(answers, 'peak') / MIB:.0f} MiB" for answers in (few, many)]
    return [
        _beside_lme4("`fit_mle(starts=1)`, sleepstudy, compiled", sleep, "fit", "≤ 3 × lmer", 1 / 3),
        Row('the same by default, `starts="auto"`', f"{1e3 * median(sleep, 'default'):.0f} ms"),
        _beside_lme4("its six profile intervals, compiled", sleep, "intervals", "≥ 2 × faster", 2),
        Row(
            "10,000 intercepts, 10⁵ rows: marginal value and gradient, interpreted",
            f"{1e3 * seconds:.1f} ms; the first {median(many, 'first'):.1f} s",
            bar,
            seconds <= 0.05,
        ),
        Row("memory beyond the model, 1,000 and 10,000 intercepts", " and ".join(memory)),
        Row(
            "hidden Markov chain, 1,000 steps of 3 states: value and gradient, interpreted",
            f"{1e3 * median(chain, 'seconds'):.1f} ms; the value by the forward recursion in NumPy "
            f"{1e3 * median(chain, 'forward'):.0f} ms; the first {median(chain, 'first'):.1f} s",
            "≤ 20 ms",
            median(chain, "seconds") <= 0.02,
        ),
    ]


def _beside_lme4(work: str, answers: list[dict[str, Any]], what: str, bar: str, ratio: float) -> Row:
    """Compare with lme4; `ratio` is its time over ours that is to be reached."""
    ours = median(answers, what)
    if f"lme4_{what}" not in answers[0]:
        return Row(work, f"{1e3 * ours:.0f} ms; lme4 is not installed", bar)
    theirs = median(answers, f"lme4_{what}")
    return Row(work, f"{1e3 * ours:.0f} ms; lme4 {1e3 * theirs:.0f} ms", bar, theirs / ours >= ratio)


def pointwise(caches: Caches, repeats: int) -> list[Row]:
    """Log-likelihood of every observation at every draw, against PyMC's own; and its memory."""
    large, many = ("pointwise", "100000", "1000", "3"), ("pointwise", "1000", "4000", "3")
    held = [("pointwise_memory", "100000", "1000", where) for where in ("memory", "disk")]
    tasks = [large, many, *held]
    for task in tasks:
        caches.warm(task)
    wide, tall, memory, disk = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    return [
        _against("10⁵ observations × 1,000 draws", wide, 20),
        *_first_calls(caches, large[1:3], repeats),
        _against("10³ observations × 4,000 draws", tall, None),
        *_first_calls(caches, many[1:3], repeats),
        _peak_of("10⁵ × 1,000 in memory: peak, result and all", memory),
        _peak_of('10⁵ × 1,000 with `store="x.zarr"`: peak', disk),
    ]


def _against(work: str, answers: list[dict[str, Any]], bar: int | None) -> Row:
    if max(answer["difference"] for answer in answers) > 1e-9:
        raise AssertionError(f"{work}: PyMC computes something else")
    ours, theirs = median(answers, "ours"), median(answers, "pymc")
    floor = f"writing as many numbers {median(answers, 'floor'):.3f} s"
    figure = f"{ours:.3f} s; `pm.compute_log_likelihood` {theirs:.2f} s, {theirs / ours:.1f} × ours; {floor}"
    return Row(work, figure, *((f"≥ {bar} ×", theirs / ours >= bar) if bar else ()))


def _first_calls(caches: Caches, size: tuple[str, ...], repeats: int) -> list[Row]:
    """First call of a process, as a user makes it: the compile is part of it."""
    tasks: list[tuple[str, ...]] = [("pointwise_first", *size, whose) for whose in ("ours", "pymc")]
    rows = []
    for word, run in (("warm", caches.warm), ("cold", caches.cold)):
        ours, theirs = (median(a, "seconds") for a in in_turns([partial(run, task) for task in tasks], repeats))
        figure = f"{ours:.2f} s; `pm.compute_log_likelihood` {theirs:.2f} s, {theirs / ours:.1f} × ours"
        rows.append(Row(f"the same, first call of a process, {word}", figure))
    return rows


def pages(caches: Caches, repeats: int) -> list[Row]:
    """Open the explorer in Chromium, and move its controls."""
    (answers,) = in_turns([partial(caches.warm, ("explorer_page", "2000"))], repeats)
    size, ready, computing = (median(answers, name) for name in ("bytes", "ready", "computing"))
    figure = f"{ready:.2f} s (map after {median(answers, 'map'):.2f} s; {computing:.2f} s of computing)"
    explore, worked = median(answers, "explore"), median(answers, "explore_worked")
    rows = [
        Row("CDNOW: `explore`", f"{explore:.0f} s ({worked:.0f} s of computing)", "≤ 30 s", explore <= 30),
        Row("CDNOW, 2,000 draws: beside plotly.js", f"{size / 1e6:.2f} MB", "≤ 2 MB", size <= 2e6),
        Row("ready, slowest of 360, 1,000 and 1,600 px", figure, "≤ 2 s", ready <= 2),
    ]
    for control, words in (("prior", "prior weight"), ("level", "water"), ("size", "size"), ("map-frame", "cursor")):
        taken = median(answers, control)
        rows.append(Row(f"{words}: from a key to the painted frame", f"{taken:.0f} ms", "≤ 100 ms", taken <= 100))
    return rows


def _peak_of(work: str, answers: list[dict[str, Any]]) -> Row:
    peak, result = median(answers, "peak") / MIB, median(answers, "result") / MIB
    figure = f"{peak:.0f} MiB in {median(answers, 'seconds'):.1f} s (the result is {result:.0f} MiB)"
    return Row(work, figure, "≤ 1024 MiB", peak <= 1024)


def reports(caches: Caches, repeats: int) -> list[Row]:
    """Time reports of models that were fitted before."""
    names = ("budworm", "sleepstudy")
    answers = in_turns([partial(caches.warm, ("report", name)) for name in names], max(repeats // 2, 1))
    return [_report(f"`report`, {name}", found) for name, found in zip(names, answers, strict=True)]


def _report(work: str, answers: list[dict[str, Any]]) -> Row:
    first, again = median(answers, "first"), median(answers, "again")
    size, slowest = median(answers, "bytes") / 1e3, answers[0]["slowest"]
    return Row(work, f"{first:.1f} s, a second time {again:.1f} s; {size:.0f} kB (slowest: {slowest})", "", None)


SECTIONS: dict[str, tuple[str, Callable[[Caches, int], list[Row]]]] = {
    "imports": ("Import", imports),
    "first": ("First landscape of a new process, 101 × 101, beyond `import pymc`", first),
    "throughput": ("10⁴ points × 1,000 rows, compiled", throughput),
    "memory": ("Large grids, 500 rows", memory),
    "fit": ("Maximum likelihood with standard errors, one core for all", fit),
    "starts": ("The default against 100 random starts, the models of the tests, one core", starts),
    "uncertainty": ("Intervals and contours, one core", uncertainty),
    "simulation": ("Refits to simulated data", simulation),
    "descent": ("Descents, one core", descent),
    "effects": ("Random effects integrated out, one core", effects),
    "pointwise": ("Pointwise log-likelihood of posterior draws, all cores", pointwise),
    "pages": ("Pages in a headless Chromium without a GPU", pages),
    "reports": ("Reports, the model fitted before, one core", reports),
}
