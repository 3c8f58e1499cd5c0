"""The same numbers, bit by bit, whether this process or the workers of a cluster do the work."""

import cloudpickle
import numpy as np
import pymc as pm
import pytest
import xarray as xr

import pymc_landscape as pml
from pymc_landscape.results import ClusterLost
from pymc_landscape.results.cluster import RangeTasks

pytest.importorskip("distributed")
X = np.linspace(-1, 1, 20)
Y = np.array([1, 0, 2, 1, 0, 1, 3, 2, 1, 2, 2, 4, 3, 2, 5, 3, 4, 6, 5, 7])
SILENT = {"progressbar": False, "random_seed": 3}
COUNTS = ["seconds", "n_iterations", "n_evaluations"]


def log_density(y, rate):
    return y * pm.math.log(rate) - rate


@pytest.fixture(scope="module", params=["poisson", "custom_dist"])
def model(request):
    with pm.Model(name="", coords={"row": range(20)}) as model:
        x = pm.Data("x", X, dims="row")
        a, b = pm.Normal("a", 0, 5), pm.Normal("b", 0, 5)
        rate = pm.math.exp(a + b * x)
        if request.param == "poisson":
            pm.Poisson("y", rate, observed=Y, dims="row")
        else:
            draw = lambda rate, rng=None, size=None: rng.poisson(rate, size)  # noqa: E731
            pm.CustomDist("y", rate, logp=log_density, random=draw, observed=Y, dtype="int64")
    return model


@pytest.fixture(scope="module", params=["interpreter", pytest.param("numba", marks=pytest.mark.exhaustive)])
def fit(model, request):
    backend[0] = request.param
    return pml.fit_mle(pml.Objective(model, backend=request.param), progressbar=False)


# Numba's machine code of the process that compiles differs in last digits from that which others load from disk.
backend = ["interpreter"]


def same_bits(one: xr.Dataset, other: xr.Dataset) -> None:
    one, other = one.drop_attrs(), other.drop_attrs()
    if backend[0] == "interpreter":
        xr.testing.assert_identical(one, other)
    xr.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_bootstrap(fit, client):
    here = pml.parametric_bootstrap(fit, draws=40, **SILENT)
    same_bits(pml.parametric_bootstrap(fit, draws=40, client=client, **SILENT), here)


def test_bootstrap_goes_on_from_a_store(fit, client, tmp_path):
    pytest.importorskip("zarr")
    pml.parametric_bootstrap(fit, draws=10, store=tmp_path / "x.zarr", **SILENT)
    further = pml.parametric_bootstrap(fit, draws=40, store=tmp_path / "x.zarr", client=client, **SILENT)
    same_bits(further, pml.parametric_bootstrap(fit, draws=40, **SILENT))


def test_likelihood_ratio(fit, client):
    null = pm.do(fit.objective.model, {"b": 0.0})
    options = {"reference": "bootstrap", "draws": 30, **SILENT}
    here = pml.likelihood_ratio_test(null, fit, **options)
    there = pml.likelihood_ratio_test(null, fit, client=client, **options)
    assert here.p_value == there.p_value
    np.testing.assert_allclose(here.draws, there.draws, rtol=0, atol=1e-6 * (backend[0] != "interpreter"))


@pytest.mark.parametrize("test", [pml.score_test, pml.wald_test])
def test_score_and_wald(test, fit, client):
    null = pml.fit_mle(pml.Objective(pm.do(fit.objective.model, {"b": 0.8}), backend=backend[0]), progressbar=False)
    options = {"reference": "bootstrap", "draws": 39, **SILENT}
    here, there = test(null, fit, **options), test(null, fit, client=client, **options)
    same_bits(xr.Dataset({"draws": ("draw", there.draws)}), xr.Dataset({"draws": ("draw", here.draws)}))
    assert len(here.draws) == 39
    assert there.p_value == here.p_value


def test_coverage(fit, client):
    here = pml.coverage_study(fit, draws=30, **SILENT)
    same_bits(pml.coverage_study(fit, draws=30, client=client, **SILENT), here)


def test_starts(fit, client):
    here = pml.fit_mle(fit.objective, starts=6, **SILENT)
    there = pml.fit_mle(fit.objective, starts=6, client=client, **SILENT)
    np.testing.assert_allclose(here.theta, there.theta, rtol=0, atol=1e-6 * (backend[0] != "interpreter"))
    same_bits(here.starts.drop_vars(COUNTS), there.starts.drop_vars(COUNTS))
    assert there.objective is fit.objective or there.objective.model is fit.objective.model
    with pytest.raises(ValueError, match="for client=, got 'auto'"):
        pml.fit_mle(fit.objective, client=client, progressbar=False)


def test_profiles(fit, client):
    here = pml.profile_likelihood(fit, progressbar=False)
    there = pml.profile_likelihood(fit, client=client, progressbar=False)
    same_bits(there, here)
    if backend[0] == "interpreter":
        assert there.attrs["n_evaluations"] == here.attrs["n_evaluations"]
    further = pml.profile_likelihood(fit, level=0.999, resume=here, client=client, progressbar=False)
    same_bits(further, pml.profile_likelihood(fit, level=0.999, resume=here, progressbar=False))


def test_a_profile_that_meets_a_lower_optimum(client):
    with pm.Model() as model:
        x = pm.Uniform("x", -4, 4)
        shift = pm.Normal("shift", 0, 5)
        pm.Potential("two_wells", -((x**2 - 4) ** 2) / 4 - x / 2 - (shift - x) ** 2)
    fit = pml.fit_mle(pml.Objective(model, backend="interpreter"), starts=[{"x": 1.9, "shift": 1.9}], progressbar=False)
    with pytest.warns(UserWarning, match="A lower optimum was met"):
        here = pml.profile_likelihood(fit, progressbar=False)
    with pytest.warns(UserWarning, match="A lower optimum was met"):
        there = pml.profile_likelihood(fit, client=client, progressbar=False)
    same_bits(there, here)
    assert float(there["estimate"].sel(parameter="x")) < 0


def test_pointwise_log_likelihoods(fit, client, tmp_path):
    draws = fit.draws(300, random_seed=2)
    here = pml.pointwise_log_likelihood(fit, draws, progressbar=False)
    there = pml.pointwise_log_likelihood(fit, draws, client=client, progressbar=False)
    pytest.importorskip("zarr")
    kept = pml.pointwise_log_likelihood(fit, draws, store=tmp_path / "x.zarr", client=client, progressbar=False)
    for group in ("log_likelihood", "log_prior"):
        same_bits(there[group].to_dataset(), here[group].to_dataset())
        same_bits(kept[group].to_dataset().load(), here[group].to_dataset())


def loses_scheduler_after(n: int, monkeypatch) -> None:
    """Have the connection break when n ranges of one unit are done."""

    def over(self, start, stop):
        work = cloudpickle.loads(self._pickled)
        for i in range(start, min(start + n, stop)):
            yield i, i + 1, work(i, i + 1)
        raise ClusterLost("The connection to the scheduler was lost (gone): make another client, and call again.")

    monkeypatch.setattr(RangeTasks, "over", over)


ON_WORKERS = {
    "bootstrap": ("2 of 40 replicates", lambda fit, **how: pml.parametric_bootstrap(fit, draws=40, **SILENT, **how)),
    "coverage": ("2 of 9 replicates", lambda fit, **how: pml.coverage_study(fit, draws=9, **SILENT, **how)),
    "starts": ("2 of 6 starts", lambda fit, **how: pml.fit_mle(fit.objective, starts=6, **SILENT, **how)),
    "profiles": ("1 of 2 profiles", lambda fit, **how: pml.profile_likelihood(fit, progressbar=False, **how)),
    "landscape": ("2 of 6 points", lambda fit, **how: pml.evaluate_landscape(fit, GRID, progressbar=False, **how)),
    "store": ("2 of 6 points", lambda fit, **how: pml.evaluate_landscape(fit, GRID, progressbar=False, **how)),
    "pointwise": ("2 of 20 draws", lambda fit, **how: pml.pointwise_log_likelihood(fit, fit.draws(20), **QUIET, **how)),
    "kept pointwise": (
        "2 of 20 draws", lambda fit, **how: pml.pointwise_log_likelihood(fit, fit.draws(20), **QUIET, **how),
    ),
}  # fmt: skip
QUIET = {"progressbar": False}
GRID = {"a": (0.0, 1.0, 6)}


@pytest.mark.parametrize("verb", ON_WORKERS)
def test_a_scheduler_that_goes_away_is_told_in_one_sentence_by_all(verb, fit, client, tmp_path, monkeypatch):
    done, ask = ON_WORKERS[verb]
    options = {"client": client}
    if verb in ("store", "kept pointwise"):
        pytest.importorskip("zarr")
        options["store"] = tmp_path / "x.zarr"
    loses_scheduler_after(int(done[0]), monkeypatch)
    with pytest.warns(UserWarning, match=f"^The connection to the scheduler was lost: {done} were "):
        ask(fit, **options)
    loses_scheduler_after(0, monkeypatch)
    options |= {"store": tmp_path / "other.zarr"} if "store" in options else {}
    with pytest.raises(ClusterLost, match="make another client, and call again"):
        ask(fit, **options)
