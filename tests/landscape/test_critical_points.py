"""Critical points and spectra, against surfaces whose valleys, saddles and peaks are known."""

import re
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

import pymc_landscape as pml
from pymc_landscape.landscape.saddle_search import SaddleSearch
from pymc_landscape.numerics.covariance import spectrum
from pymc_landscape.numerics.direction_names import name_direction, simple_basis
from pymc_landscape.numerics.krylov import leading_eigenpairs, trace


def surface(minus2ll, names="xy", width=3.0):
    """A model whose −2LL is the given function."""
    with pm.Model() as model:
        at = [pm.Normal(name, 0, width) for name in names]
        pm.Potential("surface", -0.5 * minus2ll(*at))
    return model


def find(model, starts=12, seed=1):
    return pml.critical_points(model, starts=starts, random_seed=seed, progressbar=False)


def where(found, kind, names="xy"):
    """Points of one kind, a row each, sorted by their first coordinate."""
    chosen = found.isel(critical_point=found["kind"].to_numpy() == kind)
    rows = np.stack([chosen[name].to_numpy() for name in names], axis=1)
    return rows[np.argsort(rows[:, 0])]


# --- surfaces from the literature ------------------------------------------------------------------------------------

# Himmelblau (1972), Applied Nonlinear Programming; all nine points, as commonly tabulated
HIMMELBLAU = {
    "valley": [(-3.779310, -3.283186), (-2.805118, 3.131312), (3.0, 2.0), (3.584428, -1.848126)],
    "saddle": [(-3.073026, -0.081353), (-0.127961, -1.953715), (0.086678, 2.884255), (3.385154, 0.073852)],
    "peak": [(-0.270845, -0.923039)],
}


def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def himmelblau_downhill(t, at):
    x, y = at
    one, two = x**2 + y - 11, x + y**2 - 7
    return [-(4 * x * one + 2 * two), -(2 * one + 4 * y * two)]


def valley_below(at):
    """Integrate steepest descent by a plain Runge–Kutta method, to the nearest tabulated valley."""
    end = solve_ivp(himmelblau_downhill, (0.0, 5.0), at, rtol=1e-8, atol=1e-10).y[:, -1]
    distances = np.linalg.norm(np.array(HIMMELBLAU["valley"]) - end, axis=1)
    assert distances.min() < 1e-3
    return int(np.argmin(distances))


@pytest.fixture(scope="module")
def hills():
    return find(surface(himmelblau))


@pytest.mark.parametrize("kind", HIMMELBLAU)
def test_all_nine_points_of_himmelblau(hills, kind):
    np.testing.assert_allclose(where(hills, kind), HIMMELBLAU[kind], atol=2e-6)
    index = {"valley": 0, "saddle": 1, "peak": 2}[kind]
    assert (hills["index"].to_numpy()[hills["kind"].to_numpy() == kind] == index).all()


def test_points_come_lowest_first_with_their_heights(hills):
    heights = himmelblau(hills["x"].to_numpy(), hills["y"].to_numpy())
    np.testing.assert_allclose(hills["minus2ll"], heights, atol=1e-9)
    assert hills.sizes["critical_point"] == 9
    assert (np.diff(heights) > -1e-9).all()
    np.testing.assert_allclose(hills["delta_minus2ll"], heights - heights.min(), atol=1e-9)
    assert float(hills["grad_norm"].max()) < 1e-9


def test_eigenpairs_are_those_of_the_hessian_by_hand(hills):
    for i in range(9):
        at = hills.isel(critical_point=i)
        x, y = float(at["x"]), float(at["y"])
        hessian = np.array([[12 * x**2 + 4 * y - 42, 4 * (x + y)], [4 * (x + y), 12 * y**2 + 4 * x - 26]])
        vectors, values = at["eigenvector"].to_numpy(), at["eigenvalue"].to_numpy()
        assert values[0] >= values[1]
        np.testing.assert_allclose(vectors @ hessian @ vectors.T, np.diag(values), atol=1e-8)


def test_basins_are_those_of_steepest_descent(hills):
    valleys = np.argsort(hills["x"].to_numpy()[hills["kind"].to_numpy() == "valley"]).argsort()
    expected = [valley_below(at) for at in hills["start_theta"].to_numpy()]
    assert [valleys[i] for i in hills["basin"].to_numpy()] == expected
    assert set(hills["fate"].to_numpy()) == {"reached a valley"}


def test_a_saddle_joins_the_valleys_on_its_sides(hills):
    valleys = np.argsort(hills["x"].to_numpy()[hills["kind"].to_numpy() == "valley"]).argsort()
    for i in np.flatnonzero(hills["kind"].to_numpy() == "saddle"):
        at = np.array([float(hills[name][i]) for name in "xy"])
        down = hills["eigenvector"].to_numpy()[i, -1]
        expected = {valley_below(at + side * 1e-3 * down) for side in (1, -1)}
        assert {int(valleys[j]) for j in hills["joins"].to_numpy()[i]} == expected
    assert (hills["joins"].to_numpy()[hills["kind"].to_numpy() != "saddle"] == -1).all()


# Müller & Brown (1979), Theoretica Chimica Acta 53, 75; points to the three decimals that are printed
MULLER_VALLEYS = [(-0.558, 1.442, -146.700), (-0.050, 0.467, -80.768), (0.623, 0.028, -108.167)]
MULLER_SADDLES = [(-0.822, 0.624, -40.665), (0.212, 0.293, -72.249)]


def muller_brown(x, y):
    rows = [
        (-200, -1, 0, -10, 1, 0),
        (-100, -1, 0, -10, 0, 0.5),
        (-170, -6.5, 11, -6.5, -0.5, 1.5),
        (15, 0.7, 0.6, 0.7, -1, 1),
    ]
    return sum(
        size * pt.exp(a * (x - u) ** 2 + b * (x - u) * (y - v) + c * (y - v) ** 2) for size, a, b, c, u, v in rows
    )


def test_the_chemists_surface_of_muller_and_brown():
    found = find(surface(muller_brown, width=1.0), starts=6)
    np.testing.assert_allclose(where(found, "valley", ["x", "y", "minus2ll"]), MULLER_VALLEYS, atol=6e-4)
    np.testing.assert_allclose(where(found, "saddle", ["x", "y", "minus2ll"]), MULLER_SADDLES, atol=6e-4)
    assert found.sizes["critical_point"] == 5


# --- surfaces made for the purpose -----------------------------------------------------------------------------------


def test_one_parameter_double_well():
    found = find(surface(lambda x: (x**2 - 1) ** 2, "x"), starts=5)
    assert found["kind"].to_numpy().tolist() == ["valley", "valley", "peak"]
    np.testing.assert_allclose(np.sort(found["x"]), [-1, 0, 1], atol=1e-7)
    np.testing.assert_allclose(found["eigenvalue"].to_numpy().ravel(), [8, 8, -4], rtol=1e-6)
    starts, basins = found["start_theta"].to_numpy().ravel()[1:], found["basin"].to_numpy()[1:]  # the first is the peak
    assert (np.sign(found["x"].to_numpy()[basins]) == np.sign(starts)).all()
    assert set(found["joins"].to_numpy()[-1]) == {0, 1}


def test_one_valley_and_nothing_else():
    found = find(surface(lambda x, y: 3 + (x - 1) ** 2 + x * y + 2 * (y + 2) ** 2), starts=4)
    assert found["kind"].to_numpy().tolist() == ["valley"]
    # 2 (x − 1) + y = 0 and x + 4 (y + 2) = 0
    np.testing.assert_allclose([found["x"].item(), found["y"].item()], [16 / 7, -18 / 7], rtol=1e-9)
    np.testing.assert_allclose(found["eigenvalue"][0], 3 + np.sqrt([2, 2]) * [1, -1], rtol=1e-9)


def test_scales_of_parameters_do_not_matter():
    found = find(surface(lambda x, y: ((1e4 * x) ** 2 - 1) ** 2 + (1e-4 * y - 1) ** 2), starts=4)
    np.testing.assert_allclose(where(found, "valley"), [(-1e-4, 1e4), (1e-4, 1e4)], rtol=1e-6)
    np.testing.assert_allclose(where(found, "saddle"), [(0, 1e4)], rtol=1e-6, atol=1e-9)
    assert found.sizes["critical_point"] == 3


def test_the_monkey_saddle_is_flat_and_one():
    found = find(surface(lambda x, y: x**3 - 3 * x * y**2), starts=4)
    assert found["kind"].to_numpy().tolist() == ["flat"]
    np.testing.assert_allclose([found["x"].item(), found["y"].item()], [0, 0], atol=1e-4)
    assert (found["basin"] == -1).any()  # it falls for ever on three sides


def test_a_curved_ridge_is_one_flat_place_and_the_pass_over_it_a_saddle():
    found = find(surface(lambda x, y: (x * y - 1) ** 2), starts=6)
    assert found["kind"].to_numpy().tolist() == ["flat", "saddle"]
    assert float(found["x"][0] * found["y"][0]) == pytest.approx(1, abs=1e-7)
    np.testing.assert_allclose([found["x"][1], found["y"][1]], [0, 0], atol=1e-7)
    assert set(found["fate"].to_numpy()) == {"reached a flat place"}


def test_a_surface_that_levels_off_has_no_points_out_there():
    found = find(surface(lambda x, y: -pt.exp(-(x**2) - y**2)), starts=4)
    assert found["kind"].to_numpy().tolist() == ["valley"]
    assert found.attrs["n_ran_off"] > 0
    assert "ran off to infinity" in found.attrs["note"]


# --- models ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_groups():
    rng = np.random.default_rng(3)
    y = np.concatenate([rng.normal(-2, 1, 60), rng.normal(2, 1, 40)])
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 3, shape=2)
        pm.NormalMixture("y", w=[0.5, 0.5], mu=mu, sigma=1, observed=y)
    return model, y, find(model, starts=5)


def expectation_maximisation(y, mu, steps=2_000):
    for _ in range(steps):
        share = 1 / (1 + np.exp(-0.5 * (y - mu[1]) ** 2 + 0.5 * (y - mu[0]) ** 2))
        mu = np.array([np.average(y, weights=share), np.average(y, weights=1 - share)])
    return mu


@pytest.mark.exhaustive
def test_a_mixture_has_a_valley_for_each_labelling(two_groups):
    _, y, found = two_groups
    valleys = found["mu"].to_numpy()[found["kind"].to_numpy() == "valley"]
    expected = expectation_maximisation(y, np.array([-1.0, 1.0]))
    np.testing.assert_allclose(valleys[np.argsort(valleys[:, 0])], [expected, expected[::-1]], rtol=1e-7)


def test_between_the_labellings_is_a_saddle_where_both_are_the_mean(two_groups):
    _, y, found = two_groups
    saddle = found.isel(critical_point=-1)
    assert found["kind"].to_numpy().tolist() == ["valley", "valley", "saddle"]
    np.testing.assert_allclose(saddle["mu"], y.mean(), rtol=1e-9)
    # along (1, 1)/√2 the mean of one normal moves; along (1, −1)/√2 log cosh(r s) − s²/2 has curvature r² − 1
    residual = y - y.mean()
    np.testing.assert_allclose(saddle["eigenvalue"], [y.size, y.size - residual @ residual], rtol=1e-9)
    assert sorted(saddle["joins"].to_numpy().tolist()) == [0, 1]


def test_the_result_is_saved_whole(two_groups, tmp_path):
    found = two_groups[2]
    tree = pml.to_datatree(found)
    assert list(tree.children) == ["critical_points"]
    found.to_netcdf(tmp_path / "found.nc")
    with xr.open_dataset(tmp_path / "found.nc") as again:
        xr.testing.assert_identical(again.load(), found)
    found.to_zarr(tmp_path / "found.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "found.zarr", consolidated=False) as again:
        xr.testing.assert_equal(again.load(), found)


def test_a_scale_that_collapses_is_no_valley():
    with pm.Model() as model:
        tau = pm.HalfNormal("tau", 10)
        pm.Normal("y", 0, pm.math.sqrt(100 + tau**2), observed=[2.0, -3.0, 1.0, 4.0])
    with pytest.warns(UserWarning, match="No critical point was found"):
        found = find(model, starts=3)
    assert found.sizes["critical_point"] == 0
    assert (found["basin"] == -1).all()
    assert "ran off to infinity or to the edge of the support" in found["fate"].to_numpy()


def test_a_prior_joins_when_asked():
    model = surface(lambda x: (x**2 - 1) ** 2, "x")
    found = find(pml.Objective(model, potentials="likelihood").with_prior_weight(1.0), starts=4)
    # 4 x (x² − 1) + 2 x / 9 = 0
    np.testing.assert_allclose(np.sort(found["x"]), [-np.sqrt(17 / 18), 0, np.sqrt(17 / 18)], atol=1e-9)


def test_parameters_may_have_the_names_of_dims():
    with pm.Model(coords={"school": ["a", "b"]}) as model:
        theta = pm.Normal("theta", 0, 1, dims="school")
        pm.Normal("y", theta, 1, observed=[1.0, 2.0])
    found = find(model, starts=2)
    assert found["theta"].dims == ("critical_point", "school")
    np.testing.assert_allclose(found["theta"], [[1, 2]], atol=1e-9)
    np.testing.assert_allclose(found["point_theta"], [[1, 2]], atol=1e-9)
    assert found["theta_label"].to_numpy().tolist() == ["theta[a]", "theta[b]"]


def test_ctrl_c_keeps_what_was_found(monkeypatch):
    arrive, left = SaddleSearch._examine_end, [3]

    def impatient(self, x):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return arrive(self, x)

    monkeypatch.setattr(SaddleSearch, "_examine_end", impatient)
    with pytest.warns(UserWarning, match="Interrupted"):
        found = find(surface(lambda x: (x**2 - 1) ** 2, "x"), starts=4)
    assert found.attrs["completion"] == "interrupted"
    assert {"valley"} <= set(found["kind"].to_numpy())


def test_ctrl_c_before_anything_was_found_is_ctrl_c(monkeypatch):
    def at_once(self, x):
        raise KeyboardInterrupt

    monkeypatch.setattr(SaddleSearch, "_descend_from", at_once)
    with pytest.raises(KeyboardInterrupt):
        find(surface(lambda x: x**2, "x"), starts=2)


def test_refusals():
    with pm.Model() as wide:
        beta = pm.Normal("beta", 0, 1, shape=301)
        pm.Normal("y", beta, 1, observed=np.zeros(301))
    with pytest.raises(ValueError, match=r"at most 300 parameters.*hessian_spectrum"):
        find(wide)
    with pytest.raises(ValueError, match="got 'kind': rename it"):
        find(surface(lambda kind: kind**2, ["kind"]))


# --- spectra ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def regression():
    rng = np.random.default_rng(5)
    predictors = rng.normal(size=(40, 3)) * [1, 10, 0.1]
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 10, shape=3)
        pm.Normal("y", predictors @ beta, 0.5, observed=rng.normal(size=40))
    return model, 2 * predictors.T @ predictors / 0.25


def test_spectrum_is_that_of_the_normal_equations(regression):
    model, hessian = regression
    found = pml.hessian_spectrum(model)
    values = found["eigenvalue"].to_numpy()
    np.testing.assert_allclose(values, np.linalg.eigvalsh(hessian)[::-1], rtol=1e-9)
    assert found.attrs["trace"] == pytest.approx(np.trace(hessian))
    assert found.attrs["trace_se"] == 0
    assert found.attrs["condition_number"] == pytest.approx(np.linalg.cond(hessian))
    assert found.attrs["method"] == "dense"
    vectors = found["eigenvector"].to_numpy()
    np.testing.assert_allclose(vectors @ hessian @ vectors.T, np.diag(values), atol=1e-8 * values[0])
    assert found["parameter"].to_numpy().tolist() == ["beta[0]", "beta[1]", "beta[2]"]
    assert set(found["note"].to_numpy()) == {""}


def test_a_few_eigenvalues_without_the_matrix(regression):
    model, hessian = regression
    found = pml.hessian_spectrum(model, num=2, random_seed=1)
    assert found.attrs["method"] == "lanczos"
    np.testing.assert_allclose(found["eigenvalue"], np.linalg.eigvalsh(hessian)[:0:-1], rtol=1e-9)
    assert np.isnan(found.attrs["condition_number"])


def test_a_fit_is_looked_at_where_it_is():
    with pm.Model() as model:
        p = pm.Beta("p", 1, 1)
        pm.Binomial("y", n=10, p=p, observed=7)
    fit = pml.fit_mle(model, progressbar=False)
    # the information about log-odds is n p (1 − p)
    at_fit, at_half = pml.hessian_spectrum(fit), pml.hessian_spectrum(fit, at={"p": 0.5})
    assert at_fit["eigenvalue"].item() == pytest.approx(2 * 10 * 0.7 * 0.3, rel=1e-6)
    assert at_half["eigenvalue"].item() == pytest.approx(2 * 10 * 0.25, rel=1e-9)
    assert float(at_half["at"][0]) == pytest.approx(0)
    as_vector = pml.hessian_spectrum(model, at=np.array([0.0]))
    assert as_vector["eigenvalue"].item() == pytest.approx(5, rel=1e-9)


def test_ridges_are_named():
    with pm.Model() as model:
        a, beta, tau = pm.Normal("a", 0, 1), pm.Normal("beta", 0, 1, shape=2), pm.HalfNormal("tau", 1)
        pm.Deterministic("unused", tau)
        pm.Normal("y", a + 3 * (beta[0] + beta[1]), 1, observed=[1.0, 2.0])
        pm.Normal("z", a, 0.1, observed=0.0)
    found = pml.hessian_spectrum(model)
    notes = found["note"].to_numpy().tolist()
    assert notes[:2] == ["", ""]
    assert sorted(notes[2:]) == ["beta[0] − beta[1] is not determined", "tau is not determined"]
    assert found.attrs["condition_number"] == np.inf
    np.testing.assert_allclose(
        found["eigenvector"].to_numpy() @ found["eigenvector"].to_numpy().T, np.eye(4), atol=1e-12
    )


def test_a_nearly_level_direction_is_called_poorly_determined():
    x = np.linspace(-1, 1, 20)
    other = x + 1e-3 * np.cos(7 * x)
    with pm.Model() as model:
        b, c = pm.Normal("b", 0, 1), pm.Normal("c", 0, 1)
        pm.Normal("y", b * x + c * other, 1, observed=np.zeros(20))
    last = str(pml.hessian_spectrum(model)["note"].to_numpy()[-1])
    times = int(re.fullmatch(r"b − c is poorly determined: its standard error is (\d+) times .*", last)[1])
    correlation = x @ other / np.sqrt((x @ x) * (other @ other))
    assert times == pytest.approx(1 / np.sqrt(1 - correlation), rel=0.01)


def test_ways_down_from_a_saddle_are_named():
    found = pml.hessian_spectrum(surface(lambda x, y: x * y), at={"x": 0.0, "y": 0.0})
    assert found["note"].to_numpy().tolist() == ["", "−2LL falls both ways along x − y"]


def test_spectrum_survives_the_disk(regression, tmp_path):
    found = pml.hessian_spectrum(regression[0])
    found.to_netcdf(tmp_path / "found.nc")
    with xr.open_dataset(tmp_path / "found.nc") as again:
        xr.testing.assert_identical(again.load(), found)
    assert list(pml.to_datatree(found).children) == ["spectrum"]


def network(inputs, width, rows):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, inputs))
    with pm.Model() as model:
        into = pm.Normal("into", 0, 1, shape=(inputs, width))
        across = pm.Normal("across", 0, 1 / np.sqrt(width), shape=(width, width))
        out = pm.Normal("out", 0, 1, shape=width)
        hidden = pm.math.tanh(pm.math.tanh(x @ into) @ across)
        pm.Normal("y", hidden @ out, 0.1, observed=np.sin(x[:, 0]))
    draw = pm.draw(model.free_RVs, random_seed=2)
    return model, dict(zip(["into", "across", "out"], draw, strict=True))


@pytest.mark.exhaustive
def test_lanczos_agrees_with_the_whole_spectrum_of_a_network():
    model, at = network(3, 12, 50)
    objective = pml.Objective(model)
    whole = pml.hessian_spectrum(objective, at=at)
    few = pml.hessian_spectrum(objective, at=at, num=10, random_seed=1)
    assert objective.size == 192
    values = whole["eigenvalue"].to_numpy()
    largest = np.sort(values[np.argsort(-np.abs(values))[:10]])[::-1]
    np.testing.assert_allclose(few["eigenvalue"], largest, rtol=1e-9)
    assert few.attrs["trace_se"] > 0
    assert abs(few.attrs["trace"] - whole.attrs["trace"]) < 4 * few.attrs["trace_se"]
    again = pml.hessian_spectrum(objective, at=at, num=10, random_seed=1)
    np.testing.assert_array_equal(few["eigenvalue"], again["eigenvalue"])
    assert few.attrs["trace"] == again.attrs["trace"]


@pytest.mark.exhaustive
def test_a_large_network_needs_no_matrix():
    model, at = network(10, 45, 30)
    objective = pml.Objective(model)
    assert objective.size == 2520  # the matrix would have 51 MB
    pml.hessian_spectrum(objective, at=at, num=1, random_seed=1)  # compiles
    tracemalloc.start()
    found = pml.hessian_spectrum(objective, at=at, random_seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15e6
    assert found.sizes["direction"] == 10
    vector = found["eigenvector"].to_numpy()[0]
    product = objective.hessian_product(found["at"].to_numpy(), vector)
    np.testing.assert_allclose(product, found["eigenvalue"].to_numpy()[0] * vector, atol=1e-6 * np.abs(product).max())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num": 0}, "num to be a whole number, from 1 to 1"),
        ({"num": 2}, "num to be a whole number, from 1 to 1"),
        ({"at": {"sigma": 0.0}}, "sigma at a bound"),
        ({"at": {"sgima": 1.0}}, "got 'sgima'"),
        ({"at": np.zeros(2)}, "one point with 1 elements"),
    ],
)
def test_spectrum_refusals(options, message):
    with pm.Model() as model:
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", 0, sigma, observed=[1.0, 2.0])
    with pytest.raises(ValueError, match=message):
        pml.hessian_spectrum(model, **options)


# --- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vector", "name"),
    [
        ([0, 0, -3, 0], "c"),
        ([-1, 1, 0.001, 0], "a − b"),
        ([1, 0, 0, 1.02], "a + d"),
        ([2, -1, 0, 0], "2·a − b"),
        ([0.8, 0.6, 0, 0.05], "0.8·a + 0.6·b"),
        ([0, -1, -1, -1], "b + c + d"),
    ],
)
def test_directions_in_words(vector, name):
    assert name_direction(vector, "abcd") == name


def test_long_directions_are_cut():
    assert name_direction(np.ones(9), "abcdefghi") == "a + b + c + d + e + f and 3 more"


def test_units_decide_what_is_small():
    assert name_direction([0.001, -1], "ab") == "b"
    assert name_direction([0.001, -1], "ab", scale=[1000, 1]) == "0.001·a − b"


@pytest.mark.parametrize("vector", [[0, 0], [1, np.nan], [1, 2, 3]])
def test_what_is_no_direction_has_no_name(vector):
    with pytest.raises(ValueError, match="Expected"):
        name_direction(vector, "ab")


def test_simple_basis_spans_the_same():
    rng = np.random.default_rng(4)
    plain = np.zeros((3, 6))
    plain[0, [0, 3]], plain[1, 5], plain[2, [1, 2]] = [1, -1], 1, [1, 2]
    mixed = rng.normal(size=(3, 3)) @ plain
    basis = simple_basis(mixed)
    assert sorted(name_direction(v, "abcdef") for v in basis) == ["a − d", "b + 2·c", "f"]
    assert np.linalg.matrix_rank(np.vstack([mixed, basis]), tol=1e-9) == 3


def test_leading_eigenvalues_by_size_with_sign():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    spectrum_ = np.concatenate([[50.0, -40.0, 30.0], rng.uniform(-1, 1, 57)])
    matrix = basis @ np.diag(spectrum_) @ basis.T
    values, vectors = leading_eigenpairs(lambda v: matrix @ v, 60, 3, rng)
    np.testing.assert_allclose(values, [50, 30, -40], rtol=1e-10)
    np.testing.assert_allclose(np.abs(np.einsum("mk,km->m", vectors, basis[:, [0, 2, 1]])), 1, rtol=1e-9)


def test_the_standard_error_of_a_trace_is_honest():
    rng = np.random.default_rng(7)
    half = rng.normal(size=(40, 40))
    matrix = half @ half.T
    known = np.linalg.qr(rng.normal(size=(40, 2)))[0].T
    found = [trace(lambda v: matrix @ v, known, rng) for _ in range(100)]
    z = np.array([(estimate - np.trace(matrix)) / error for estimate, error in found])
    assert abs(z.mean()) < 0.4
    assert 0.8 < z.std() < 1.25


def test_a_saddle_without_diagonal_has_a_spectrum():
    for tiny in (0.0, 1e-310, 1e-20):
        found = spectrum(np.array([[tiny, -1.0], [-1.0, tiny]]))
        np.testing.assert_allclose(found.values, [-1, 1], atol=1e-6)


def test_a_positive_matrix_is_scaled_by_its_diagonal():
    found = spectrum(np.array([[1e12, 3.0], [3.0, 1e-8]]))
    np.testing.assert_allclose(found.scale, [1e6, 1e-4], rtol=1e-12)


# --- the picture -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ground():
    x = np.linspace(-5.5, 5.5, 23)
    height = himmelblau(x[:, None], x)
    data = {"minus2ll": (("x", "y"), height), "delta_minus2ll": (("x", "y"), height - height.min())}
    return xr.Dataset(data, coords={"x": x, "y": x}, attrs={"kind": "regular"})


def test_every_point_is_drawn_where_it_is(hills, ground):
    viz = pml.plots.critical_points(ground, hills, backend="none").viz
    for kind, places in HIMMELBLAU.items():
        drawn = viz[kind]["delta_minus2ll"].item()
        order = np.argsort(drawn["x"])
        np.testing.assert_allclose(np.stack([drawn["x"], drawn["y"]], axis=1)[order], places, atol=2e-6)


def test_a_line_is_drawn_at_the_height_of_each_pass(hills, ground):
    lines = pml.plots.critical_points(ground, hills, backend="none").viz["pass_line"]["delta_minus2ll"]
    passes = sorted(himmelblau(*np.array(HIMMELBLAU["saddle"]).T) - float(ground["minus2ll"].min()))
    np.testing.assert_allclose([line["levels"][0] for line in lines.values], passes, atol=1e-6)


def test_starts_are_drawn_by_basin(hills, ground):
    starts = pml.plots.critical_points(ground, hills, backend="none").viz["start"]["delta_minus2ll"].values
    basins, counts = np.unique(hills["basin"], return_counts=True)
    assert [len(drawn["x"]) for drawn in starts] == counts.tolist()
    assert len({drawn["facecolor"] for drawn in starts}) == len(basins)


@pytest.mark.parametrize("backend", ["matplotlib", "plotly", "bokeh"])
def test_the_picture_is_drawn_by_each_backend(hills, ground, backend):
    pytest.importorskip(backend)
    tree = pml.to_datatree(ground.assign_attrs(group="landscape"), hills)
    pc = pml.plots.critical_points(tree, tree, backend=backend, visuals={"start": False})
    assert {"valley", "saddle", "peak", "pass_line"} <= set(pc.viz)
    assert "start" not in pc.viz
    plt.close("all")


def test_points_of_another_model_are_refused(hills, ground):
    with pytest.raises(ValueError, match="values of \\['z'\\]"):
        pml.plots.critical_points(ground.rename(y="z"), hills, backend="none")
