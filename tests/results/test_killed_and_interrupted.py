"""Kills and Ctrl-C at random, and at every place where files change: what goes on afterwards ends with the same bits.

`PYMC_LANDSCAPE_KILLS` and `PYMC_LANDSCAPE_INTERRUPTS` say how many; left out, few enough for a minute.
"""

import os
import signal
import time
import warnings
from functools import partial

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from pytensor.graph.op import Op

import pymc_landscape as pml
from pymc_landscape.results import StoreDirectory, checkpoint

pytest.importorskip("zarr")
if not hasattr(os, "fork"):
    pytest.skip("a process is killed that is a fork of this one", allow_module_level=True)
KILLS = int(os.environ.get("PYMC_LANDSCAPE_KILLS", "24"))
INTERRUPTS = int(os.environ.get("PYMC_LANDSCAPE_INTERRUPTS", "36"))
Y = np.array([1.0, 2.0, 0.5, 4.5, 3.0, 2.5])
X = np.linspace(-1, 1, len(Y))


def line(through=lambda x: x) -> pm.Model:
    with pm.Model(coords={"k": ["km/h", "kg"]}) as model:
        b = pm.Normal("b", 0, 10, dims="k")
        s = pm.HalfNormal("s", 5)
        pm.Normal("y", through(b[0]) + b[1] * X, s, observed=Y)
    return model


@pytest.fixture(scope="module")
def here():
    return pml.fit_mle(line(), progressbar=False, starts=1)


def draws_of_line(n: int) -> xr.DataTree:
    rng, dims = np.random.default_rng(0), ("chain", "draw")
    data = {"b": ((*dims, "k"), rng.normal(2, 0.3, (2, n, 2))), "s": (dims, rng.uniform(1, 2, (2, n)))}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(data, {"k": ["km/h", "kg"]})})


@pytest.fixture(scope="module")
def posterior():
    return draws_of_line(20)


def in_a_store(here, posterior) -> dict:
    """Verbs with a store, each a function of the place."""
    grid = pml.regular_grid({"b[km/h]": (0, 4, 12), "s": (0.5, 4, 10)})
    silent = {"progressbar": False}
    return {
        "bootstrap": lambda store: pml.parametric_bootstrap(here, draws=20, random_seed=3, store=store, **silent),
        "profile": lambda store: pml.profile_likelihood(here, store=store, **silent),
        "landscape": lambda store: pml.evaluate_landscape(here, grid, store=store, **silent).load(),
        "pointwise": lambda store: merged(pml.pointwise_log_likelihood(here, posterior, store=store, **silent)),
    }


def merged(tree: xr.DataTree) -> xr.Dataset:
    return xr.merge([group.to_dataset().load() for group in tree.children.values()], combine_attrs="drop")


def often(monkeypatch) -> None:
    """Keep results as often as can be, in small blocks."""
    from pymc_landscape.landscape import store as landscape_store
    from pymc_landscape.objective.observations import StackedData
    from pymc_landscape.results import zarr_store

    monkeypatch.setattr(os, "fsync", lambda file: None)  # a kill takes no file from the system
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", np.inf)
    monkeypatch.setattr(landscape_store, "SECONDS", 1e-3)
    monkeypatch.setattr(zarr_store, "BLOCK", 8 * 10 * 20)
    monkeypatch.setattr(StackedData, "most_sets", staticmethod(lambda objective: 8))


def same_bits(found: xr.Dataset, right: xr.Dataset) -> None:
    found, right = (each.drop_attrs() for each in (found, right))
    xr.testing.assert_identical(found, right)
    for name, values in right.data_vars.items():
        assert found[name].dtype == values.dtype
        assert found[name].to_numpy().tobytes() == values.to_numpy().tobytes(), name


def killed(call, die) -> int:
    """Run a call in a fork that is killed; return its exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process with threads
        child = os.fork()
    if child == 0:
        try:
            die()
            call()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


def at_change(n: int):
    """Die before the n-th change of what is on the disk."""
    left = [n]

    def watched(function):
        def dies(*args, **options):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **options)

        return dies

    def begin() -> None:
        from zarr.storage import _local

        for name in ("rename", "replace", "mkdir", "rmdir", "unlink"):
            setattr(os, name, watched(getattr(os, name)))
        _local._put = watched(_local._put)

    return begin, left


def after(seconds: float):
    """Die after a time."""
    return lambda: (
        (signal.setitimer(signal.ITIMER_REAL, seconds) and None)
        or signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    )


def replaced_by(path, text: str) -> None:
    """Put a store of one file in the place of another."""
    with StoreDirectory(path) as place:
        new = place.new()
        new.mkdir()
        (new / "zarr.json").write_text(text)
        place.put_in_place()


def test_killed_at_each_change_a_store_is_the_old_or_the_new_and_nothing_else_stays(tmp_path):
    found, places = [], 0
    for n in range(1, 100):
        path = tmp_path / f"{n}" / "x.zarr"
        path.parent.mkdir()
        replaced_by(path, "old")
        if not os.WIFSIGNALED(killed(partial(replaced_by, path, "new"), at_change(n)[0])):
            break
        places = n
        with StoreDirectory(path):
            assert [p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")] == ["x.zarr"], n
        found.append((path / "zarr.json").read_text())
    assert places > 6
    assert found == sorted(found, reverse=True)  # the old one up to some change, from there on the new one
    assert set(found) == {"old", "new"}


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore:The result could not be kept")
@pytest.mark.parametrize("verb", ["bootstrap", "profile", "landscape", "pointwise"])
def test_killed_anywhere_it_goes_on_to_the_same_bits(verb, here, posterior, tmp_path, monkeypatch, rng):
    often(monkeypatch)
    call = in_a_store(here, posterior)[verb]
    right = call(tmp_path / "right.zarr")
    began = time.perf_counter()
    call(tmp_path / "timed.zarr")
    took, done = time.perf_counter() - began, 0
    for i in range(KILLS // 4):
        folder = tmp_path / f"{i}"
        folder.mkdir()
        (folder / "x.zarr.new").write_text("mine")
        for _ in range(rng.integers(1, 3)):  # killed again as it goes on
            die = at_change(int(rng.integers(1, 400)))[0] if i % 2 else after(float(rng.uniform(0, 1.1 * took)))
            done += os.WIFSIGNALED(killed(partial(call, folder / "x.zarr"), die))
        same_bits(call(folder / "x.zarr"), right)
        assert sorted(p.name for p in folder.iterdir()) == ["x.zarr", "x.zarr.new"]
        assert (folder / "x.zarr.new").read_text() == "mine"
        same_bits(call(folder / "x.zarr"), right)
    assert done > KILLS // 12


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------

count, stop = [0], [0]


class Tap(Op):
    """The identity, in which Ctrl-C is pressed at a chosen evaluation."""

    itypes, otypes = [pt.dscalar], [pt.dscalar]

    def perform(self, node, inputs, outputs):
        count[0] += 1
        if count[0] == stop[0]:
            raise KeyboardInterrupt
        outputs[0][0] = np.array(inputs[0])

    def pullback(self, inputs, outputs, given):
        return [given[0]]


def interruptible(folder) -> dict:
    """Every verb that works for long, as a function without arguments."""
    model, silent = line(Tap()), {"progressbar": False}
    fit = pml.fit_mle(model, starts=1, **silent)
    null = pm.do(model, {"s": 1.5})
    dt = draws_of_line(20)
    grid = {"b[km/h]": (0, 4, 7), "s": (1, 3, 5)}
    return {
        "fit": lambda: pml.fit_mle(model, starts=3, random_seed=1, **silent),
        "bootstrap": lambda: pml.parametric_bootstrap(fit, draws=4, random_seed=1, **silent),
        "profile": lambda: pml.profile_likelihood(fit, **silent),
        "intervals": lambda: pml.confidence_intervals(fit, **silent),
        "slice": lambda: pml.evaluate_landscape(fit, grid, chunks=4, **silent),
        "surface": lambda: pml.evaluate_landscape(fit, {"s": (1, 3, 5)}, nuisance="profile", **silent),
        "descent": lambda: pml.descend(model, "newton", steps=8, **silent),
        "critical points": lambda: pml.critical_points(model, starts=3, random_seed=1, **silent),
        "contour": lambda: pml.confidence_contour(fit, ["b[kg]", "s"], level=0.9, num=8, **silent),
        "test": lambda: pml.likelihood_ratio_test(null, fit, reference="bootstrap", draws=4, random_seed=1, **silent),
        "coverage": lambda: pml.coverage_study(fit, draws=3, random_seed=1, **silent),
        "pointwise": lambda: pml.pointwise_log_likelihood(model, dt, chunks=5, **silent),
        "comparison": lambda: pml.compare_with_posterior(fit, dt, **silent),
        "influence": lambda: pml.influence(fit, **silent),
        "score test": lambda: pml.score_test(null, model),
        "prior path": lambda: pml.prior_path(model, weights=(0, 0.5, 1), **silent),
    }


def datasets(found) -> list[xr.Dataset]:
    if isinstance(found, xr.DataTree):
        return [child.to_dataset() for child in found.children.values()]
    return [found if isinstance(found, xr.Dataset) else found.to_dataset()]


def is_part(found: xr.Dataset, right: xr.Dataset) -> bool:
    """Whether the numbers of a part are those of the whole, where the part has any."""
    for name, values in found.data_vars.items():
        if values.dtype.kind != "f" or name not in right or name.startswith("delta_minus2ll"):
            continue
        one, other = xr.align(values, right[name], join="inner") if values.dims == right[name].dims else (None, None)
        if one is not None:
            known = np.isfinite(one.to_numpy())
            if not np.allclose(one.to_numpy()[known], other.to_numpy()[known], rtol=1e-4, atol=1e-4, equal_nan=True):
                return False
    return True


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_ctrl_c_anywhere_is_passed_on_or_leaves_a_part_that_says_so(tmp_path, rng):
    bad = []
    verbs = interruptible(tmp_path)
    for verb, call in verbs.items():
        stop[0] = 0
        try:
            call()
        except Exception as error:
            bad.append(f"{verb}: {type(error).__name__}: {error}")
            continue
        count[0] = 0
        right, total = datasets(call()), max(count[0], 1)
        places = {1, total, *rng.integers(1, total + 1, max(INTERRUPTS // len(verbs), 1)).tolist()}
        for n in sorted(places):
            count[0], stop[0] = 0, n
            try:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    found = call()
                warned = [str(one.message) for one in caught]
            except KeyboardInterrupt:
                continue
            except BaseException as error:
                bad.append(f"{verb} at {n} of {total}: {type(error).__name__}: {error}")
                continue
            finally:
                stop[0] = 0
            if count[0] < n:
                continue  # other numbers of evaluations from one call to the next
            said = f"{getattr(found, 'message', '')} {[one.attrs for one in datasets(found)]} {warned}"
            whole = right if verb not in ("test", "coverage") else []  # whose numbers are of all data sets together
            same = all(is_part(one, other) for one, other in zip(datasets(found), whole, strict=False))
            if "nterrupted" not in said or not same:
                bad.append(f"{verb} at {n} of {total}: {'the same' if same else 'another'} result, {said[:80]}")
    assert not bad, "\n".join(bad)
