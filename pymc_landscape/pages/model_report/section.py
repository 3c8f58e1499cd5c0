"""A section of a report: what it shows, the results behind it, and its sentence where it could not be made."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import field
from time import perf_counter
from typing import Any

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Posterior, RandomSeed
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit
from pymc_landscape.pages.model_report.budget import Budget

# Words that stand before the refusal of a verb.
FAILED = "This section could not be made"


@dataclass(frozen=True)
class Subject:
    """What a report is about, and how it is asked for.

    Parameters
    ----------
    objective : Objective
        The model.
    fit : Fit or None
        None where the model cannot be fitted.
    refusal : str
        Why it cannot.
    dt : DataTree, Dataset or None
        Draws of the posterior.
    group : str
        Group of the tree that holds them.
    level : float
        Of the intervals.
    random_seed : int or Generator, optional
        For what is simulated.
    called_with : str
        How the fit was made, as code.
    """

    objective: Objective
    fit: Fit | None
    refusal: str
    dt: Posterior | None
    group: str
    level: float
    random_seed: RandomSeed | None
    called_with: str
    budget: Budget | None = None

    @property
    def fitted(self) -> Fit:
        """The fit; refused in one sentence where there is none."""
        if self.fit is None:
            raise ValueError(f"There is no fit: {self.refusal}")
        return self.fit

    @property
    def affords(self) -> Budget:
        """What the model's size allows."""
        assert self.budget is not None
        return self.budget


@dataclass
class Content:
    """What a section shows.

    Parameters
    ----------
    html : list of str
        Pieces of the page.
    results : list
        Datasets, tables and fits behind it.
    code : str
        The calls that make them again.
    verdict : str
        A sentence for the head of the report; empty where there is nothing to say.
    """

    html: list[str]
    results: list[Any] = field(default_factory=list)
    code: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Section:
    """One section, made or refused.

    Parameters
    ----------
    key, title : str
        Its name in the address of the page, and above it.
    content : Content
        What it shows.
    refusal : str
        Why it could not be made, in one sentence; empty where it was.
    remarks : tuple of str
        What verbs warned of on the way.
    seconds : float
        How long it took.
    """

    key: str
    title: str
    content: Content
    refusal: str = ""
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0


def make_section(key: str, title: str, make: Callable[[Subject], Content], subject: Subject) -> Section:
    """Make a section; what a verb refuses, or fails in, becomes the section's sentence, and its warnings remarks."""
    begin, content, refusal = perf_counter(), Content([]), ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            content = make(subject)
        except (ValueError, TypeError) as error:
            refusal = str(error)
        except Exception as error:  # one section is not worth the others
            refusal = f"{FAILED}: {type(error).__name__}: {error}"
    if subject.fit is not None and subject.fit.message and subject.fit.message in refusal:
        refusal = f"This needs an optimum, and the fit is {subject.fit.status.value}: see what is said of the fit."
    remarks = dict.fromkeys(str(w.message) for w in caught if w.category is UserWarning and _is_own(w.filename))
    return Section(key, title, content, refusal, tuple(remarks), perf_counter() - begin)


def _is_own(filename: str) -> bool:
    """Whether a warning is the package's own: those of plotting libraries are about fonts."""
    return "pymc_landscape" in filename.replace("\\", "/").split("/")
