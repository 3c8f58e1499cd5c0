"""The groups `log_likelihood` and `log_prior`: PyMC's own numbers, dims and coords, in memory and on disk."""

import tracemalloc
import warnings

import arviz as az
import numpy as np
import pandas as pd
import published
import pymc as pm
import pytest
import xarray as xr
from oracle import INTERPRETED, in_double_precision, without_compiler
from pymc.backends.arviz import coords_and_dims_for_inferencedata
from pymc.stats import compute_log_prior
from selection import some
from zoo import ZOO

import pymc_landscape as pml
from pymc_landscape.objective import draws as draw_vectors
from pymc_landscape.objective.observations import pointwise
from pymc_landscape.results import zarr_store as stores

EXACT = 1e-10
CHAINS, DRAWS = 2, 5

SPECIMENS = [
    *("multi_dimensional_coords", "two_observed", "censored_weibull", "normal_mixture", "eight_schools_centred"),
    *("missing_data", "ordered_logistic", "dirichlet_multinomial", "mutable_data", "named_dims", "nested_names"),
    *("change_point", "autoregression", "correlated_effects"),
]


def budworm() -> pm.Model:
    data = published.read("budworm")
    with pm.Model(
        coords={"batch": data["sex"] + data["ldose"].astype(str), "term": ["level", "male", "ldose"]}
    ) as model:
        b = pm.Normal("b", 0, 10, dims="term")
        logit = b[0] + b[1] * (data["sex"] == "M").to_numpy(float) + b[2] * data["ldose"].to_numpy(float)
        pm.Binomial("dead", n=data["n"].to_numpy(), logit_p=logit, observed=data["dead"].to_numpy(), dims="batch")
    return model


def vectors() -> pm.Model:
    """Vectors of three elements and of one, and a matrix of scalars whose last dim is one."""
    rng = np.random.default_rng(3)
    with pm.Model(coords={"row": list("abcd"), "side": ["x", "y", "z"]}) as model:
        mu = pm.MvNormal("mu", np.zeros(3), np.eye(3), dims="side")
        lone = pm.MvNormal("lone", np.zeros(1), np.eye(1), shape=(4, 1))
        pm.MvNormal("y", mu, np.eye(3), observed=rng.normal(size=(4, 3)), dims=("row", "side"))
        pm.MvNormal("v", mu[:1], np.eye(1), observed=rng.normal(size=(5, 1)))
        pm.Normal("w", lone, 1.0, observed=rng.normal(size=(4, 1)))
        pm.Normal("s", mu[0], 1.0, observed=0.3)
    return model


OWN = {"budworm": budworm, "vectors": vectors}
ALWAYS = [*OWN, "two_observed", "missing_data", "named_dims", "change_point"]


def tree_of(model: pm.Model, seed: int = 1, chains: int = CHAINS, draws: int = DRAWS) -> xr.DataTree:
    """Draws from the prior, as a tree like that of ``pm.sample``."""
    with without_compiler():
        values = pm.draw(model.free_RVs, draws=chains * draws, random_seed=seed, mode="FAST_COMPILE")
    posterior = {
        rv.name: np.reshape(v, (chains, draws, *v.shape[1:])) for rv, v in zip(model.free_RVs, values, strict=True)
    }
    coords, dims = coords_and_dims_for_inferencedata(model)
    return az.from_dict({"posterior": posterior}, coords=coords, dims=dims)


def by_pymc(model: pm.Model, dt: xr.DataTree) -> dict[str, xr.Dataset]:
    options = {
        "extend_inferencedata": False,
        "model": model,
        "progressbar": False,
        "compile_kwargs": {"mode": INTERPRETED},
    }
    starts = dict(model.rvs_to_initial_values)
    model.rvs_to_initial_values.update(dict.fromkeys(starts))  # PyMC refuses models that have some
    with without_compiler(), in_double_precision(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected variables likely created by GP")
        found = {
            "log_likelihood": pm.compute_log_likelihood(dt, **options),
            "log_prior": compute_log_prior(dt, **options),
        }
    model.rvs_to_initial_values.update(starts)
    return found


def groups(model, dt, **options) -> dict[str, xr.Dataset]:
    tree = pml.pointwise_log_likelihood(model, dt, progressbar=False, **options)
    assert list(tree.children) == ["log_likelihood", "log_prior"]
    return {name: child.to_dataset() for name, child in tree.children.items()}


def assert_same(found: dict[str, xr.Dataset], wanted: dict[str, xr.Dataset], tolerance: float = EXACT) -> None:
    for name, group in wanted.items():
        assert set(found[name].data_vars) == set(group.data_vars)
        assert all(found[name][n].dims == group[n].dims for n in group.data_vars)
        xr.testing.assert_allclose(found[name], group, rtol=tolerance, atol=tolerance)
        assert set(found[name].coords) == set(group.coords)


@pytest.fixture(scope="module")
def model() -> pm.Model:
    return budworm()


@pytest.fixture(scope="module")
def dt(model) -> xr.DataTree:
    return tree_of(model, chains=4, draws=50)


@pytest.fixture(scope="module")
def found(model, dt) -> dict[str, xr.Dataset]:
    return groups(model, dt)


# --- the same as PyMC's ----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The likelihood is zero or NaN")  # the prior allows it
@pytest.mark.parametrize("name", some([*OWN, *SPECIMENS], ALWAYS))
def test_numbers_dims_and_coords_are_those_of_pymc(name, model_of):
    model = OWN[name]() if name in OWN else model_of(name)
    with in_double_precision():
        twin = OWN[name]() if name in OWN else ZOO[name]().model
    dt = tree_of(model)
    assert_same(groups(model, dt), by_pymc(twin, dt))


def test_new_data_are_seen(model_of):
    model = model_of("mutable_data")
    with in_double_precision():
        twin = ZOO["mutable_data"]().model
    dt = tree_of(model)
    x, y = (model[name].get_value() for name in ("x", "y_data"))
    groups(model, dt)
    try:
        for one in (model, twin):
            pm.set_data({"x": x[:5], "y_data": y[:5] + 1}, model=one)
        found = groups(model, dt)
        assert found["log_likelihood"].sizes["y_dim_0"] == 5
        assert_same(found, by_pymc(twin, dt))
    finally:
        pm.set_data({"x": x, "y_data": y}, model=model)


def test_an_objective_says_what_potentials_count_as():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        pm.Normal("y", mu, 1, observed=[0.5, 1.5])
        pm.Potential("pull", -((mu - np.array([1.0, 2.0, 3.0])) ** 2))
    dt = tree_of(model)
    pull = -((dt.posterior["mu"].to_numpy()[..., None] - np.array([1.0, 2.0, 3.0])) ** 2)
    with pytest.raises(ValueError, match=r"say which with Objective\(model, potentials="):
        groups(model, dt)
    for role, group in (("prior", "log_prior"), ("likelihood", "log_likelihood")):
        found = groups(pml.Objective(model, potentials=role), dt)
        np.testing.assert_allclose(found[group]["pull"], pull, rtol=EXACT)
        assert found[group]["pull"].dims == ("chain", "draw", "pull_dim_0")


def test_random_effects_are_conditioned_on_without_a_word(caplog):
    with pm.Model() as model:
        tau = pm.HalfNormal("tau", 1)
        pm.Normal("y", pm.Normal("u", 0, tau, shape=3), 1, observed=[0.5, 1.5, 0.1])
    groups(model, tree_of(model))
    assert not caplog.records


def test_the_model_of_the_context_is_used(model, dt, found):
    with model:
        tree = pml.pointwise_log_likelihood(dt=dt, progressbar=False)
    assert_same({name: child.to_dataset() for name, child in tree.children.items()}, found)


# --- what ArviZ makes of them ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(model, dt, found) -> xr.DataTree:
    return pml.to_datatree(pml.pointwise_log_likelihood(model, dt, progressbar=False), dt=dt)


@pytest.fixture(scope="module")
def their_tree(model, dt) -> xr.DataTree:
    theirs = dt.copy()
    for name, group in by_pymc(model, dt).items():
        theirs[name] = group
    return theirs


def test_the_groups_stand_beside_the_posterior(tree, dt):
    assert list(tree.children) == ["posterior", "log_likelihood", "log_prior"]
    assert list(dt.children) == ["posterior"]
    attrs = tree["log_likelihood"].attrs
    assert (attrs["group"], attrs["completion"], attrs["n_evaluated"]) == ("log_likelihood", "complete", 200)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")  # draws from the prior
def test_loo_is_the_same(tree, their_tree):
    ours, theirs = (az.loo(t, pointwise=True) for t in (tree, their_tree))
    assert ours.elpd == pytest.approx(theirs.elpd, rel=1e-9)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k, rtol=1e-6)
    assert ours.elpd_i.dims == ("batch",)


def test_prior_and_likelihood_sensitivity_are_the_same(tree, their_tree):
    ours, theirs = (az.psense_summary(t, round_to=6) for t in (tree, their_tree))
    pd.testing.assert_frame_equal(ours, theirs)
    assert np.isfinite(ours[["prior", "likelihood"]].to_numpy()).all()


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
def test_loo_pit_takes_them(tree, model, rng):
    b, data = tree.posterior["b"].to_numpy(), published.read("budworm")
    logit = b[..., :1] + b[..., 1:2] * (data["sex"] == "M").to_numpy(float) + b[..., 2:] * data["ldose"].to_numpy()
    more = {
        "posterior_predictive": rng.binomial(20, 1 / (1 + np.exp(-logit))),
        "observed_data": data["dead"].to_numpy(),
    }
    coords, dims = coords_and_dims_for_inferencedata(model)
    whole = az.from_dict({g: {"dead": v} for g, v in more.items()}, coords=coords, dims=dims)
    whole.update(tree.children)
    pit = az.loo_pit(whole)
    assert pit["dead"].dims == ("batch",)
    assert pit["dead"].min() >= 0
    assert pit["dead"].max() <= 1


# --- draws from anywhere ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["netcdf4", "zarr"])
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_draws_from_a_file(how, model, dt, found, tmp_path, monkeypatch):
    monkeypatch.setattr(draw_vectors, "AT_HAND", 0)  # as if they were many: read in parts
    path = tmp_path / "draws"
    if how == "zarr":
        dt.to_zarr(path, consolidated=False)
        opened = xr.open_datatree(path, engine="zarr", consolidated=False, chunks=None)
    else:
        dt.to_netcdf(path, engine=how)
        opened = xr.open_datatree(path, engine=how)
    with opened:
        assert_same(groups(model, opened, chunks=37), found)


def test_only_the_models_own_variables_are_read(model, dt, found):
    """nutpie and others may keep unconstrained values, Deterministics and warm-up draws in the tree."""
    posterior = dt["posterior"].to_dataset()
    extra = {
        "b_unconstrained": posterior["b"] * np.nan,
        "logit": ("chain", np.full(4, np.nan)),
        "word": (("chain", "draw"), np.full((4, 50), "x")),
    }
    other = {
        "posterior": posterior.assign(extra),
        "warmup_posterior": posterior * np.nan,
        "sample_stats": posterior * 0,
    }
    assert_same(groups(model, xr.DataTree.from_dict(other)), found)
    assert_same(groups(model, posterior), found)
    assert_same(groups(model, xr.DataTree.from_dict({"burn": posterior}), group="burn"), found)


def test_thinned_draws_and_some_chains_keep_their_labels(model, dt, found):
    fewer = dt.isel(draw=slice(3, None, 7), chain=[2, 0])
    part = groups(model, fewer)
    assert_same(part, {n: g.isel(draw=slice(3, None, 7), chain=[2, 0]) for n, g in found.items()})
    assert part["log_prior"]["chain"].values.tolist() == [2, 0]
    assert part["log_likelihood"]["draw"].values[:2].tolist() == [3, 10]


def test_stacked_draws(model, dt, found):
    stacked = groups(model, az.extract(dt, keep_dataset=True), sample_dims="sample")
    assert stacked["log_likelihood"]["dead"].dims == ("sample", "batch")
    again = {n: g.unstack("sample").transpose("chain", "draw", ...) for n, g in stacked.items()}
    assert_same(again, found)


def test_other_sample_dims(model, dt, found):
    cells = dt["posterior"].to_dataset().rename(chain="i", draw="j").drop_vars(["i", "j"])
    part = groups(model, cells, sample_dims=("j", "i"))
    assert part["log_likelihood"]["dead"].dims == ("j", "i", "batch")
    np.testing.assert_allclose(part["log_prior"]["b"].transpose("i", "j", "term"), found["log_prior"]["b"], rtol=EXACT)


def test_elements_are_found_by_label_in_any_order_of_labels_or_dims(model, dt, found):
    mixed = dt["posterior"].to_dataset().isel(term=[2, 0, 1]).transpose("term", "draw", "chain")
    assert_same(groups(model, mixed), found)


@pytest.mark.parametrize("keep", ["numbers", "none", "other name"])
def test_draws_whose_labels_were_dropped_are_in_the_models_order(keep, model, dt, found):
    posterior = dt["posterior"].to_dataset()
    bare = {
        "numbers": posterior.assign_coords(term=np.arange(3)),
        "none": posterior.drop_vars("term"),
        "other name": posterior.drop_vars("term").rename(term="b_dim_0"),
    }[keep]
    assert_same(groups(model, bare), found)


def test_draws_in_single_precision(model, dt, found):
    single = dt["posterior"].to_dataset().astype("float32")
    assert_same(groups(model, single), found, tolerance=1e-3)


# --- on disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draws_a_block", [1, 7, 50, 1000])
def test_a_store_holds_the_same(draws_a_block, model, dt, found, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "BLOCK", 8 * 15 * draws_a_block)  # twelve batches and three elements of b
    monkeypatch.setattr(stores, "CHUNK", 8 * 40)
    on_disk = groups(model, dt, store=tmp_path / "new.zarr")
    for name, group in found.items():
        xr.testing.assert_equal(on_disk[name].load(), group)
        assert on_disk[name].attrs["group"] == name
        assert on_disk[name].attrs["n_evaluated"] == 200


def test_a_store_is_read_only_where_it_is_looked_at(model, dt, found, tmp_path):
    tree = pml.pointwise_log_likelihood(model, dt, store=str(tmp_path / "new.zarr"), progressbar=False)
    part = tree["log_likelihood"].isel(batch=slice(3, 5))["dead"]
    xr.testing.assert_equal(part.load(), found["log_likelihood"]["dead"].isel(batch=slice(3, 5)))
    with pytest.warns(UserWarning, match="Pareto"):
        loo = az.loo(pml.to_datatree(tree, dt=dt), pointwise=True)
    assert loo.elpd_i.sizes == {"batch": 12}


def test_a_store_of_stacked_draws_of_two_terms(model_of, tmp_path):
    model = model_of("two_observed")
    dt = tree_of(model)
    memory = groups(model, az.extract(dt, keep_dataset=True), sample_dims="sample")
    disk = groups(model, az.extract(dt, keep_dataset=True), sample_dims="sample", store=tmp_path / "new", chunks=3)
    for name, group in memory.items():
        xr.testing.assert_equal(disk[name].load(), group.reset_index("sample"))


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_a_store_can_be_opened_later(model, dt, found, tmp_path):
    groups(model, dt, store=tmp_path / "new.zarr")
    for lazily in ({}, {"chunks": None}):
        again = xr.open_datatree(tmp_path / "new.zarr", engine="zarr", consolidated=False, **lazily)
        xr.testing.assert_equal(again["log_likelihood"].to_dataset().load(), found["log_likelihood"])


def test_memory_stays_within_a_block(tmp_path, monkeypatch):
    """A result of 80 MB through blocks of 2 MB; and in memory, without a second copy."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        pm.Normal("y", mu, 1, observed=np.zeros(20_000))
    dt = tree_of(model, chains=2, draws=250)
    groups(model, dt.isel(draw=slice(0, 1)))  # compiles
    monkeypatch.setattr(stores, "BLOCK", 2**21)

    def peak(**options) -> float:
        tracemalloc.start()
        groups(model, dt, **options)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / 80e6

    assert peak(store=tmp_path / "new.zarr") < 0.3
    assert peak() < 1.3


# --- what goes wrong -------------------------------------------------------------------------------------------------


def interrupted_from(first: int, monkeypatch) -> None:
    rows = draw_vectors.DrawVectors.rows

    def until(self, start, stop):
        if stop > first:
            raise KeyboardInterrupt
        return rows(self, start, stop)

    monkeypatch.setattr(draw_vectors.DrawVectors, "rows", until)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_ctrl_c_keeps_the_finished_part(where, model, dt, found, tmp_path, monkeypatch):
    interrupted_from(120, monkeypatch)
    options = {"store": tmp_path / "new.zarr"} if where == "disk" else {}
    with pytest.warns(UserWarning, match="Interrupted: 120 of 200 draws were evaluated, the others are NaN"):
        part = groups(model, dt, chunks=10, **options)
    for name, group in found.items():
        assert part[name].attrs["completion"] == "interrupted"
        flat = part[name].load().stack(s=("chain", "draw")).isel(s=slice(0, 120))
        xr.testing.assert_equal(flat, group.stack(s=("chain", "draw")).isel(s=slice(0, 120)))
        assert np.isnan(part[name].to_array().stack(s=("chain", "draw")).isel(s=slice(120, None))).all()


def evaluated(monkeypatch) -> list[int]:
    """Count the draws that are evaluated from now on."""
    counts, rows = [], draw_vectors.DrawVectors.rows
    monkeypatch.setattr(draw_vectors.DrawVectors, "rows", lambda self, a, b: counts.append(b - a) or rows(self, a, b))
    return counts


@pytest.mark.parametrize("first", [120, 117])
def test_a_store_goes_on_where_it_was_interrupted(first, model, dt, found, tmp_path, monkeypatch):
    """Blocks of three draws, seventeen a chain: the one in which it was stopped is done again, of others nothing."""
    where = tmp_path / "new.zarr"
    with monkeypatch.context() as stopped:
        interrupted_from(first, stopped)
        with pytest.warns(UserWarning, match="Interrupted"):
            part = groups(model, dt, store=where, chunks=3)
    assert part["log_prior"].attrs["completion"] == "interrupted"
    whole_blocks = 2 * 50 + (first - 100) // 3 * 3
    counts = evaluated(monkeypatch)
    again = groups(model, dt, store=str(where))
    assert sum(counts) == 200 - whole_blocks + 4  # four are asked again, to know the model by
    for name, group in found.items():
        xr.testing.assert_equal(again[name].load(), group)
        assert again[name].attrs["completion"] == "complete"
        assert again[name].attrs["n_evaluated"] == 200
    counts.clear()
    xr.testing.assert_equal(groups(model, dt, store=where)["log_prior"].load(), found["log_prior"])
    assert sum(counts) == 4


def test_a_store_survives_a_crash_and_remembers_bad_draws(model_of, tmp_path, monkeypatch):
    model = model_of("gaussian_unknown_sigma")
    dt = tree_of(model)
    sigma = next(v.name for v in pml.Objective(model).variables if v.transform == "log")
    dt["posterior"][sigma][0, 1] = -1.0
    keep, calls = stores.ZarrStore.keep, []

    def breaks(error, self, start, stop, told):
        calls.append(start)
        if len(calls) > 3:
            raise error
        keep(self, start, stop, told)

    with monkeypatch.context() as broken:
        broken.setattr(stores.ZarrStore, "keep", lambda *args: breaks(OSError("disk full"), *args))
        with pytest.raises(OSError, match="disk full"):
            groups(model, dt, store=tmp_path / "new.zarr", chunks=2)
        broken.setattr(stores.ZarrStore, "keep", lambda *args: breaks(KeyboardInterrupt(), *args))
        with pytest.warns(UserWarning, match="Interrupted: 5 of 10 draws"):  # while the next block was written
            groups(model, dt, store=tmp_path / "new.zarr")
    with pytest.warns(UserWarning, match="zero or NaN at 1 of 10 draws, first at chain 0, draw 1"):
        again = groups(model, dt, store=tmp_path / "new.zarr")
    with pytest.warns(UserWarning, match="zero or NaN at 1 of 10 draws"):
        memory = groups(model, dt)
    for name, group in memory.items():
        xr.testing.assert_equal(again[name].load(), group)


def test_a_store_of_another_model_of_other_data_or_of_other_draws_is_refused(model, dt, model_of, tmp_path):
    groups(model, dt, store=tmp_path / "new.zarr")
    other = dt.copy()
    other["posterior"] = dt["posterior"].to_dataset() + 1e-3
    more = pml.Objective(model).with_data(dead=np.full(12, 3))
    for got, *case in (("draws", model, other), ("draws", model, dt.isel(draw=slice(0, 40))), ("data", more, dt)):
        with pytest.raises(ValueError, match=f"of this model, its data and these draws, got .* other {got}"):
            groups(*case, store=tmp_path / "new.zarr")
    dt.to_zarr(tmp_path / "tree.zarr", consolidated=False)
    with pytest.raises(ValueError, match="got something else"):
        groups(model, dt, store=tmp_path / "tree.zarr")


def test_ctrl_c_before_anything_is_finished_is_passed_on(model, dt, monkeypatch):
    interrupted_from(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        groups(model, dt, chunks=10)


def test_draws_where_the_likelihood_is_zero_are_counted(model_of):
    model = model_of("gaussian_unknown_sigma")
    dt = tree_of(model)
    sigma = next(v.name for v in pml.Objective(model).variables if v.transform == "log")
    dt["posterior"][sigma][1, 2] = -1.0
    with pytest.warns(UserWarning, match="zero or NaN at 1 of 10 draws, first at chain 1, draw 2"):
        found = groups(model, dt)
    term = found["log_likelihood"].to_array()
    assert (term[:, 1, 2] == -np.inf).all()
    assert np.isfinite(term).sum() == term.size * 9 / 10


def test_draws_of_another_model_are_refused(model, dt):
    posterior = dt["posterior"].to_dataset()
    cases = {
        "got none of its parameter b: they hold a; is this": posterior.rename(b="a"),
        r"Expected draws of b of shape \(3,\), got \(2,\)": posterior.isel(term=[0, 1]),
        r"Expected draws of b of shape \(3,\), got \(3, 2\)": posterior.expand_dims(side=2, axis=-1),
        r"Expected draws of b\[male\], got .* along term": posterior.assign_coords(term=["level", "x", "ldose"]),
        r"Expected draws with the dims chain, draw, got \('draw', 'term'\)": posterior.isel(chain=0),
        "Expected a tree with the group 'posterior', got prior": xr.DataTree.from_dict({"prior": posterior}),
    }
    for message, draws in cases.items():
        with pytest.raises(ValueError, match=message):
            groups(model, draws)
    with pytest.raises(ValueError, match="name the dims with sample_dims"):
        groups(model, dt, sample_dims="sample")


def test_wrong_options_are_refused(model, dt, tmp_path, monkeypatch):
    with pytest.raises(TypeError, match="Expected posterior draws, got none"):
        pml.pointwise_log_likelihood(model)
    with pytest.raises(TypeError, match="Expected draws as a DataTree or a Dataset, got dict"):
        groups(model, {"b": 1.0})
    with pytest.raises(ValueError, match="Expected chunks to be a whole number, at least 1, got 0"):
        groups(model, dt, chunks=0)
    with pytest.raises(ValueError, match=r"Expected a zarr store in .*, got something else, .*: name another"):
        groups(model, dt, store=tmp_path)
    monkeypatch.setattr(stores, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"Expected the package zarr for store=.*pip install .pymc-landscape"):
        groups(model, dt, store=tmp_path / "new.zarr")


def test_a_result_that_memory_may_not_hold_is_refused_before_any_work(model):
    many = xr.Dataset({"b": (("chain", "draw", "term"), np.broadcast_to(0.0, (4, 2_500_000, 3)))})
    with pytest.raises(ValueError, match=r"at most 1 GiB in memory, got 1.12 GiB: give store="):
        groups(model, many)
    assert pointwise.IN_MEMORY == 2**30
