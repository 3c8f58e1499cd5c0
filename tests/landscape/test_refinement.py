"""Landscapes evaluated at few points: beside the same landscapes evaluated at all of them."""

import inspect

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy.stats import chi2

import pymc_landscape as pml
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.refinement import lagrange_interpolation, refined_evaluation
from pymc_landscape.landscape.refinement.multiresolution import Multiresolution
from pymc_landscape.objective import LOG_PRIOR
from pymc_landscape.results import DelayedProgressBar

LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)
RNG = np.random.default_rng(4)
Z, BINARY = RNG.normal(3.0, 1.0, size=60), RNG.random(60) < 0.5
PAIR = np.concatenate([RNG.normal(-1.0, 1.0, 30), RNG.normal(2.0, 1.0, 20)])
WIDE = RNG.standard_t(2, size=20)


def of(write) -> pm.Model:
    """Return a model of free x, y, … whose log-likelihood is written."""
    names = inspect.signature(write).parameters
    with pm.Model() as model:
        pm.Potential("ll", write(*[pm.Flat(name) for name in names]))
    return model


def banana(x, y):
    return -0.5 * (4.0 * (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2)


def gaussian(x, y):
    return -(((x - 0.1) / 0.3) ** 2 - 1.4 * (x - 0.1) * (y + 0.2) / 0.06 + ((y + 0.2) / 0.2) ** 2) / 1.02


def two_modes(x, y):
    wide = -0.5 * ((x + 1.0) ** 2 + (y + 1.0) ** 2) / 0.3**2
    return pt.logaddexp(wide, np.log(2.0) - 0.5 * ((x - 1.0) ** 2 + (y - 1.0) ** 2) / 0.1**2)


def switching(x, y):
    return pt.logaddexp(-0.5 * (PAIR - x) ** 2, -0.5 * (PAIR - y) ** 2).sum()


def simplex(x, y):
    rest = 1.0 - x - y
    inside = pt.ge(pt.minimum(pt.minimum(x, y), rest), 1e-9)
    safe = [pt.switch(inside, share, 1.0) for share in (x, y, rest)]
    return pt.switch(inside, 7 * pt.log(safe[0]) + 3 * pt.log(safe[1]) + 10 * pt.log(safe[2]), -np.inf)


def logistic(x, y):
    eta = x + y * Z
    return (BINARY * eta - pt.softplus(eta)).sum()


def heavy_tails(x, y):
    return (-1.5 * pt.log1p((WIDE - x) ** 2 / (2.0 * pt.exp(2 * y))) - y).sum()


def kinks(x, y):
    return -pt.abs(WIDE - x - y * Z[:20]).sum()


SURFACES = {
    "gaussian": (gaussian, (-1.5, 1.5), (-1.2, 1.2)),
    "banana": (banana, (-2.0, 2.0), (-1.0, 3.0)),
    "two modes": (two_modes, (-3.0, 3.0), (-3.0, 3.0)),
    "switching": (switching, (-4.0, 5.0), (-4.0, 5.0)),
    "simplex": (simplex, (-0.1, 1.0), (-0.1, 1.0)),
    "logistic": (logistic, (-6.0, 6.0), (-2.0, 2.0)),
    "heavy tails": (heavy_tails, (-3.0, 3.0), (-2.0, 2.0)),
    "kinks": (kinks, (-5.0, 5.0), (-2.0, 2.0)),
}


def both(model, grid, **options):
    """Return the landscape refined and whole."""
    grid = pml.regular_grid(grid) if isinstance(grid, dict) else grid
    refined = pml.evaluate_landscape(model, grid, refine=True, progressbar=False, **options)
    return refined, pml.evaluate_landscape(model, grid, progressbar=False, **options)


def share(surface) -> float:
    return float(surface["evaluated"].mean())


def assert_a_picture_as_sharp(refined, whole, factor=3.0):
    """The stated error holds up to a factor, the support is the same, lines at the levels are less than a cell off."""
    fine, rise = refined["minus2ll"].values, whole["delta_minus2ll"].values
    true = whole["minus2ll"].values
    np.testing.assert_array_equal(np.isfinite(fine), np.isfinite(true))
    shown = rise <= chi2.ppf(LEVELS[-1], rise.ndim)
    error = np.abs(fine[shown] - true[shown]).max()
    assert error <= factor * refined.attrs["interpolation_error"] + 1e-9
    asked = refined["evaluated"].values
    np.testing.assert_allclose(fine[asked], true[asked], rtol=1e-10)
    for level in LEVELS:
        height = chi2.ppf(level, rise.ndim)
        other = (refined["delta_minus2ll"].values <= height) != (rise <= height)
        assert not (other & ~_beside_a_line(rise <= height)).any(), level


def _beside_a_line(inside):
    near = np.zeros_like(inside)
    for axis in range(inside.ndim):
        crossed = np.diff(inside, axis=axis)
        pad = [(0, 0)] * inside.ndim
        near |= np.pad(crossed, [*pad[:axis], (1, 0), *pad[axis + 1 :]])
        near |= np.pad(crossed, [*pad[:axis], (0, 1), *pad[axis + 1 :]])
    return near


@pytest.mark.parametrize("name", SURFACES)
def test_a_picture_as_sharp_from_few_points(name):
    write, *ends = SURFACES[name]
    model = of(write)
    grid = {axis: (*end, 201) for axis, end in zip("xy", ends, strict=True)}
    refined, whole = both(model, grid)
    assert share(refined) < {"simplex": 0.2, "kinks": 0.45}.get(name, 0.1)
    assert_a_picture_as_sharp(refined, whole)


@pytest.mark.parametrize("seed", range(4))
def test_random_curved_surfaces(seed):
    """−2LL is a random quadratic form of coordinates that are bent at random."""
    rng = np.random.default_rng(seed)
    bend, turn, at = rng.normal(0, 0.5, 2), rng.normal(size=(2, 2)), rng.normal(0, 0.5, 2)

    def write(x, y):
        u, v = x - at[0] + bend[0] * y**2, y - at[1] + bend[1] * pt.sin(2 * x)
        a, b = turn[0, 0] * u + turn[0, 1] * v, turn[1, 0] * u + turn[1, 1] * v
        return -4.0 * (pt.log1p(a**2) + b**2)

    model = of(write)
    refined, whole = both(model, {"x": (-2.5, 2.5, 161), "y": (-2.0, 2.0, 133)})
    assert share(refined) < 0.4
    assert_a_picture_as_sharp(refined, whole)


def test_three_axes_and_one():
    write = lambda x, y, z: -0.5 * (4 * (1 - x) ** 2 + 40 * (y - x**2) ** 2 + 40 * pt.log1p((z - y**2) ** 2))  # noqa: E731
    model = of(write)
    refined, whole = both(model, {"x": (-1, 2, 61), "y": (-1, 3, 49), "z": (-1, 4, 70)})
    assert share(refined) < 0.25
    assert_a_picture_as_sharp(refined, whole)
    model = of(lambda x: -20 * pt.log(pt.abs(x) ** 3 + 0.1))
    refined, whole = both(model, {"x": np.linspace(-2, 2, 1001)})
    assert share(refined) < 0.25
    assert_a_picture_as_sharp(refined, whole)


def test_noise_is_evaluated_whole_where_it_would_be_seen():
    noisy = of(lambda x, y: gaussian(x, y) + pt.sin(1e6 * (x + 3.1 * y)))
    refined, whole = both(noisy, {"x": (-1.5, 1.5, 81), "y": (-1.2, 1.2, 81)})
    shown = whole["delta_minus2ll"].values <= chi2.ppf(0.999, 2)
    assert refined["evaluated"].values[shown].mean() > 0.98
    assert_a_picture_as_sharp(refined, whole)


@pytest.fixture(scope="module")
def counts() -> pm.Model:
    with pm.Model() as model:
        size = pm.DiscreteUniform("size", 10, 200)
        p = pm.Beta("p", 2, 2)
        spread = pm.HalfNormal("spread", 1)
        pm.Binomial("seen", n=size, p=p, observed=[7, 9, 8])
        pm.Normal("y", p, spread, observed=[0.1, 0.5, 0.3])
    return model


def test_an_integer_axis_and_several_terms(counts):
    refined, whole = both(counts, {"size": range(10, 171), "p": (0.0, 1.0, 201)}, at={"spread": 0.3})
    assert share(refined) < 0.25
    assert refined["size"].dtype.kind == "i"
    assert_a_picture_as_sharp(refined, whole)
    assert set(refined.data_vars) == {*whole.data_vars, "evaluated"}
    total = refined["term_log_likelihood"].sum("term")
    np.testing.assert_allclose(total, refined["log_likelihood"], rtol=1e-12)
    assert refined["at"].equals(whole["at"])


def test_a_plane_and_a_logarithmic_axis():
    model = of(lambda x, y, z: banana(x, y) - 2 * (z - x) ** 2)
    plane = pml.plane_grid({"x": 1.0, "y": 1.0, "z": 1.0}, extent=1.0, num=101, model=model, random_seed=3)
    refined, whole = both(model, plane)
    assert share(refined) < 0.3
    assert_a_picture_as_sharp(refined, whole)
    assert refined["direction"].equals(whole["direction"])
    with pm.Model() as scale:
        sigma = pm.HalfFlat("sigma")
        mu = pm.Flat("mu")
        pm.Normal("y", mu, sigma, observed=PAIR)
    refined, whole = both(scale, {"sigma": np.geomspace(0.5, 20, 161), "mu": (-2.0, 3.0, 161)})
    assert share(refined) < 0.1
    assert_a_picture_as_sharp(refined, whole)


def test_what_is_said_of_the_points():
    model = of(gaussian)
    refined, whole = both(model, {"x": (-1.5, 1.5, 201), "y": (-1.2, 1.2, 201)})
    n = int(refined["evaluated"].sum())
    assert refined.attrs["n_evaluated"] == n < 0.08 * 201**2
    assert f"evaluated at {n} of 40401 points" in refined.attrs["refined"]
    assert refined["evaluated"].dtype == bool
    lowest = refined["minus2ll"].values.argmin()
    assert refined["evaluated"].values.ravel()[lowest]
    assert "refined" not in whole.attrs
    assert "evaluated" not in whole
    pml.plots.landscape(refined)


def test_one_share_of_a_simplex_takes_the_others_along():
    with pm.Model() as model:
        shares = pm.Dirichlet("shares", [1.0, 1.0, 1.0])
        pm.Multinomial("seen", n=60, p=shares, observed=[10, 20, 30])
    refined, whole = both(model, {"shares[0]": np.linspace(0.0, 1.0, 1001)}, at={"shares": [0.2, 0.3, 0.5]})
    assert share(refined) < 0.25
    assert_a_picture_as_sharp(refined, whole)


def test_a_small_grid_is_evaluated_whole():
    model = of(banana)
    refined, whole = both(model, {"x": (-1.0, 1.5, 21), "y": (-1.0, 1.5, 13)})
    assert share(refined) == 1.0
    assert refined.attrs["interpolation_error"] == 0.0
    np.testing.assert_array_equal(refined["minus2ll"], whole["minus2ll"])


def test_nothing_finite_at_first_is_not_believed():
    """A support that the first points miss is found, for then all points are asked."""
    island = lambda x, y: pt.switch(pt.lt(pt.maximum(pt.abs(x - 0.31), pt.abs(y - 0.31)), 0.02), -(x**2), -np.inf)  # noqa: E731
    model = of(island)
    refined, whole = both(model, {"x": (-2, 2, 161), "y": (-2, 2, 161)})
    np.testing.assert_array_equal(refined["minus2ll"], whole["minus2ll"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nuisance": "profile"}, "Expected nuisance='fix' with refine=True"),
        ({"pointwise": True}, "Expected pointwise=False with refine=True"),
        ({"store": "somewhere.zarr"}, "Expected no store with refine=True"),
    ],
    ids=["profile", "pointwise", "store"],
)
def test_what_cannot_be_refined_is_refused(options, words):
    model = of(banana)
    with pytest.raises(ValueError, match=words):
        pml.evaluate_landscape(model, {"x": (-1.0, 1.5, 21)}, refine=True, **options)


def test_after_ctrl_c_what_was_not_reached_is_nan(monkeypatch):
    model = of(simplex)
    objective = pml.Objective(model)
    real, calls = type(objective.engine("density", frozenset())).__call__, []

    def interrupted(self, rows, total, **options):
        calls.append(total)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, rows, total, **options)

    monkeypatch.setattr(type(objective.engine("density", frozenset())), "__call__", interrupted)
    grid = pml.regular_grid({"x": (-0.1, 1.0, 101), "y": (-0.1, 1.0, 101)})
    with pytest.warns(UserWarning, match="Interrupted"):
        surface = pml.evaluate_landscape(objective, grid, refine=True, progressbar=False)
    assert surface.attrs["completion"] == "interrupted"
    assert np.isnan(surface.attrs["interpolation_error"])
    np.testing.assert_array_equal(np.isnan(surface["minus2ll"]), ~surface["evaluated"])


def test_the_progress_bar_comes_to_its_end(monkeypatch):
    """Points that are predicted are done as well; one that is asked for in a later sweep counts once."""
    told, bars = [], []

    class Bar(DelayedProgressBar):
        def __init__(self, *given):
            super().__init__(*given)
            bars.append(self)

        def advance(self, amount):
            told.append(amount)
            super().advance(amount)

    monkeypatch.setattr("pymc_landscape.landscape.evaluate.DelayedProgressBar", Bar)
    grid = pml.regular_grid({"x": (-0.1, 1.0, 161), "y": (-0.1, 1.0, 161)})
    surface = pml.evaluate_landscape(of(simplex), grid, refine=True, progressbar=False)
    assert surface.attrs["n_evaluated"] < 161**2
    assert min(told) >= 0
    assert sum(told) == bars[0].total == 161**2


def test_stencils_reproduce_polynomials_and_stop_at_the_support():
    x = np.sort(np.random.default_rng(0).uniform(0, 1, 33))
    coarse, fine = np.arange(0, 33, 2), np.arange(33)
    quintic = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0, -1.0, 2.0])(x)
    found = lagrange_interpolation.interpolated(quintic[::2], coarse, fine, x, 0)
    np.testing.assert_allclose(found, quintic, atol=1e-10)
    ended = np.where(np.arange(33) < 12, -np.inf, quintic)
    found = lagrange_interpolation.interpolated(ended[::2], coarse, fine, x, 0)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), [11])
    np.testing.assert_array_equal(found[:11], -np.inf)
    np.testing.assert_allclose(found[12:], quintic[12:], atol=1e-2)


def surface_of(function, axes) -> Multiresolution:
    values = -0.5 * function(*np.meshgrid(*axes, indexing="ij")).ravel()
    surface = Multiresolution(
        lambda flat: (values[flat][None], np.ones(len(flat), dtype=bool)), lambda outputs: -2.0 * outputs, axes, 13.8
    )
    surface.begin()
    surface.sweep()
    return surface


def test_a_corner_of_the_support_between_the_first_points():
    def wedge(x, y):
        return np.where((x > 0.13) & (y > x / 2), 40.0 * np.log(np.abs(x) + np.abs(y) + 0.1), np.inf)

    axes = [np.linspace(0.0, 2.0, 401)] * 2
    surface = surface_of(wedge, axes)
    assert surface.evaluated.mean() < 0.05
    np.testing.assert_array_equal(
        np.isfinite(surface.values[0]), np.isfinite(wedge(*np.meshgrid(*axes, indexing="ij")))
    )


def test_where_a_check_fails_the_surface_is_refined_again():
    """A dent between the first points shows at none of them; once it was hit, it is there whole."""

    def dented(x, y):
        return x**2 + y**2 - 5.0 * np.exp(-0.5 * ((x - 1.03) ** 2 + (y - 0.93) ** 2) / 0.015**2)

    axes = [np.linspace(-4.0, 4.0, 401)] * 2
    surface, true = surface_of(dented, axes), dented(*np.meshgrid(*axes, indexing="ij"))
    hit = np.ravel_multi_index((251, 246), surface.shape)
    errors, _, will_do = surface.check(np.array([hit]))
    assert not will_do
    assert errors[0] > 1.0
    surface.sweep()
    np.testing.assert_allclose(-2.0 * surface.values[0], true, atol=0.1)
    assert surface.evaluated.mean() < 0.05


class RaisesBeyond:
    """An engine whose model raises beyond ½; like all engines it passes on what is raised at every point."""

    names = ("y", LOG_PRIOR)

    def __call__(self, rows, total, *, chunk, progress):
        at = rows(0, total)[:, 0]
        bad = at > 0.5
        if bad.all():
            raise ArithmeticError("beyond ½")
        y = np.where(bad, np.nan, -((at - 0.2) ** 2))
        errors = [(int(i), ArithmeticError("beyond ½")) for i in np.flatnonzero(bad)]
        return Evaluation({"y": y, LOG_PRIOR: np.zeros(total)}, total, errors=errors)


def test_a_batch_in_which_the_model_raises_everywhere_does_not_end_the_work():
    axis = np.linspace(-2.0, 2.0, 401)
    found = refined_evaluation(
        RaisesBeyond(), lambda flat: axis[flat][:, None], [axis], chunk=None, progress=lambda n: None
    )
    np.testing.assert_array_equal(np.isnan(found.result.values["y"]), axis > 0.5)
    assert found.evaluated[axis > 0.5].all()
    assert found.evaluated[axis < 0.4].mean() < 0.3
    assert {i for i, _ in found.result.errors} == set(np.flatnonzero(axis > 0.5).tolist())
