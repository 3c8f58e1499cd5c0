"""The first answer of a process, beside PyMC's own: a fit beside `find_MAP`, a picture beside what `sample` compiles.

Nothing heavy is imported at the top, so that a process sees the first import of everything. Times begin after
`import pymc` and after the model is built; our own import is in them. The compile cache was filled by a process before.
"""

from __future__ import annotations

import importlib
from typing import Any

from benchmarks.clocks import once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, at_most, compared, median

FITS = {
    "gaussian": "Gaussian, 40 rows",
    "logistic": "logistic, 20 predictors × 5,000 rows",
    "customers": "BG/NBD, 2,357 customers",
}


def importing() -> dict[str, Any]:
    """Time `import pymc`, then what `import pymc_landscape` adds."""

    def load(name: str) -> Any:
        return lambda: importlib.import_module(name)

    return once(load("pymc"), "pymc")[0] | once(load("pymc_landscape"), "ours")[0]


def first_fit(name: str) -> dict[str, Any]:
    """Time the first `fit_mle` of a process; how many functions PyTensor makes for it."""
    model, made = _model(name), _count_functions()

    def work() -> float:
        import pymc_landscape as pml

        return float(pml.fit_mle(model, progressbar=False).minus2ll)

    took, value = once(work, "fit")
    return took | {"value": value, "functions": len(made)}


def first_find_map(name: str) -> dict[str, Any]:
    """Time the first `pm.find_MAP` of a process."""
    import pymc as pm

    model, made = _model(name), _count_functions()
    return once(lambda: pm.find_MAP(model=model, jitter=False, progressbar=False), "fit")[0] | {"functions": len(made)}


def first_picture(name: str) -> dict[str, Any]:
    """Time the first landscape of a process, 101 × 101 points."""
    from benchmarks.workloads import PICTURES

    _, build, axes = PICTURES[name]
    model = build()

    def work() -> Any:
        import pymc_landscape as pml

        return pml.evaluate_landscape(pml.Objective(model), pml.regular_grid(axes), progressbar=False)

    took, surface = once(work, "picture")
    return took | {"finite": bool(surface["minus2ll"].notnull().all())}


def first_verb(name: str, verb: str) -> dict[str, Any]:
    """Time what is first asked of a fit in a process: all interval ends, all profiles, or a descent by Adam."""
    import pymc_landscape as pml

    fit = pml.fit_mle(_model(name), progressbar=False)
    asked = {
        "ends": lambda: pml.confidence_intervals(fit, progressbar=False),
        "profiles": lambda: pml.profile_likelihood(fit, progressbar=False),
        "descent": lambda: pml.descend(fit.objective, "adam", progressbar=False),
    }
    return once(asked[verb], "verb")[0]


def compile_of_sample(name: str) -> dict[str, Any]:
    """Time what `pm.sample` does before its first draw: value and gradient compiled, the step set up, and the trace."""
    import pymc as pm
    from pymc.backends.ndarray import NDArray

    from benchmarks.workloads import PICTURES

    model = PICTURES[name][1]()

    def work() -> None:
        with model:
            pm.init_nuts(chains=1, random_seed=1, progressbar=False)
            NDArray(model=model)

    return once(work, "picture")[0]


def _model(name: str) -> Any:
    from benchmarks.workloads import MODELS

    return MODELS[name]()


def _count_functions() -> list[Any]:
    """Return a list that gets an entry for each function that PyTensor makes from now on."""
    from pytensor.compile import maker

    made: list[Any] = []
    make = maker.FunctionMaker.__init__

    def counted(self: Any, *args: Any, **options: Any) -> None:
        made.append(None)
        make(self, *args, **options)

    maker.FunctionMaker.__init__ = counted
    return made


def imports(caches: Caches, repeats: int) -> list[Row]:
    """Import time beyond `import pymc`."""
    caches.warm(importing)  # writes the bytecode
    (answers,) = caches.in_turns([(importing,)], repeats)
    ours = median(answers, "ours_processor")
    return [
        alone("`import pymc`, for comparison", median(answers, "pymc_processor")),
        alone("`import pymc_landscape` beyond it", ours, at_most(ours, 0.3)),
    ]


def fits(caches: Caches, repeats: int) -> list[Row]:
    """First `fit_mle` of a process beside the first `pm.find_MAP`."""
    rows = []
    for name, title in FITS.items():
        found = _beside(caches, (first_fit, name), (first_find_map, name), repeats)
        many, theirs = (max(answer[key] for answer in found) for key in ("functions", "their_functions"))
        row = compared(
            f"first `fit_mle` of a process: {title}", found, "fit", "their_fit", "first `pm.find_MAP`", faster=8,
            note=f"{many} PyTensor functions; `find_MAP` {theirs}",
        )  # fmt: skip
        rows += [row, alone("its PyTensor functions", many, at_most(many, 1, ""), unit="", clock="count")]
    return rows


def pictures(caches: Caches, repeats: int) -> list[Row]:
    """First landscape of a process, 101 × 101, beside the compile of `pm.sample`."""
    from benchmarks.workloads import PICTURES

    rows = []
    for name, (title, _, _) in PICTURES.items():
        found = _beside(caches, (first_picture, name), (compile_of_sample, name), repeats)
        if not all(answer["finite"] for answer in found):
            raise AssertionError(f"{name}: the landscape has points that are not finite")
        rows.append(
            compared(
                f"first picture of a process, 101 × 101: {title}", found, "picture", "their_picture",
                "compile of `pm.sample`", at_most=1.0, within=0.5,
            )
        )  # fmt: skip
    return rows


def verbs(caches: Caches, repeats: int) -> list[Row]:
    """Time what is first asked of a fit."""
    titles = {"ends": "six interval ends", "profiles": "three profiles", "descent": "descent by Adam"}
    tasks = [(first_verb, "budworm", verb) for verb in titles]
    for task in tasks:
        caches.warm(*task)
    found = []
    for title, answers in zip(titles.values(), caches.in_turns(tasks, repeats), strict=True):
        took = median(answers, "verb_processor")
        found.append(alone(f"first {title} of a process, after its fit: budworm", took, at_most(took, 0.3)))
    return found


def cold(caches: Caches, repeats: int) -> list[Row]:
    """Time a first picture and a first fit with an empty compile cache."""
    rounds = range(max(1, repeats // 2))
    drawn = [caches.cold(first_picture, "regression") for _ in rounds]
    fitted = [caches.cold(first_fit, "gaussian") for _ in rounds]
    found = [caches.cold(first_find_map, "gaussian") for _ in rounds]
    both = [mine | _of_peer(other) for mine, other in zip(fitted, found, strict=True)]
    took = median(drawn, "picture_processor")
    peer = "first `pm.find_MAP`"
    return [
        alone("first picture, nothing compiled on disk: Gaussian regression, 500 rows", took, at_most(took, 5)),
        compared("first `fit_mle`, nothing compiled on disk: Gaussian, 40 rows", both, "fit", "their_fit", peer),
    ]


def rows(caches: Caches, repeats: int) -> list[Row]:
    """All first answers."""
    parts = (imports, fits, verbs, pictures, cold)
    return [row for part in parts for row in part(caches, repeats)]


def _beside(caches: Caches, ours: Any, theirs: Any, repeats: int) -> list[dict[str, Any]]:
    """Run both in turns after one of each has filled the cache; theirs under names of their own."""
    for task in (ours, theirs):
        caches.warm(*task)
    found = caches.in_turns([ours, theirs], repeats)
    return [mine | _of_peer(other) for mine, other in zip(*found, strict=True)]


def _of_peer(answer: dict[str, Any]) -> dict[str, Any]:
    return {f"their_{name}": value for name, value in answer.items()}
