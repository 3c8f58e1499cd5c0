"""The larger zoo through all verbs: what each answers or refuses, as a table that is kept and shown in the docs.

``python tests/models/zoo_walk.py`` asks every case every verb and writes ``tests/data/zoo.json``;
``tests/test_zoo_verbs.py`` asks again and compares.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import zoo_continuous  # noqa: F401
import zoo_discrete  # noqa: F401
import zoo_multivariate  # noqa: F401
from zoo_cases import CASES
from zoo_verbs import VERBS, Asked, told

FILE = Path(__file__).resolve().parent.parent / "data" / "zoo.json"
# What a verb may raise: anything else is no refusal.
REFUSAL = (ValueError, TypeError, NotImplementedError)


def kept() -> dict[str, Any]:
    """Return the table that is kept."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def walk(name: str, folder: Path) -> dict[str, Any]:
    """Ask a case every verb; its status, what is refused, by which sentence, and what should not be."""
    case = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyMC, while models are built
        asked = Asked(case, folder)
        asked.model  # noqa: B018
    refused, wrong = dict[str, str](), dict[str, str]()
    for verb, ask in VERBS.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("error", category=RuntimeWarning)
            warnings.filterwarnings("ignore", category=UserWarning)
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            try:
                ask(asked)
            except REFUSAL as error:
                if not str(error).startswith(("Expected", "The ")):
                    wrong[verb] = f"{type(error).__name__}: {error}"
                refused[verb] = told(error)
            except Exception as error:
                wrong[verb] = f"{type(error).__name__}: {error}"
    status = asked.fit.status.value if "fit_mle" not in refused else "refused"
    return {"covers": list(case.covers), "status": status, "refused": refused} | ({"wrong": wrong} if wrong else {})


def main() -> None:
    """Ask all, or those named, and write what is found."""
    logging.getLogger("pymc_landscape").setLevel(logging.ERROR)
    table = kept()["models"] if FILE.exists() else {}
    names = sys.argv[1:] or list(CASES)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            table[name] = walk(name, Path(folder))
        print(name, json.dumps(table[name], ensure_ascii=False)[:1500], flush=True)  # noqa: T201
    ordered = {name: table[name] for name in CASES if name in table}
    text = json.dumps({"verbs": list(VERBS), "models": ordered}, ensure_ascii=False, indent=1)
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
