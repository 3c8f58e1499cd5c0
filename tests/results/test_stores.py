"""Work that was stopped goes on from its store: bootstraps and profiles, against the same work without a stop."""

import tracemalloc

import numpy as np
import published
import pymc as pm
import pytest
import xarray as xr
from posteriors import mean_of
from pytensor.raise_op import Assert
from verbs import again, fit, interrupted_after

import pymc_landscape as pml
from pymc_landscape.inference.profile.profile_side import ProfileSide as Outward
from pymc_landscape.objective.observations import Simulator, StackedData
from pymc_landscape.results import checkpoint, zarr_store

Y = np.array([1.0, 2.0, 0.5, 4.5])
pytest.importorskip("zarr")


def opened(path) -> xr.Dataset:
    return xr.open_zarr(path, chunks=None, consolidated=False)


@pytest.fixture(scope="module")
def here():
    return fit(mean_of(Y))


@pytest.fixture(scope="module")
def budworm():
    return fit(published.budworm())


def counted(monkeypatch, module, name: str) -> list[int]:
    """Count the calls of a function."""
    calls, function = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **options: calls.append(1) or function(*args, **options))
    return calls


# --- bootstrap -------------------------------------------------------------------------------------------------------


def simulated(monkeypatch, at_once: int, second: BaseException | None = None) -> list[int]:
    """Refit so many data sets in one go; count those of each go, and let the second end with an exception."""
    sizes, follow = [], Simulator.several

    def several(self, point, seeds):
        if second is not None and len(sizes) == 1:
            raise second
        sizes.append(len(seeds))
        return follow(self, point, seeds)

    monkeypatch.setattr(Simulator, "several", several)
    monkeypatch.setattr(StackedData, "most_sets", staticmethod(lambda objective: at_once))
    return sizes


def test_a_bootstrap_goes_on_where_it_stopped(here, tmp_path, monkeypatch):
    store = tmp_path / "boot.zarr"
    with monkeypatch.context() as stopped:
        simulated(stopped, 4, KeyboardInterrupt())
        with pytest.warns(UserWarning, match="4 of 10 replicates"):
            kept = again(here, 10, store=store)
    assert kept.attrs["completion"] == "interrupted"
    xr.testing.assert_identical(opened(store).load().drop_attrs(), kept.drop_attrs())
    sizes = simulated(monkeypatch, 100)
    whole = again(here, 10, store=str(store))
    assert sizes == [6]
    xr.testing.assert_identical(whole.drop_attrs(), again(here, 10).drop_attrs())
    assert whole.attrs["completion"] == opened(store).attrs["completion"] == "complete"
    np.testing.assert_array_equal(opened(store)["mu"], whole["mu"])


def test_replicates_are_kept_on_the_way_and_not_at_the_end_alone(here, tmp_path, monkeypatch):
    """The process may be ended by something else than Ctrl-C."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", np.inf)
    simulated(monkeypatch, 3, RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        again(here, 10, store=tmp_path / "boot.zarr")
    assert dict(opened(tmp_path / "boot.zarr").sizes) == {"chain": 1, "draw": 3}


def test_a_bootstrap_in_a_store_takes_more_draws_and_loses_none(here, tmp_path):
    store = tmp_path / "boot.zarr"
    again(here, 3, store=store)
    more = again(here, 8, store=store)
    xr.testing.assert_identical(more.drop_attrs(), again(here, 8).drop_attrs())
    assert again(here, 2, store=store).sizes["draw"] == 2
    assert opened(store).sizes["draw"] == 8


def test_a_second_stop_before_anything_is_new_keeps_what_there_was(here, tmp_path, monkeypatch):
    store = tmp_path / "boot.zarr"
    again(here, 3, store=store)
    interrupted_after(0, monkeypatch)
    with pytest.warns(UserWarning, match="3 of 5 replicates"):
        again(here, 5, store=store)
    assert opened(store).sizes["draw"] == 3


def test_arrays_edges_and_words_come_back_from_a_store(budworm, tmp_path):
    """Three parameters with a dim; and an estimate on an edge."""
    store = tmp_path / "boot.zarr"
    again(budworm, 2, store=store)
    xr.testing.assert_identical(again(budworm, 3, store=store).drop_attrs(), again(budworm, 3).drop_attrs())
    with pm.Model() as model:
        sigma = pm.HalfNormal("sigma", 5)
        pm.Normal("y", 0.0, pm.math.sqrt(1 + sigma**2), observed=[0.1, -0.2, 0.3])
    on_edge = fit(model)
    assert on_edge.point["sigma"] == 0
    store = tmp_path / "edge.zarr"
    again(on_edge, 4, store=store)
    xr.testing.assert_identical(again(on_edge, 6, store=store).drop_attrs(), again(on_edge, 6).drop_attrs())


def test_the_store_of_another_fit_is_refused(here, budworm, tmp_path):
    store = tmp_path / "boot.zarr"
    again(here, 3, store=store)
    for other in (fit(mean_of(Y + 1)), fit(mean_of(-Y)), budworm):
        with pytest.raises(ValueError, match="of other data"):
            again(other, 5, store=store)


def test_another_seed_is_refused_and_none_carries_on(here, tmp_path):
    store = tmp_path / "boot.zarr"
    three = again(here, 3, store=store)
    with pytest.raises(ValueError, match="random_seed with which the store was begun"):
        again(here, 5, store=store, random_seed=8)
    five = pml.parametric_bootstrap(here, draws=5, store=store, progressbar=False)
    np.testing.assert_array_equal(five["mu"][:, :3], three["mu"])
    assert len(np.unique(five["mu"])) == 5


# --- profiles --------------------------------------------------------------------------------------------------------


def stopped_after(sides: int, monkeypatch) -> None:
    """Ctrl-C when so many sides have been walked."""
    walk, walked = Outward.extend, []

    def stops(self, *args):
        if len(walked) == sides:
            raise KeyboardInterrupt
        walked.append(1)
        return walk(self, *args)

    monkeypatch.setattr(Outward, "extend", stops)


def same_profile(one: xr.Dataset, other: xr.Dataset) -> None:
    xr.testing.assert_allclose(one.drop_attrs(), other.drop_attrs(), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(one["status"], other["status"])


def test_a_profile_goes_on_where_it_stopped(budworm, tmp_path, monkeypatch):
    store = tmp_path / "profile.zarr"
    with monkeypatch.context() as stopped:
        stopped_after(3, stopped)
        with pytest.warns(UserWarning, match="2 of 3 profiles were begun"):
            kept = pml.profile_likelihood(budworm, store=store, progressbar=False)
    xr.testing.assert_identical(opened(store).load().drop_attrs(), kept.drop_attrs())
    went_on = pml.profile_likelihood(budworm, store=store, progressbar=False)
    whole = pml.profile_likelihood(budworm, progressbar=False)
    same_profile(went_on, whole)
    assert went_on.attrs["n_evaluations"] < 0.7 * whole.attrs["n_evaluations"]
    assert opened(store).attrs["completion"] == "complete"
    assert pml.profile_likelihood(budworm, store=store, progressbar=False).attrs["n_evaluations"] < 10


def test_a_profile_is_kept_after_each_parameter(budworm, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", np.inf)
    walk, walked = Outward.extend, []

    def breaks(self, *args):
        walked.append(1)
        if len(walked) > 4:
            raise RuntimeError("out of memory")
        return walk(self, *args)

    monkeypatch.setattr(Outward, "extend", breaks)
    with pytest.raises(RuntimeError, match="out of memory"):
        pml.profile_likelihood(budworm, store=tmp_path / "profile.zarr", progressbar=False)
    kept = opened(tmp_path / "profile.zarr")
    assert kept["value"].notnull().any("step").values.tolist() == [True, True, False]


def test_a_store_of_profiles_takes_more_parameters_and_loses_none(budworm, tmp_path, monkeypatch):
    store = tmp_path / "profile.zarr"
    contrast = {"difference": {"b[male]": 1.0, "b[intercept]": -1.0}}
    first = pml.profile_likelihood(budworm, contrast, store=store, progressbar=False)
    both = pml.profile_likelihood(budworm, "b[ldose]", store=store, progressbar=False)
    assert both["parameter"].values.tolist() == ["difference", "b[ldose]"]
    xr.testing.assert_allclose(
        both["value"].sel(parameter="difference").dropna("step"), first["value"][0].dropna("step")
    )
    stopped_after(1, monkeypatch)
    with pytest.warns(UserWarning, match="Interrupted"):
        higher = pml.profile_likelihood(budworm, store=store, level=0.9999, progressbar=False)
    kept = opened(store)
    assert kept["parameter"].values.tolist() == ["difference", "b[ldose]"]
    np.testing.assert_array_equal(
        kept["value"].sel(parameter="b[ldose]").dropna("step"), both["value"].sel(parameter="b[ldose]").dropna("step")
    )
    assert higher["delta_minus2ll"].sel(parameter="difference").max() > 15


def test_a_profile_of_another_fit_in_a_store_is_refused(here, budworm, tmp_path):
    store = tmp_path / "profile.zarr"
    kept = pml.profile_likelihood(here, store=store, progressbar=False)
    with pytest.raises(ValueError, match="got one of another model or of another prior or of other data"):
        pml.profile_likelihood(budworm, store=store, progressbar=False)
    with pytest.raises(ValueError, match="resume= or a store to go on from, got both"):
        pml.profile_likelihood(here, store=store, resume=kept, progressbar=False)


# --- what is on the disk ---------------------------------------------------------------------------------------------


def test_what_is_no_such_store_is_refused(here, tmp_path):
    (tmp_path / "notes").mkdir()
    with pytest.raises(ValueError, match=r"Expected a zarr store in .*notes, got something else"):
        again(here, 3, store=tmp_path / "notes")
    pml.profile_likelihood(here, store=tmp_path / "profile.zarr", progressbar=False)
    with pytest.raises(ValueError, match="Expected a store of the group 'bootstrap', got 'profile'"):
        again(here, 3, store=tmp_path / "profile.zarr")


def test_without_zarr_a_store_is_refused(here, tmp_path, monkeypatch):
    monkeypatch.setattr(zarr_store, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "pymc-landscape\[zarr\]"'):
        again(here, 3, store=tmp_path / "boot.zarr")
    assert not (tmp_path / "boot.zarr").exists()
    assert again(here, 3).sizes["draw"] == 3


# --- landscapes ------------------------------------------------------------------------------------------------------

GRID = pml.regular_grid({"mu": (-1.0, 5.0, 21), "sigma": (-0.5, 4.0, 19)})


def spread() -> pml.Objective:
    """Two terms, a mean, a standard deviation, and an offset that is held; interpreted, so that digits are the same."""
    with pm.Model(coords={"row": list("abcd")}) as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 5)
        offset = pm.Normal("offset", 0, 1, initval=0.25)
        pm.Normal("y", mu + offset, sigma, observed=Y, dims="row")
        pm.Normal("z", mu, 1.0, observed=[0.5, 1.5])
    return pml.Objective(model, backend="interpreter")


@pytest.fixture(scope="module")
def objective():
    return spread()


def surface(objective, grid=GRID, **options) -> xr.Dataset:
    return pml.evaluate_landscape(objective, grid, progressbar=False, **options)


def points_evaluated(monkeypatch) -> list[tuple[int, int]]:
    """Note which points of the grid are made."""
    from pymc_landscape.landscape.grid_points import GridPoints

    made, rows = [], GridPoints.rows
    monkeypatch.setattr(GridPoints, "rows", lambda self, base, a, b: made.append((a, b)) or rows(self, base, a, b))
    return made


def stopped_at(point: int, monkeypatch, error: type[BaseException] = KeyboardInterrupt) -> None:
    from pymc_landscape.landscape.grid_points import GridPoints

    rows = GridPoints.rows

    def stops(self, base, a, b):
        if b > point:
            raise error("stopped")
        return rows(self, base, a, b)

    monkeypatch.setattr(GridPoints, "rows", stops)


@pytest.mark.parametrize("pointwise", [False, True])
def test_a_landscape_in_a_store_is_the_one_in_memory(objective, tmp_path, pointwise):
    kept = surface(objective, store=tmp_path / "surface.zarr", pointwise=pointwise)
    plain = surface(objective, pointwise=pointwise)
    xr.testing.assert_identical(kept.load().drop_attrs(), plain.drop_attrs())
    assert {k: v for k, v in kept.attrs.items() if k != "created_at"} == {
        k: v for k, v in plain.attrs.items() if k != "created_at"
    }


@pytest.mark.parametrize("chunks", [7, None])
def test_a_landscape_goes_on_where_it_stopped(objective, tmp_path, monkeypatch, chunks):
    store, total = tmp_path / "surface.zarr", 21 * 19
    with monkeypatch.context() as stopped:
        stopped_at(200, stopped)
        with pytest.warns(UserWarning, match=r"Interrupted: (\d+) of 399 points were evaluated"):
            part = surface(objective, store=store, chunks=chunks).load()
    n = part.attrs["n_evaluated"]
    assert 8 <= n <= 200
    plain = surface(objective)
    flat = part["minus2ll"].values.ravel()
    np.testing.assert_array_equal(flat[:n], plain["minus2ll"].values.ravel()[:n])
    assert np.isnan(flat[n:]).all()
    assert float(part["delta_minus2ll"].where(np.isfinite(part["minus2ll"])).min()) == 0.0
    made = points_evaluated(monkeypatch)
    whole = surface(objective, store=store)
    asked_again = sorted({0, n // 3, 2 * n // 3, n - 1})
    assert [a for a, b in made[: len(asked_again)]] == asked_again
    assert sum(b - a for a, b in made) == len(asked_again) + total - n
    xr.testing.assert_identical(whole.load().drop_attrs(), plain.drop_attrs())
    assert (whole.attrs["completion"], whole.attrs["n_evaluated"]) == ("complete", total)
    made.clear()
    xr.testing.assert_identical(surface(objective, store=store).load().drop_attrs(), plain.drop_attrs())
    assert sum(b - a for a, b in made) == 4


def test_ctrl_c_before_a_point_is_finished_is_passed_on(objective, tmp_path, monkeypatch):
    stopped_at(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        surface(objective, store=tmp_path / "surface.zarr")
    assert not (tmp_path / "surface.zarr").exists()


@pytest.mark.parametrize("at", [1, 3, 15])  # what waits at the end is written in the first five calls
def test_ctrl_c_while_points_are_written_loses_none(objective, tmp_path, monkeypatch, at):
    if at > 5:
        monkeypatch.setattr("pymc_landscape.landscape.store.SECONDS", 1e-3)
    write, done = zarr_store.ZarrStore.write, []

    def stops(self, name, start, values):
        done.append(1)
        if len(done) == at:
            raise KeyboardInterrupt
        write(self, name, start, values)

    store = tmp_path / "surface.zarr"
    with monkeypatch.context() as stopped:
        stopped.setattr(zarr_store.ZarrStore, "write", stops)
        with pytest.warns(UserWarning, match="Interrupted"):
            surface(objective, store=store)
    xr.testing.assert_identical(surface(objective, store=store).load().drop_attrs(), surface(objective).drop_attrs())


def test_points_are_written_in_whole_chunks_and_few_times(objective, tmp_path, monkeypatch):
    """Other processes return many short ranges at first: each alone would read and write a chunk of every array."""
    write, written = zarr_store.ZarrStore.write, []

    def noted(self, name, start, values):
        if name == "minus2ll":
            written.append((start, len(values)))
        write(self, name, start, values)

    monkeypatch.setattr(zarr_store.ZarrStore, "write", noted)
    monkeypatch.setattr(zarr_store, "CHUNK", 8 * 19 * 2)  # two lines of the grid
    monkeypatch.setattr("pymc_landscape.landscape.store.BYTES", 8 * 6 * 50)
    kept = surface(objective, store=tmp_path / "surface.zarr")
    assert len(written) < 12
    assert len(written) > 3
    assert all(start % 38 == 0 for start, _ in written[2:])  # the first shows which arrays there are
    assert sum(n for _, n in written) == 399
    xr.testing.assert_identical(kept.load().drop_attrs(), surface(objective).drop_attrs())


def test_what_waits_is_written_where_the_work_fails(objective, tmp_path, monkeypatch):
    from pymc_landscape.landscape import evaluate

    def failing(ranges, client, start):
        yield ranges(start, 100)
        yield ranges(100, 150)
        raise RuntimeError("a worker said so")

    with monkeypatch.context() as workers:
        workers.setattr(evaluate, "evaluated_by_workers", failing)
        workers.setattr(evaluate, "checked_client", lambda client: client)
        with pytest.raises(RuntimeError, match="a worker said so"):
            surface(objective, store=tmp_path / "surface.zarr", client=object())
    plain, made = surface(objective), points_evaluated(monkeypatch)
    whole = surface(objective, store=tmp_path / "surface.zarr")
    assert sum(b - a for a, b in made) == 4 + 399 - 150  # of those that are kept four are asked again
    xr.testing.assert_identical(whole.load().drop_attrs(), plain.drop_attrs())


def test_the_store_of_another_landscape_is_refused(objective, tmp_path):
    store = tmp_path / "surface.zarr"
    surface(objective, store=store)
    other_grid = pml.regular_grid({"mu": (-1.0, 5.0, 21), "sigma": (-0.5, 4.5, 19)})
    for options in (
        {"grid": other_grid},
        {"grid": other_grid.rename(sigma="offset")},
        {"at": {"offset": 0.5}},
        {"pointwise": True},
    ):
        with pytest.raises(ValueError, match="Expected a store of this grid, of this model and its data"):
            surface(objective, **{"grid": GRID, **options}, store=store)
    with pytest.raises(ValueError, match="of this model and its data"):
        surface(objective.with_data(y=Y[::-1] + 1), store=store)
    here = fit(mean_of(Y))
    again(here, 2, store=tmp_path / "boot.zarr")
    with pytest.raises(ValueError, match="of this model and its data"):
        surface(objective, store=tmp_path / "boot.zarr")


def test_data_that_are_a_mirror_image_are_other_data(tmp_path):
    """Three of ten and seven of ten: the same likelihood at 0, a half and 1."""
    with pm.Model() as model:
        pm.Binomial("y", 10, pm.Beta("p", 1, 1), observed=3)
    seven, grid = pml.Objective(model).with_data(y=7), pml.regular_grid({"p": (0, 1, 101)})
    surface(model, grid, store=tmp_path / "surface.zarr")
    with pytest.raises(ValueError, match="of this model and its data"):
        surface(seven, grid, store=tmp_path / "surface.zarr")


def test_a_plane_and_a_single_axis_can_be_stored(objective, tmp_path):
    plane = pml.plane_grid(fit(objective), num=6, random_seed=1)
    for name, grid in (("plane", plane), ("line", pml.regular_grid({"mu": [1.0, 2.0]}))):
        kept = surface(objective, grid, store=tmp_path / name).load()
        xr.testing.assert_identical(kept.drop_attrs(), surface(objective, grid).drop_attrs())
        xr.testing.assert_identical(surface(objective, grid, store=tmp_path / name).load(), kept)


def test_points_at_which_the_model_raises_are_nan_in_a_store_too(tmp_path):
    with pm.Model() as model:
        size = pm.Uniform("size", -3, 3)
        pm.Normal("y", Assert("too small")(size, size > -2.5), 1.0, observed=1.0)
    grid = pml.regular_grid({"size": np.linspace(-3, 3, 61)})
    objective = pml.Objective(model, backend="interpreter")
    with pytest.warns(UserWarning, match=r"NaN at 6 of 61 points, first at size=-3 \(AssertionError: too small"):
        kept = surface(objective, grid, store=tmp_path / "surface.zarr")
    with pytest.warns(UserWarning, match=r"NaN at 6 of 61 points, first at size=-3 \(AssertionError: too small"):
        plain = surface(objective, grid)
    xr.testing.assert_identical(kept.load().drop_attrs(), plain.drop_attrs())
    assert surface(objective, grid, store=tmp_path / "surface.zarr").attrs["completion"] == "complete"


def test_a_model_that_raises_everywhere_raises(tmp_path):
    with pm.Model() as model:
        size = pm.Uniform("size", -3, 3)
        pm.Normal("y", Assert("too small")(size, size > 5), 1.0, observed=1.0)
    with pytest.raises(AssertionError, match="too small"):
        surface(pml.Objective(model, backend="interpreter"), {"size": (-1, 1, 20)}, store=tmp_path / "surface.zarr")
    assert not (tmp_path / "surface.zarr").exists()


@pytest.mark.exhaustive
def test_memory_stays_bounded_where_the_grid_does_not_fit(tmp_path, monkeypatch):
    """No array of the whole grid is made: the longest one is a stretch."""
    from pymc_landscape.landscape import store as landscape_store

    monkeypatch.setattr(landscape_store, "BYTES", 2**18)
    monkeypatch.setattr(zarr_store, "CHUNK", 2**15)
    model = spread()
    grid = pml.regular_grid({"mu": (-1.0, 5.0, 600), "sigma": (0.5, 4.0, 600)})
    surface(model, GRID, at={"offset": 0.25}, store=tmp_path / "small.zarr")  # engines are made, libraries imported
    made = points_evaluated(monkeypatch)
    tracemalloc.start()
    kept = surface(model, grid, store=tmp_path / "surface.zarr")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(b - a for a, b in made) <= 2**18 // (8 * 7)
    assert peak < 0.2 * kept.nbytes  # a stretch and what fills its chunks, whatever the grid's size
    assert int(kept["minus2ll"].isnull().sum()) == 0


def test_a_profile_over_a_grid_has_no_store(objective, tmp_path):
    with pytest.raises(ValueError, match="Expected nuisance='fix' with a store"):
        surface(objective, nuisance="profile", store=tmp_path / "surface.zarr")
