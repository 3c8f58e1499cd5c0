"""A fit, its intervals and a landscape are the same numbers, with the same statuses, whichever back end is used."""

import warnings
from functools import cache
from itertools import product

import numpy as np
import pytest
from selection import slow, some

import pymc_landscape as pml

MODELS = [
    "scan_moving_average",
    "gaussian_unknown_sigma",
    "negative_binomial",
    "ordered_logistic",
    "gp_marginal",
]
BACKENDS = ["interpreter", "numba", "jax", "c"]
CASES = list(product(MODELS, BACKENDS))
SLOW = [*product(["ordered_logistic", "gp_marginal"], ["numba", "c"]), ("scan_moving_average", "c")]


@pytest.fixture(scope="module")
def numbers_of(specimen_of):
    @cache
    def evaluate(name, backend):
        specimen = specimen_of(name)
        objective = pml.Objective(specimen.model, latent=(), backend=backend)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = pml.fit_mle(objective, random_seed=1, progressbar=False)
            grid = pml.regular_grid(specimen.axes)
            surface = pml.evaluate_landscape(objective, grid, at=specimen.at, progressbar=False)
            found = {"minus2ll": fit.minus2ll, "surface": surface["minus2ll"].to_numpy()}
            statuses = [str(fit.status)]
            if fit.status.is_optimum:
                # where only the optimum is sought a coordinate is known to the root of what −2LL is known to
                found["theta"] = fit.theta
                intervals = pml.confidence_intervals(fit, [next(iter(specimen.axes)).split("[")[0]], progressbar=False)
                found["interval"] = intervals["interval"].to_numpy()
                statuses += intervals["status"].to_numpy().ravel().tolist()
        return found, statuses

    return evaluate


@pytest.mark.parametrize(
    ("model", "backend"),
    [*some([c for c in CASES if c not in SLOW], [("gaussian_unknown_sigma", "c")]), *(slow(*c) for c in SLOW)],
)
def test_every_way_gives_the_same_numbers_and_statuses(model, backend, numbers_of):
    if backend == "jax":
        pytest.importorskip("jax")
    expected, statuses = numbers_of(model, None)
    got, those = numbers_of(model, backend)
    assert those == statuses
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-8, atol=1e-8, err_msg=name)
