"""One search, the default, and a hundred of them: of each small model of the tests, in processes of their own.

``python -m benchmarks.starts [NAME ...]`` prints a line of JSON a model, and for how many of them the default ends at
the best of a hundred. What cannot be fitted as it is (free integers, minibatches, float32) is left out.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.isolate import Caches, caches
from benchmarks.rows import median

TESTS = Path(__file__).resolve().parent.parent / "tests" / "models"
RANDOM = 100  # starts that the default is held against
SAME = 1e-4  # of −2LL
BAR, MUCH = 0.99, 1.5  # share of models in which the default is the best; time of the default over that of one search
LEFT_OUT = ("discrete", "random", "float32")


def builders() -> dict[str, Callable[[], Any]]:
    """Return what builds each model, by name."""
    sys.path.insert(0, str(TESTS))
    from reference_models import CASES
    from zoo import ZOO, names

    zoo = {f"zoo {name}": partial(_specimen, ZOO[name]) for name in names(without=LEFT_OUT)}
    return zoo | {f"reference {name}": case[0] for name, case in CASES.items()}


def _specimen(build: Callable[[], Any]) -> Any:
    return build().model


def first_fit(name: str, starts: str) -> dict[str, Any]:
    """Fit a model as the first thing that a process does; seconds by the clock and of a processor, −2LL, status."""
    import pymc_landscape as pml

    build = builders()[name]
    with threadpool_limits(1):
        model = build()
        clock = time.perf_counter(), time.process_time()
        found = pml.fit_mle(model, starts="auto" if starts == "auto" else int(starts), progressbar=False)
        took = {"seconds": time.perf_counter() - clock[0], "processor": time.process_time() - clock[1]}
    return took | {"minus2ll": found.minus2ll, "status": found.status.value, "message": found.message}


def measure(shared: Caches, names: Sequence[str], repeats: int) -> Iterator[dict[str, Any]]:
    """Yield, model by model, the times of one search and of the default, and whether the default is the best."""
    for name in names:
        best = shared.warm(first_fit, name, RANDOM)  # fills the compile cache as well
        one, default = shared.in_turns([(first_fit, name, how) for how in ("1", "auto")], repeats)
        found, single = default[0], one[0]
        yield {
            "name": name,
            "one": median(one, "seconds"),
            "default": median(default, "seconds"),
            "ratio": median(default, "processor") / median(one, "processor"),
            "best": _as_good(found, best),
            "one_best": _as_good(single, best),
            "same_status": single["status"] == found["status"] == best["status"],
            "minus2ll": [single["minus2ll"], found["minus2ll"], best["minus2ll"]],
            "status": [single["status"], found["status"], best["status"]],
            "message": found["message"],
        }


def _as_good(found: dict[str, Any], best: dict[str, Any]) -> bool:
    """Whether a fit is no higher, or no maximum is attained and both say so."""
    unbounded = found["status"] == best["status"] == "unbounded"
    return unbounded or found["minus2ll"] <= best["minus2ll"] + SAME


def main() -> None:
    """Measure some models, or all; print a line of JSON for each as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--repeats", type=int, default=1, help="new processes for each figure")
    asked, known = parser.parse_args(), builders()
    if unknown := sorted(set(asked.names) - set(known)):
        parser.error(f"expected names among {list(known)}, got {unknown}")
    rows = []
    with caches() as shared:
        for found in measure(shared, asked.names or list(known), asked.repeats):
            print(json.dumps(found), flush=True)
            rows.append(found)
    best, ratio = sum(row["best"] for row in rows) / len(rows), statistics.median(row["ratio"] for row in rows)
    told = {
        "best": f"{best:.1%} of {len(rows)} models, bar {BAR:.0%}",
        "ratio": f"median {ratio:.2f}, bar {MUCH:g}; the default over one search",
    }
    print(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    main()
