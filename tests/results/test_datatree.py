"""Results beside the posterior, saved and reopened as they were."""

import re
from collections import Counter
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr

import pymc_landscape as pml
from pymc_landscape.inference.hypothesis_tests import nested_test
from pymc_landscape.results.datatree import GROUPS, TABLE_DIMS

Y = np.array([0.4, -0.2, 1.3, 0.9, 0.1])
COUNTS = np.array([1, 0, 3])


@pytest.fixture(scope="module")
def model() -> pm.Model:
    coords = {"day": ["mon", "tue", "wed", "thu", "fri"], "term": ["a", "b"]}
    with pm.Model(coords=coords, name="shop") as model:
        beta = pm.Normal("beta", 0, 2, dims="term")
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", beta[0], sigma, observed=Y, dims="day")
        pm.Poisson("n", pm.math.exp(beta[1]), observed=COUNTS)
    return model


@pytest.fixture(scope="module")
def dt() -> xr.DataTree:
    rng = np.random.default_rng(4)
    posterior = {
        "shop::beta": rng.normal(0.4, 0.3, size=(2, 50, 2)),
        "shop::sigma": np.exp(rng.normal(-0.5, 0.2, size=(2, 50))),
    }
    return az.from_dict(
        {"posterior": posterior, "observed_data": {"shop::y": Y}},
        coords={"term": ["a", "b"]},
        dims={"shop::beta": ["term"]},
    )


@pytest.fixture(scope="module")
def surfaces(model, dt) -> dict[str, xr.Dataset]:
    """One landscape of each kind."""
    by_hand = pml.regular_grid({"shop::beta[a]": (0, 1, 4), "shop::sigma": (-0.5, 1, 3)})
    grids = {
        "regular": by_hand,
        "pointwise": by_hand,
        "posterior": pml.posterior_grid(dt, "shop::sigma", num=3, model=model),
        "principal": pml.posterior_grid(dt, "shop::beta", axes="principal", num=3),
        "plane": pml.plane_grid(dt, model=model, num=3, random_seed=1),
    }
    made = {
        kind: pml.evaluate_landscape(model, grid, pointwise=kind == "pointwise", progressbar=False)
        for kind, grid in grids.items()
    }
    with pm.Model() as counting:
        when = pm.DiscreteUniform("when", 0, 9)
        pm.Normal("y", 0.1 * when, 1, observed=Y)
    whole = pml.regular_grid({"when": np.arange(10)})
    return {**made, "discrete": pml.evaluate_landscape(counting, whole, progressbar=False)}


KINDS = ["regular", "pointwise", "posterior", "principal", "plane", "discrete"]


def saved(tree: xr.DataTree, path, how: str) -> xr.DataTree:
    """The tree after a round trip."""
    if how == "zarr":
        pytest.importorskip("zarr")
        tree.to_zarr(path / "tree.zarr", consolidated=False)
        return xr.open_datatree(path / "tree.zarr", engine="zarr", consolidated=False).load()
    if how == "h5netcdf":
        pytest.importorskip("h5py")
    tree.to_netcdf(path / "tree.nc", engine=how)
    with xr.open_datatree(path / "tree.nc", engine=how) as again:
        return again.load()


# --- groups ----------------------------------------------------------------------------------------------------------


def test_each_result_gets_its_group_and_the_users_come_first(surfaces, dt):
    tree = pml.to_datatree(surfaces["regular"], surfaces["plane"], surfaces["discrete"], dt=dt)
    wanted = ["posterior", "observed_data", "landscape", "landscape_2", "landscape_3"]
    assert list(tree.children) == wanted
    for group, kind in zip(wanted[2:], ("regular", "plane", "discrete"), strict=True):
        xr.testing.assert_identical(tree[group].to_dataset(), surfaces[kind])
    xr.testing.assert_identical(tree["posterior"].to_dataset(), dt["posterior"].to_dataset())


def test_without_a_tree_there_is_a_new_one(surfaces):
    assert list(pml.to_datatree(surfaces["regular"]).children) == ["landscape"]
    assert list(pml.to_datatree().children) == []


def test_the_users_tree_is_left_as_it_was(surfaces, dt):
    before = dt.copy(deep=True)
    tree = pml.to_datatree(surfaces["regular"], dt=dt)
    tree["posterior"].attrs["note"] = "mine"
    tree["posterior"]["extra"] = tree["posterior"]["shop::sigma"] * 2
    xr.testing.assert_identical(dt, before)


def test_a_tree_that_has_a_landscape_gets_the_next_number(surfaces, dt):
    once = pml.to_datatree(surfaces["regular"], dt=dt)
    twice = pml.to_datatree(surfaces["plane"], surfaces["posterior"], dt=once)
    groups = [g for g in twice.children if g.startswith("landscape")]
    assert groups == ["landscape", "landscape_2", "landscape_3"]
    xr.testing.assert_identical(twice["landscape"].to_dataset(), surfaces["regular"])


def test_a_result_object_brings_its_own_dataset(surfaces):
    class Report:
        def to_dataset(self):
            return surfaces["regular"].assign_attrs(group="comparison")

    assert list(pml.to_datatree(Report(), surfaces["regular"]).children) == ["comparison", "landscape"]


def test_each_group_belongs_to_one_verb():
    """The groups that the package writes are those of the table, each written in one place, by a verb that is there."""
    package = Path(pml.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    written = Counter(
        re.findall(r'group="(\w+)"', "\n".join(line for t in texts for line in t.splitlines() if "def " not in line))
    )
    written += Counter(re.findall(r'_attrs\("(\w+)"\)', "\n".join(texts)))
    written += Counter(nested_test.GROUPS.values())
    of_trees = {"log_likelihood", "log_prior"}
    assert set(written) == set(GROUPS) - of_trees
    for verb in GROUPS.values():
        owner, _, method = verb.rpartition(".")
        assert hasattr(getattr(pml, owner), method) if owner else verb in pml.__all__


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    with pm.Model() as free:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 5)
        pm.Normal("y", mu, sigma, observed=Y)
        pm.Poisson("n", 2.0, observed=COUNTS)
    fits = {"free": pml.fit_mle(free, progressbar=False), "zero": pml.fit_mle(pm.do(free, {"mu": 0.0}))}
    path = pml.descend(free, ["newton", "gradient_descent"], starts=2, steps=20, random_seed=1, progressbar=False)
    return {
        "model_comparison": pml.compare_models(fits, progressbar=False),
        "loss_table": pml.loss_table(free),
        "descent_race": pml.descent_race(path),
        "tests": pml.tests(fits["zero"], fits["free"], progressbar=False),
    }


@pytest.mark.parametrize("how", ["netcdf4", "h5netcdf", "zarr"])
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_tables_are_groups_too_and_are_saved_unchanged(how, tables, tmp_path):
    tree = pml.to_datatree(*tables.values())
    assert list(tree.children) == list(tables)
    again = saved(tree, tmp_path, how)
    for group, dim in TABLE_DIMS.items():
        table, ds = tables[group], tree[group].to_dataset()
        assert set(ds.sizes) == {dim}
        assert ds[dim].values.tolist() == list(table.index)
        assert list(ds.data_vars) == list(table.columns)
        assert ds.attrs == table.attrs
        xr.testing.assert_identical(again[group].to_dataset(), ds)
        for name, column in table.items():
            back = ds[name].values
            if pd.api.types.is_numeric_dtype(column.dtype):
                np.testing.assert_array_equal(back.astype(float), column.to_numpy(float, na_value=np.nan))
            else:
                assert back.tolist() == column.fillna("").tolist()


def test_another_table_is_refused(tables):
    with pytest.raises(TypeError, match="pass what compare_models, loss_table, descent_race or tests returned"):
        pml.to_datatree(pd.DataFrame({"a": [1.0]}))
    assert list(pml.to_datatree(tables["loss_table"][["loss", "value"]]).children) == ["loss_table"]


def test_what_is_no_result_is_refused(surfaces, dt):
    with pytest.raises(TypeError, match="Expected results of pymc_landscape, got int"):
        pml.to_datatree(3)
    with pytest.raises(TypeError, match=r"without attrs\['group'\]"):
        pml.to_datatree(pml.regular_grid({"a": (0, 1, 2)}))
    with pytest.raises(TypeError, match=r"Expected dt to be a DataTree, got Dataset: pass what pm.sample returned"):
        pml.to_datatree(surfaces["regular"], dt=dt["posterior"].to_dataset())


# --- a round trip ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["netcdf4", "h5netcdf", "zarr"])
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_a_tree_is_saved_and_reopened_unchanged(how, surfaces, dt, tmp_path):
    tree = pml.to_datatree(*(surfaces[kind] for kind in KINDS), dt=dt)
    again = saved(tree, tmp_path, how)
    assert set(again.children) == set(tree.children)
    for group in tree.children:
        xr.testing.assert_identical(again[group].to_dataset(), tree[group].to_dataset())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_saved_by_itself(kind, surfaces, tmp_path):
    surfaces[kind].to_netcdf(tmp_path / "one.nc")
    with xr.open_dataset(tmp_path / "one.nc") as again:
        xr.testing.assert_identical(again.load(), surfaces[kind])


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_grids_are_saved_and_used_again(model, dt, tmp_path):
    grids = {
        "regular": pml.regular_grid({"shop::sigma": [0.5, 1.0]}),
        "posterior": pml.posterior_grid(dt, "shop::sigma", num=3),
        "principal": pml.posterior_grid(dt, "shop::beta", axes="principal", num=3, model=model),
        "plane": pml.plane_grid(dt, model=model, num=3, random_seed=1),
    }
    for kind, grid in grids.items():
        grid.to_netcdf(tmp_path / f"{kind}.nc")
        grid.to_zarr(tmp_path / f"{kind}.zarr", consolidated=False)
        wanted = pml.evaluate_landscape(model, grid, progressbar=False)
        zarr = xr.open_zarr(tmp_path / f"{kind}.zarr", consolidated=False, chunks=None)
        with xr.open_dataset(tmp_path / f"{kind}.nc") as again:
            for reopened in (again.load(), zarr.load()):
                xr.testing.assert_identical(reopened, grid)
                xr.testing.assert_equal(pml.evaluate_landscape(model, reopened, progressbar=False), wanted)


def test_a_reopened_landscape_is_a_grid_again(model, surfaces):
    """Its axes are a grid's axes: the same places, for another model or other data."""
    old = surfaces["regular"]
    grid = pml.regular_grid({d: old[d].to_numpy() for d in ("shop::beta[a]", "shop::sigma")})
    xr.testing.assert_equal(pml.evaluate_landscape(model, grid, progressbar=False), old)


# --- what others make of it ------------------------------------------------------------------------------------------


def test_arviz_reads_the_posterior_beside_a_landscape(surfaces, dt, tmp_path):
    tree = saved(pml.to_datatree(surfaces["pointwise"], surfaces["plane"], dt=dt), tmp_path, "netcdf4")
    for read in (az.summary, az.hdi, az.extract):
        left, right = read(tree), read(dt)
        left, right = (x.to_xarray() if hasattr(x, "to_xarray") else x for x in (left, right))
        xr.testing.assert_equal(left, right)


def test_attributes_are_those_that_arviz_writes_and_what_is_particular(surfaces, dt):
    attrs = surfaces["regular"].attrs
    assert attrs["creation_library"] == "pymc_landscape"
    assert attrs["creation_library_version"] == pml.__version__
    assert attrs["inference_library"] == "pymc"
    assert attrs["inference_library_version"] == pm.__version__
    assert attrs["model_name"] == "shop"
    assert attrs["group"] == "landscape"
    assert attrs["n_evaluated"] == 12
    assert {kind: s.attrs["kind"] for kind, s in surfaces.items()} == {
        **{kind: kind for kind in KINDS},
        "pointwise": "regular",
        "discrete": "regular",
    }
    assert {"created_at", "creation_library"} <= set(dt["posterior"].attrs)
    assert np.datetime64(attrs["created_at"].removesuffix("+00:00")) <= np.datetime64("now", "us")


def test_variables_and_dims_are_as_promised(surfaces):
    one = surfaces["pointwise"]
    axes = ("shop::beta[a]", "shop::sigma")
    for name in ("log_likelihood", "log_prior", "log_posterior", "minus2ll", "delta_minus2ll"):
        assert one[name].dims == axes
        assert one[name].dtype == float
    assert one["term_log_likelihood"].dims == (*axes, "term")
    assert list(one["term"]) == ["shop::y", "shop::n"]
    assert one["shop::y"].dims == (*axes, "day")
    assert list(one["day"]) == ["mon", "tue", "wed", "thu", "fri"]
    assert one["shop::n"].dims == (*axes, "shop::n_dim_0")
    assert one["at"].dims == ("parameter",)
    assert list(one["parameter"]) == ["shop::beta[a]", "shop::beta[b]", "shop::sigma"]
    assert "term_log_likelihood" not in surfaces["discrete"]
    assert set(surfaces["regular"].data_vars) == set(one.data_vars) - {"shop::y", "shop::n"}
