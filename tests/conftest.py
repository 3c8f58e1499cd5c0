"""What the tests share: a model, its truth and its Objective are made once a session.

Fixtures import what they need: the process that hands tests to the workers reads this file as well, and needs none.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm
    import xarray as xr
    from distributed import Client
    from oracle import Oracle
    from zoo import Specimen

    import pymc_landscape as pml

os.environ["MPLBACKEND"] = "Agg"
collect_ignore = ["models"]  # imported by tests, no tests themselves
SEED = 20050214


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Tests of many files take turns in a worker: what each has drawn is closed with it; a module's own stay open."""

    def open_figures() -> set[int]:
        pyplot = sys.modules.get("matplotlib.pyplot")
        return set(pyplot.get_fignums()) if pyplot else set()

    before = open_figures()
    yield
    for number in open_figures() - before:
        sys.modules["matplotlib.pyplot"].close(number)


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A Dask cluster of two processes on this machine; each keeps what it has loaded. No default of other tests."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every test whatever ran before it."""
    import numpy as np

    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def specimen_of() -> Callable[[str], Specimen]:
    """A specimen by name."""
    from zoo import ZOO

    return cache(lambda name: ZOO[name]())


@pytest.fixture(scope="session")
def model_of(specimen_of) -> Callable[[str], pm.Model]:
    """A specimen's model by name."""
    return lambda name: specimen_of(name).model


@pytest.fixture(scope="session")
def oracle_of() -> Callable[[str], Oracle]:
    """A specimen's truth by name; of the whole data where the model holds a minibatch."""
    from oracle import Oracle, in_double_precision
    from zoo import TRAITS, ZOO

    def make(name: str) -> Oracle:
        with in_double_precision():
            return Oracle(ZOO[name]().model, whole_data="random" in TRAITS[name])

    return cache(make)


@pytest.fixture(scope="session")
def objective_of(specimen_of) -> Callable[[str], pml.Objective]:
    """A specimen's Objective by name, given its random effects, whatever has been compiled for it so far."""
    import pymc_landscape as pml

    return cache(lambda name: pml.Objective(specimen_of(name).model, latent=()))


@pytest.fixture(scope="session")
def landscape_of(specimen_of, objective_of) -> Callable[[str], xr.Dataset]:
    """A specimen's landscape over its own grid, by name."""
    import pymc_landscape as pml

    def evaluate(name: str) -> xr.Dataset:
        here = specimen_of(name)
        grid = pml.regular_grid(here.axes)
        return pml.evaluate_landscape(objective_of(name), grid, at=here.at, progressbar=False)

    return cache(evaluate)
