"""Landscapes on workers, and lazy ones: the same numbers as here; of a part nothing else is evaluated."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from pytensor.graph.op import Op

import pymc_landscape as pml
from pymc_landscape.results import ClusterLost
from pymc_landscape.results.cluster import RangeTasks

da = pytest.importorskip("dask.array")
pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
X = np.linspace(-1, 1, 12)
Y = X + np.sin(5 * X)
QUIET = {"progressbar": False}
GRID = pml.regular_grid({"b": (0, 2, 40), "s": (0.2, 2, 30)})


BACKENDS = ["interpreter", pytest.param("numba", marks=pytest.mark.exhaustive)]


@pytest.fixture(scope="module", params=BACKENDS)
def model(request):
    with pm.Model() as model:
        b, s = pm.Normal("b", 0, 2), pm.HalfNormal("s", 2)
        a = pm.Normal("a", 0, 1)
        pm.Normal("y", a + b * X, s, observed=Y)
        pm.Poisson("z", pm.math.exp(a), observed=[1, 2])
    backend[0] = request.param
    return pml.Objective(model, backend=request.param)


@pytest.fixture(scope="module")
def here(model):
    return pml.evaluate_landscape(model, GRID, at={"a": 0.1}, **QUIET)


# Numba's machine code of the process that compiles differs in last digits from that which others load from disk.
backend = ["interpreter"]


def same_bits(one: xr.Dataset, other: xr.Dataset) -> None:
    one, other = one.drop_attrs(), other.drop_attrs()
    if backend[0] == "interpreter":
        xr.testing.assert_identical(one, other)
    xr.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_workers_evaluate_the_same_numbers(model, here, client):
    there = pml.evaluate_landscape(model, GRID, at={"a": 0.1}, client=client, **QUIET)
    same_bits(there, here)
    assert there.attrs["n_evaluated"] == 1200
    assert there.attrs["completion"] == "complete"


def test_workers_fill_a_store_and_go_on_with_it(model, here, client, tmp_path):
    pytest.importorskip("zarr")
    options = {"at": {"a": 0.1}, "store": tmp_path / "x.zarr", **QUIET}
    same_bits(pml.evaluate_landscape(model, GRID, client=client, **options).load(), here)
    same_bits(pml.evaluate_landscape(model, GRID, **options).load(), here)


@pytest.fixture(scope="module")
def mixture():
    """Two components whose weights and spreads meet bounds, and which may change places: branches, and active sets."""
    rng = np.random.default_rng(1)
    y = np.concatenate([rng.normal(-2, 1, 12), rng.normal(2, 0.5, 16)])
    with pm.Model() as model:
        w, m = pm.Beta("w", 1, 1), pm.Normal("m", 0, 3, shape=2)
        pm.NormalMixture("y", w=pm.math.stack([w, 1 - w]), mu=m, sigma=1.0, observed=y)
    return pml.Objective(model, backend="interpreter"), pml.regular_grid({"m[0]": (-4, 4, 9), "m[1]": (-4, 4, 7)})


def test_workers_solve_the_points_of_a_profile(mixture, client, monkeypatch):
    monkeypatch.setattr("pymc_landscape.landscape.dask_points.WORTH_SENDING", 0.0)
    objective, grid = mixture
    here = pml.evaluate_landscape(objective, grid, nuisance="profile", **QUIET)
    assert set(np.unique(here["status"])) == {"converged", "at_bound"}
    sent = []
    over = RangeTasks.over
    monkeypatch.setattr(RangeTasks, "over", lambda self, a, b, along: sent.append(b - a) or over(self, a, b, along))
    there = pml.evaluate_landscape(objective, grid, nuisance="profile", client=client, **QUIET)
    assert sum(sent) > 50
    assert there.drop_attrs().identical(here.drop_attrs())
    assert there.attrs["n_evaluations"] == here.attrs["n_evaluations"]


def test_a_profile_keeps_what_is_solved_where_the_scheduler_goes_away(mixture, client, monkeypatch):
    monkeypatch.setattr("pymc_landscape.landscape.dask_points.WORTH_SENDING", 0.0)
    objective, grid = mixture

    def lost(self, start, stop, along):
        raise ClusterLost("The connection to the scheduler was lost (gone).")

    monkeypatch.setattr(RangeTasks, "over", lost)
    with pytest.warns(UserWarning, match=r"^The connection to the scheduler was lost: \d+ of 63 points were evaluated"):
        part = pml.evaluate_landscape(objective, grid, nuisance="profile", client=client, **QUIET)
    assert part.attrs["completion"] == "interrupted"
    np.testing.assert_array_equal(np.isfinite(part["minus2ll"]), part["status"] != "")


def test_a_step_of_a_profile_depends_on_no_other(mixture, monkeypatch):
    """Points that have no tangent take none from those that are solved with them."""
    objective, grid = mixture
    whole = pml.evaluate_landscape(objective, grid, nuisance="profile", **QUIET)
    monkeypatch.setattr("pymc_landscape.landscape.profile_continuation.BYTES", 1)
    single = pml.evaluate_landscape(objective, grid, nuisance="profile", **QUIET)
    assert single.identical(whole.assign_attrs(created_at=single.attrs["created_at"]))


def test_pointwise_and_planes_on_workers(model, client):
    plane = pml.plane_grid({"a": 0.0, "b": 1.0, "s": 0.5}, model=model.model, num=7, random_seed=1)
    for options in ({"grid": plane}, {"grid": {"b": (0, 1, 5)}, "pointwise": True}):
        here = pml.evaluate_landscape(model, **options, **QUIET)
        same_bits(pml.evaluate_landscape(model, client=client, **options, **QUIET), here)
        lazy = pml.evaluate_landscape(model, lazy=True, **options, **QUIET)
        same_bits(lazy.compute(scheduler="sync"), here.drop_vars("delta_minus2ll"))


def test_a_lazy_landscape_has_the_same_numbers(model, here):
    lazy = pml.evaluate_landscape(model, GRID, at={"a": 0.1}, lazy=True, chunks=100, **QUIET)
    assert all(isinstance(values.data, da.Array) for values in lazy.data_vars.values())
    assert lazy["minus2ll"].data.npartitions > 8
    same_bits(lazy.compute(scheduler="threads"), here.drop_vars("delta_minus2ll"))
    part = {"b": slice(3, None, 10), "s": 5}
    same_bits(lazy.isel(part).compute(scheduler="sync"), here.drop_vars("delta_minus2ll").isel(part))
    near = {"b": [0.99, 0.5], "s": 1.0}
    expected = here.drop_vars("delta_minus2ll").sel(near, method="nearest")
    same_bits(lazy.sel(near, method="nearest").compute(scheduler="sync"), expected)
    assert lazy.attrs["completion"] == "lazy"


def test_workers_compute_a_lazy_landscape(model, here, client):
    lazy = pml.evaluate_landscape(model, GRID, at={"a": 0.1}, lazy=True, chunks=200, **QUIET)
    with client.as_current():
        same_bits(lazy.compute(), here.drop_vars("delta_minus2ll"))


def test_a_lazy_landscape_is_written_and_read(model, here, tmp_path):
    pytest.importorskip("zarr")
    lazy = pml.evaluate_landscape(model, GRID, at={"a": 0.1}, lazy=True, chunks=200, **QUIET)
    lazy.to_zarr(tmp_path / "x.zarr", compute=False, zarr_format=3, consolidated=False).compute(scheduler="sync")
    found = xr.open_zarr(tmp_path / "x.zarr", consolidated=False).load()
    xr.testing.assert_equal(found["minus2ll"], here["minus2ll"])


counted = [0]


class Counted(Op):
    """The identity, which counts how often it is asked."""

    itypes, otypes = [pt.dscalar], [pt.dscalar]

    def perform(self, node, inputs, outputs):
        counted[0] += 1
        outputs[0][0] = np.array(inputs[0])


@pytest.mark.filterwarnings("ignore")
def test_what_is_left_out_is_not_evaluated_and_no_point_twice():
    with pm.Model() as model:
        a, b = pm.Flat("a"), pm.Flat("b")
        pm.Normal("y", Counted()(a) + b, observed=[0.0])
    grid = {"a": (0, 1, 1_000_000), "b": (0, 1, 1_000)}  # 10⁹ points
    lazy = pml.evaluate_landscape(model, grid, lazy=True, **QUIET)
    assert dict(lazy.sizes) == {"a": 1_000_000, "b": 1_000}
    counted[0] = 0
    coarse = lazy.isel(a=slice(None, None, 100_000), b=slice(None, None, 250)).compute(scheduler="sync")
    assert counted[0] == 40
    np.testing.assert_allclose(
        coarse["minus2ll"], (coarse["a"] + coarse["b"]) ** 2 + np.log(2 * np.pi), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lazy": True, "store": "x.zarr"}, "got lazy=True and store="),
        ({"lazy": True, "nuisance": "profile"}, "Expected nuisance='fix' with lazy=True"),
    ],
)
def test_what_makes_no_sense_together_is_refused(model, options, said):
    with pytest.raises(ValueError, match=said):
        pml.evaluate_landscape(model, GRID, **options, **QUIET)


def test_what_makes_no_sense_with_a_client_is_refused(model, client):
    with pytest.raises(ValueError, match="got lazy=True and client="):
        pml.evaluate_landscape(model, GRID, lazy=True, client=client, **QUIET)
