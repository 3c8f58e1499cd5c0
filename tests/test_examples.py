"""The examples at small size, against published numbers and formulas written out with SciPy."""

from functools import partial
from math import comb

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from example_scripts import load
from scipy.optimize import minimize_scalar
from scipy.special import betaln, expit, gammaln, hyp2f1
from scipy.stats import kstest, multivariate_normal, norm
from scipy.stats import t as student

import pymc_landscape as pml

# Fader, Hardie & Lee (2005), CDNOW; log-likelihoods recomputed to nine decimals
BGNBD = {"r": 0.24259291, "alpha": 4.41353166, "a": 0.79288624, "b": 2.42575388}
BGNBD_LOG_LIKELIHOOD = -9582.425561
NBD = {"r": 0.38476767, "alpha": 12.07208497}
NBD_LOG_LIKELIHOOD = -9763.660222
# Bates & Watts (1988), Puromycin, treated cells
PUROMYCIN_SSE = 1195.448814


@pytest.fixture(scope="module")
def users():
    return load("user_behavior")


@pytest.fixture(scope="module")
def squares():
    return load("least_squares")


@pytest.fixture(scope="module")
def model(users):
    return users.build_model(users.load_customers())


@pytest.fixture(scope="module")
def log_likelihood(users):
    """Log-likelihood of each customer, at named values on the natural scale."""
    model = users.build_model(users.load_customers(), merge=False)
    compiled = model.compile_fn(
        model.logp(model.observed_RVs, sum=False)[0], inputs=model.value_vars, mode="FAST_COMPILE"
    )
    return lambda **at: compiled({f"{name}_log__": np.log(value) for name, value in at.items()})


def published_formula(x, last, age, r, alpha, a, b):
    """ln L = ln A1 + ln(A2 + [x > 0] A3), as printed in the paper."""
    ln_a1 = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    ln_a2 = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    ln_a3 = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b)
    ln_a3 -= (r + x) * np.log(alpha + last)
    return ln_a1 + np.where(x > 0, np.logaddexp(ln_a2, ln_a3), ln_a2)


@pytest.mark.parametrize("at", [BGNBD, {"r": 2.5, "alpha": 0.3, "a": 5.0, "b": 0.2}, {**BGNBD, "b": 1.0}])
def test_bgnbd_is_the_published_formula_customer_by_customer(users, log_likelihood, at):
    customers = users.load_customers()
    columns = (customers[c].to_numpy(float) for c in ("frequency", "recency_weeks", "age_weeks"))
    np.testing.assert_allclose(log_likelihood(**at), published_formula(*columns, **at), rtol=1e-12)


def test_bgnbd_has_the_published_maximum(log_likelihood):
    assert log_likelihood(**BGNBD).sum() == pytest.approx(BGNBD_LOG_LIKELIHOOD, abs=1e-6)


def test_merging_equal_histories_keeps_the_likelihood(users, model, log_likelihood):
    assert len(users.load_customers()) == 2357
    assert len(model.coords["row"]) < 2357
    merged = pml.Objective(model)
    for at in (BGNBD, {"r": 2.5, "alpha": 0.3, "a": 5.0, "b": 0.2}):
        found = float(merged.log_likelihood(merged.pack(at)))
        assert found == pytest.approx(log_likelihood(**at).sum(), rel=1e-12)


def test_merged_customers_cannot_be_simulated(users):
    with pytest.raises(ValueError, match="merge=False"):
        users.simulate(*BGNBD.values(), 39.0, number=2, rng=np.random.default_rng(0))


def test_where_nobody_leaves_it_is_nbd(users, log_likelihood):
    found = log_likelihood(**NBD, **users.NOBODY_LEAVES).sum()
    assert found == pytest.approx(NBD_LOG_LIKELIHOOD, abs=1e-6)


def test_gradient_is_finite_also_for_customers_who_never_came_back(model):
    gradient = model.compile_dlogp(mode="FAST_COMPILE")
    for at in (BGNBD, {**BGNBD, "b": 1.0}):  # ln Γ(b − 1) is infinite there
        point = {f"{name}_log__": np.log(value) for name, value in at.items()}
        assert np.isfinite(gradient(point)).all()


def test_simulated_customers_buy_as_often_as_the_paper_expects(users):
    """E[X(t)] of equation 9 in the paper."""
    r, alpha, a, b = BGNBD.values()
    t = 39.0
    growth = (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t))
    expected = (a + b - 1) / (a - 1) * (1 - growth)
    history = users.simulate(r, alpha, a, b, np.full(200_000, t), rng=np.random.default_rng(39))
    error = history[:, 0].std() / np.sqrt(len(history))
    assert history[:, 0].mean() == pytest.approx(expected, abs=4 * error)
    assert ((history[:, 1] > 0) == (history[:, 0] > 0)).all()
    assert (history[:, 1] < t).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def tree(users, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pm, "sample", quietly(pm.sample))
        return users.main(draws=60, tune=150, chains=2, cores=1, num=15, figures=folder)


def quietly(sample):
    """Sixty draws are few, as PyMC would warn."""
    return partial(sample, compute_convergence_checks=False, quiet=True)


def test_user_behavior_floors_lie_on_or_just_above_the_published_minimum(tree):
    lowest = -2 * BGNBD_LOG_LIKELIHOOD
    for group in ("landscape", "landscape_2"):
        found = float(tree[group]["minus2ll"].min())
        # the best of 120 draws, moved to the best point of a coarse plane through it
        assert -1e-5 <= found - lowest <= 3.0


def test_user_behavior_leaving_improves_the_model(tree):
    nobody_leaves = float(tree["landscape_3"]["minus2ll"].min())
    assert -1e-5 <= nobody_leaves + 2 * NBD_LOG_LIKELIHOOD <= 1.0
    gain = nobody_leaves - float(tree["landscape"]["minus2ll"].min())
    assert gain == pytest.approx(362.469323, abs=4.0)


@pytest.mark.usefixtures("tree")
def test_user_behavior_saves_three_figures(folder):
    saved = sorted(path.name for path in folder.glob("user_behavior*"))
    assert saved == [f"user_behavior_{name}.png" for name in ("buying", "leaving", "surface")]


@pytest.fixture(scope="module")
def least_squares(squares, folder):
    return squares.main(num=31, num_free=11, figures=folder)


def test_sigma_known_minus2ll_is_the_sum_of_squares(squares, least_squares):
    known = least_squares["landscape"].to_dataset()
    assert known["delta_minus2ll"].sizes == {"Vm": 31, "K": 31}
    assert squares.gap_known(known) < 1e-9


def test_sigma_free_minus2ll_is_n_log_of_the_sum_of_squares(squares, least_squares):
    free = least_squares["landscape_2"].to_dataset()
    assert squares.gap_free(free, n=12) <= squares.step_error(n=12)


def test_least_squares_floor_is_the_published_fit(squares):
    at = {"Vm": [212.683743], "K": [0.06412128]}
    sse = squares.sum_of_squares(squares.load_treated(), xr.Dataset(coords=at))
    assert float(sse.min()) == pytest.approx(PUROMYCIN_SSE, abs=1e-6)


@pytest.mark.usefixtures("least_squares")
def test_least_squares_saves_its_figure(folder):
    assert (folder / "least_squares.png").stat().st_size > 10_000


@pytest.fixture(scope="module")
def valleys():
    return load("valleys_and_saddles")


@pytest.fixture(scope="module")
def geyser(valleys, folder):
    return valleys.main(num=25, starts=6, figures=folder)


def test_the_deep_valley_of_the_geyser_is_the_published_fit(valleys, geyser):
    points = geyser["critical_points"].to_dataset()
    # the spread is rounded to 5.87, which moves the means by less than 0.002
    np.testing.assert_allclose(points["mu"][0], valleys.MEANS, atol=2e-3)
    waits = valleys.load_waits()
    at_published = np.log(np.dot(norm.pdf(waits[:, None], valleys.MEANS, (5.871241, 5.867718)), valleys.SHARE)).sum()
    assert float(points["minus2ll"][0]) == pytest.approx(-2 * at_published, abs=1e-3)


def test_with_the_labels_exchanged_the_geyser_has_a_second_valley(valleys, geyser):
    points = geyser["critical_points"].to_dataset()
    waits, (a, b) = valleys.load_waits(), points["mu"].to_numpy()[1]
    assert points["kind"].to_numpy().tolist() == ["valley", "valley", "saddle"]
    assert a > b
    # a fixed point of the EM algorithm
    weight = valleys.SHARE * norm.pdf(waits[:, None], (a, b), valleys.SPREAD)
    weight /= weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose((weight * waits[:, None]).sum(0) / weight.sum(0), (a, b), rtol=1e-9)


def test_the_pass_between_is_the_mean_of_all_waits(valleys, geyser):
    saddle = geyser["critical_points"].to_dataset().isel(critical_point=-1)
    np.testing.assert_allclose(saddle["mu"], valleys.load_waits().mean(), rtol=1e-9)
    assert sorted(saddle["joins"].to_numpy().tolist()) == [0, 1]
    assert geyser["spectrum"]["note"].to_numpy()[-1].startswith("−2LL falls both ways along")


@pytest.mark.usefixtures("geyser")
def test_valleys_and_saddles_saves_its_figure(folder):
    assert (folder / "valleys_and_saddles.png").stat().st_size > 10_000


def test_a_billion_points_are_looked_at_from_afar_and_from_near(folder):
    pytest.importorskip("dask")
    script = load("billion_points")
    afar, near, floor = script.main(2001, folder)
    waits = script.load_waits().to_numpy(float)
    lowest = [floor[floor.argmin(...)][name].item() for name in ("short", "long")]
    # a fixed point of the EM algorithm, to the spacing of the points
    fit = script.pml.fit_mle(
        script.build_model(script.load_waits()), starts=[{"short": 55, "long": 80, "share": 0.4, "spread": 6}]
    )
    share, spread = float(fit.point["share"]), float(fit.point["spread"])
    weight = np.array([share, 1 - share]) * norm.pdf(waits[:, None], lowest, spread)
    weight /= weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose((weight * waits[:, None]).sum(0) / weight.sum(0), lowest, atol=0.03)
    assert (folder / "billion_points.png").stat().st_size > 10_000
    assert sum(view.size for view in (afar, near, floor)) < 0.03 * 2001**2


def test_the_refined_landscape_is_that_of_the_gaussian_process(folder):
    script = load("refined_landscape")
    data = script.load_eruptions().iloc[:60]
    surface = script.lay_out(script.build_model(data), 97)
    script.draw(surface, folder / "refined_landscape.png")
    assert (folder / "refined_landscape_points.png").stat().st_size > 10_000
    x, y = data["eruptions"].to_numpy(float), data["waiting"].to_numpy(float)
    shown = np.argwhere((surface["delta_minus2ll"] < 13.8).to_numpy() & ~surface["evaluated"].to_numpy())
    for i, j in shown[:: len(shown) // 20]:
        length, spread = float(surface["length"][i]), float(surface["spread"][j])
        covariance = 15.0**2 * np.exp(-0.5 * (x[:, None] - x) ** 2 / length**2) + spread**2 * np.eye(len(x))
        by_hand = -2.0 * multivariate_normal(np.full(len(x), y.mean()), covariance).logpdf(y)
        assert float(surface["minus2ll"][i, j]) == pytest.approx(by_hand, abs=0.03)


@pytest.fixture(scope="module")
def race():
    return load("descent_race")


@pytest.fixture(scope="module")
def race_tree(race, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pm, "sample", quietly(pm.sample))
        return race.main(steps=120, draws=60, tune=100, chains=2, cores=1, num=15, figures=folder)


def test_descent_race_writes_every_moth_out(race):
    moths = race.load_moths()
    groups = moths.groupby("dose")["killed"].agg(["size", "sum"])
    assert groups["size"].tolist() == [40] * 6  # twenty of each sex
    assert groups["sum"].tolist() == [1, 6, 15, 23, 30, 36]  # counted off the file by hand


def test_descent_race_newton_and_lbfgs_solve_the_score_equations(race, race_tree):
    """At the maximum of a logistic likelihood, fitted and seen kills agree, alone and weighed by dose."""
    moths = race.load_moths()
    dose, killed = moths["dose"].to_numpy(), moths["killed"].to_numpy()
    ends = race_tree["descent_2"].to_dataset().isel(draw=-1)
    for optimizer in ("Newton", "L-BFGS"):
        assert (ends["status"].sel(optimizer=optimizer) == "converged").all()
        for chain in ends["chain"]:
            end = ends.sel(optimizer=optimizer, chain=chain)
            fitted = expit(float(end["a"]) + float(end["b"]) * dose)
            assert fitted.sum() == pytest.approx(killed.sum(), abs=0.01)
            assert fitted @ dose == pytest.approx(killed @ dose, abs=0.1)


def test_descent_race_begins_at_the_same_starts_for_all(race, race_tree):
    sgd, rest = (race_tree[group].to_dataset().isel(draw=0) for group in ("descent", "descent_2"))
    for descent in (sgd, rest):
        for name in ("a", "b"):
            wanted = [[start[name]] * descent.sizes["optimizer"] for start in race.STARTS]
            np.testing.assert_allclose(descent[name], wanted, rtol=1e-12)


def test_descent_race_table_puts_newton_before_momentum(race, race_tree):
    table = race.results(race_tree["descent"].to_dataset(), race_tree["descent_2"].to_dataset())
    assert list(table.index) == ["SGD", "momentum", "Adam", "L-BFGS", "Newton"]
    assert table.loc["Newton", "evaluations_to_0.01"] < 30
    assert not table.loc["momentum", "evaluations_to_0.01"] < 30
    assert np.isnan(table.loc["SGD", "evaluations_to_1e-6"])


@pytest.mark.usefixtures("race_tree")
def test_descent_race_saves_two_figures(folder):
    assert sorted(path.name for path in folder.glob("descent_race*")) == [
        "descent_race_cost.png",
        "descent_race_paths.png",
    ]


@pytest.fixture(scope="module")
def versus():
    return load("versus_loss")


@pytest.fixture(scope="module")
def versus_tree(versus, folder):
    return versus.main(num=15, num_free=25, figures=folder)


@pytest.mark.exhaustive
def test_versus_loss_surfaces_are_their_losses_stretched_and_lifted(versus, versus_tree):
    waits = versus.load_waits()
    groups = [f"landscape{suffix}" for suffix in ("", "_2", "_3", "_4", "_5")]
    found = dict(zip(versus.TITLES, (versus_tree[g].to_dataset() for g in groups), strict=True))
    table = versus.identities(waits, found)
    assert table["loss"].tolist() == [
        "squared error",
        "absolute error",
        "robust (Student t)",
        "pinball (quantile loss)",
        "cross-entropy (log loss)",
    ]
    assert table["gap"].max() < 1e-9


def test_versus_loss_least_squares_is_the_published_line(versus):
    waits, published = versus.load_waits(), versus.PUBLISHED
    line = published["intercept"] + published["slope"] * waits["eruptions"].to_numpy()
    assert versus.views(waits)["normal"].loss(line) == pytest.approx(published["sse"], rel=2e-4)


def test_versus_loss_interval_of_the_slope_is_the_closed_form(versus):
    waits = versus.load_waits()
    x, y = (waits[name].to_numpy() - waits[name].mean() for name in ("eruptions", "waiting"))
    slope, n = x @ y / (x @ x), len(x)
    sse = ((y - slope * x) ** 2).sum()
    profile = versus.profiles(waits, 25)["normal"]
    assert float(profile.min()) == pytest.approx(n * np.log(2 * np.pi * np.e * sse / n), abs=0.1)
    half = np.sqrt((np.exp(pml.chi2_cutoff(0.95) / n) - 1) * sse / (x @ x))
    np.testing.assert_allclose(versus.interval(profile), (slope - half, slope + half), atol=0.03)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("versus_tree")
def test_versus_loss_saves_two_figures(folder):
    assert sorted(path.name for path in folder.glob("versus_loss*")) == [
        "versus_loss_lines.png",
        "versus_loss_surfaces.png",
    ]


# --- local optima, and copies of one ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def optima():
    return load("local_optima")


def test_local_optima_by_default_the_line_is_yorks_and_from_one_start_it_is_not(optima, folder):
    """York's sum S(b), minimised by SciPy, has a second minimum; both have their constant of -2LL."""
    one, fit, profile = optima.compare_starts(num=9, figures=folder)
    points = optima.load_points()
    weights = points[["weight_x", "weight_y"]].to_numpy()
    constant = -np.log(weights / (2 * np.pi)).sum()
    for found, bounds in ((fit, (-1.0, -0.1)), (one, (0.1, 1.0))):
        minimum = minimize_scalar(lambda b: optima.york_sum(points, b), bounds=bounds, method="bounded")
        assert found.status.value == "converged"
        assert found.minus2ll == pytest.approx(constant + minimum.fun, abs=1e-6)
        assert float(found.point["slope"]) == pytest.approx(minimum.x, abs=1e-4)
    assert float(fit.point["slope"]) == pytest.approx(optima.PUBLISHED["slope"], abs=5e-5)
    assert "in other local optima, 219.2 or more above it" in fit.message
    np.testing.assert_allclose(profile["minus2ll"], constant + optima.york_sum(points, profile["slope"]), atol=1e-6)
    assert len(list(folder.glob("local_optima_*.png"))) == 2


@pytest.mark.exhaustive
def test_local_optima_groups_that_change_places_are_one_answer(optima, tmp_path):
    """The optimum is a fixed point of the EM algorithm, and so is its copy; intervals are one copy's."""
    fit, surface, ends = optima.find_copies(num=7, figures=tmp_path)
    waits, (copy,) = optima.load_waits(), fit.copies()
    share, mean, spread = (fit.point[name].to_numpy() for name in ("share", "mean", "spread"))
    weight = share * norm.pdf(waits[:, None], mean, spread)
    weight /= weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weight.mean(axis=0), share, rtol=1e-5)
    np.testing.assert_allclose((weight * waits[:, None]).sum(0) / weight.sum(0), mean, rtol=1e-6)
    np.testing.assert_allclose(copy["mean"], mean[::-1])
    np.testing.assert_allclose(copy["share"], share[::-1])
    assert fit.local_optima() == ()
    assert "change places" in fit.message
    low, high = ends["interval"].squeeze().to_numpy().T
    assert ((low < mean) & (mean < high) & (high - low < 4)).all()
    mirrored = surface["minus2ll"].transpose("mean[A]", "mean[B]").to_numpy()
    np.testing.assert_allclose(mirrored, mirrored.T, atol=1e-5)
    assert (tmp_path / "local_optima_copies.png").stat().st_size > 10_000


# --- errors in both variables ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line():
    return load("measurement_error")


@pytest.fixture(scope="module")
def line_tree(line, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pm, "sample", quietly(pm.sample))
        return line.main(draws=300, tune=500, chains=2, figures=folder)


@pytest.mark.exhaustive
def test_measurement_error_finds_yorks_line(line, line_tree):
    """York (1966) has -0.4805 and 5.4799; his sum minimised by SciPy gives the other digits."""
    fit, points = line_tree["fit"].to_dataset(), line.load_points()
    assert float(fit["slope"]) == pytest.approx(-0.48053341, abs=1e-8)
    assert float(fit["intercept"]) == pytest.approx(5.47991022, abs=1e-7)
    assert fit.attrs["minus2ll"] - line.constant(points) == pytest.approx(11.86635319, abs=1e-8)
    assert line.least_squares(points) == pytest.approx(-0.61081296, abs=1e-8)


@pytest.mark.exhaustive
def test_measurement_error_profile_is_yorks_sum(line, line_tree):
    profile, points = line_tree["profile"].to_dataset().isel(parameter=0), line.load_points()
    rise = line.york_sum(points, profile["value"].to_numpy()) - 11.866353194
    np.testing.assert_allclose(profile["delta_minus2ll"], rise, atol=1e-7)
    ends = line_tree["intervals"]["interval"].to_numpy().ravel()
    np.testing.assert_allclose(ends, [-0.60144133, -0.37630220], atol=2e-8)


@pytest.mark.exhaustive
def test_measurement_error_posterior_is_the_sum_and_the_volume(line, line_tree):
    slopes, points = np.linspace(-0.9, -0.1, 4001), line.load_points()
    density = np.exp(-0.5 * (line.york_sum(points, slopes) - 11.866353194) + line.log_volume(points, slopes))
    mean = (density * slopes).sum() / density.sum()
    drawn = line_tree["posterior"]["slope"]
    error = float(drawn.std()) / np.sqrt(60)  # 600 draws are worth at least so many
    assert float(drawn.mean()) == pytest.approx(mean, abs=4 * error)
    assert mean > -0.48053341 + 0.009


@pytest.mark.exhaustive
@pytest.mark.usefixtures("line_tree")
def test_measurement_error_saves_its_figure(folder):
    assert (folder / "measurement_error.png").stat().st_size > 10_000


@pytest.mark.exhaustive
def test_the_split_says_how_far_a_prior_pulled(tmp_path):
    """The mode of a penalised logistic regression, by Newton's method written out."""
    pull = load("prior_pull")
    moths = pull.load_moths()
    analysis = pull.analyse(moths, pull.NARROW, draws=150)
    male = (moths["sex"] == "M").to_numpy(float)
    x = np.column_stack([np.ones(len(moths)), male, moths["ldose"]])
    b = np.zeros(3)
    for _ in range(50):
        p = expit(x @ b)
        weight = (x.T * (moths["n"].to_numpy() * p * (1 - p))) @ x
        score = x.T @ (moths["dead"].to_numpy() - moths["n"].to_numpy() * p) - b / pull.NARROW**2
        b = b + np.linalg.solve(weight + np.eye(3) / pull.NARROW**2, score)
    np.testing.assert_allclose(analysis.table["map"], b, rtol=1e-7)
    np.testing.assert_allclose(analysis.table["mle"], list(pull.PUBLISHED.values()), atol=5e-9)
    total = np.linalg.inv(weight + np.eye(3) / pull.NARROW**2)
    share = 1 - np.diag(total) / np.diag(np.linalg.inv(weight))
    np.testing.assert_allclose(analysis.table["prior_share"], share, atol=1e-7)
    np.testing.assert_allclose(analysis.path["mode"].sel(weight=1.0), b, rtol=1e-6)
    assert (analysis.table["prior_shift"] * np.array([1, -1, -1]) > 1).all()
    assert "the prior moves the mode to" in pull.report("narrow", analysis)
    assert all(path.stat().st_size > 10_000 for path in pull.draw_figures(analysis, tmp_path))


def test_as_data_grow_the_curves_become_one(tmp_path):
    growth = load("bernstein_von_mises")
    table = growth.main(sizes=(5, 320), draws=500, figures=tmp_path)
    assert (tmp_path / "bernstein_von_mises.png").stat().st_size > 10_000
    share = (growth.SHAPE - 1) / (growth.SHAPE - 1 + table.index.to_numpy(float))
    np.testing.assert_allclose(table["prior_share"], share, atol=1e-8)
    times = growth.simulate(320)
    for n in table.index:
        mle, mode = n / times[:n].sum(), (growth.SHAPE - 1 + n) / (growth.RATE + times[:n].sum())
        assert table.loc[n, "prior_shift"] == pytest.approx((mode - mle) / (mle / np.sqrt(n)), abs=1e-6)
        mean = (growth.SHAPE + n) / (growth.RATE + times[:n].sum())
        assert table.loc[n, "volume_shift"] == pytest.approx((mean - mode) / (mle / np.sqrt(n)), abs=0.05)
    assert table.loc[320, "profile to normal"] < 0.2 * table.loc[5, "profile to normal"]
    assert table.loc[320, "KS to chi2"] < table.loc[5, "KS to chi2"]


# --- the profile against Wald ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def against():
    return load("profile_vs_wald")


@pytest.fixture(scope="module")
def against_tree(against, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pm, "sample", quietly(pm.sample))
        return against.main(draws=100, tune=200, chains=1, replicates=60, num=5, figures=folder)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("group", "ends", "status"),
    [
        # Puromycin, published; seeds and batches by plain root finding; none of ten 1 - exp(-q/20)
        ("intervals", (0.048896360, 0.083013541), ["finite", "finite"]),
        ("intervals_2", (18.01538102, np.inf), ["finite", "open"]),
        ("intervals_3", (0.0, 2.084048), ["at_bound", "finite"]),
        ("intervals_4", (0.0, 0.17475333), ["at_bound", "finite"]),
    ],
)
def test_profile_vs_wald_has_the_known_ends(against_tree, group, ends, status):
    table = against_tree[group].to_dataset().isel(parameter=0).sel(interval_method="profile")
    np.testing.assert_allclose(table["interval"], ends, rtol=3e-7)
    assert table["status"].to_numpy().tolist() == status


@pytest.mark.exhaustive
def test_profile_vs_wald_counts_coverage_as_it_is(against, against_tree):
    """Eleven outcomes: Wald's holds 0.7 for 4 to 8 of ten, the profile for 4 to 9."""
    exact = against.exact_coverage()
    mass = [comb(10, k) * 0.7**k * 0.3 ** (10 - k) for k in range(11)]
    assert exact["wald"] == pytest.approx(sum(mass[4:9]), abs=1e-12)
    assert exact["profile"] == pytest.approx(sum(mass[4:10]), abs=1e-12)
    found = against_tree["coverage"].to_dataset().isel(parameter=0)
    for method, share in exact.items():
        error = np.sqrt(share * (1 - share) / 60)
        assert float(found["coverage"].sel(interval_method=method)) == pytest.approx(share, abs=4 * error)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("against_tree")
def test_profile_vs_wald_saves_four_figures(folder):
    assert len(list(folder.glob("profile_vs_wald_*.png"))) == 4


# --- Wilks, where it holds and where it does not ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def wilks():
    return load("wilks")


@pytest.fixture(scope="module")
def wilks_tests(wilks, folder):
    return wilks.main(draws=3, draws_mean=30, figures=folder)


@pytest.fixture(scope="module")
def leaving(wilks, users):
    """Customers, and the log-likelihood of each at named values of the parameters."""
    customers = users.load_customers()
    x, last, age = (customers[c].to_numpy(float) for c in ("frequency", "recency_weeks", "age_weeks"))
    inputs = {name: pt.dscalar(name) for name in ("r", "alpha", "leaving", "spread")}
    graph = wilks.log_likelihood(pt.as_tensor(np.stack([x, last], axis=-1)), *inputs.values(), age)
    compiled = pytensor.function(list(inputs.values()), graph, mode="FAST_COMPILE")
    return (x, last, age), lambda **at: compiled(*(np.float64(at[name]) for name in inputs))


def test_wilks_customers_are_the_published_formula_in_other_parameters(leaving):
    columns, at = leaving
    for a, b in ((BGNBD["a"], BGNBD["b"]), (5.0, 0.2), (0.01, 40.0)):
        found = at(r=0.3, alpha=5.0, leaving=a / (a + b), spread=1 / (1 + a + b))
        np.testing.assert_allclose(found, published_formula(*columns, 0.3, 5.0, a, b), rtol=1e-11)


def test_wilks_edges_are_models_of_their_own(leaving):
    """Nobody leaves: NBD. All alike: one chance p. As unlike as can be: p leave after the first, others never."""
    (x, last, age), at = leaving
    found = at(r=NBD["r"], alpha=NBD["alpha"], leaving=0.0, spread=0.3)
    assert found.sum() == pytest.approx(NBD_LOG_LIKELIHOOD, abs=1e-6)
    r, alpha, p = 0.3, 5.0, 0.2
    constant = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    here, gone = (alpha + age) ** -(r + x), (alpha + last) ** -(r + x)
    alike = (1 - p) ** x * here + (x > 0) * p * (1 - p) ** (x - 1) * gone
    np.testing.assert_allclose(at(r=r, alpha=alpha, leaving=p, spread=0.0), constant + np.log(alike), rtol=1e-11)
    unlike = np.where(x > 0, 1 - p, 1.0) * here + (x == 1) * p * gone
    np.testing.assert_allclose(at(r=r, alpha=alpha, leaving=p, spread=1.0), constant + np.log(unlike), rtol=1e-11)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_wilks_published_drops(wilks, wilks_tests):
    sex, customers = wilks_tests["sex"], wilks_tests["leaving"]
    assert sex.statistic == pytest.approx(10.22696843, abs=1e-8)
    assert sex.p_value == pytest.approx(0.00138402, abs=5e-9)
    assert customers.statistic == pytest.approx(362.469323, abs=1e-6)
    assert (customers.df, customers.reference, len(customers.draws)) == (2, "bootstrap", 3)
    assert "spread makes no difference" in customers.message
    assert customers.draws.max() < 25  # beyond which χ²₂ has 4 in a million
    assert customers.p_value == 1 / 4


@pytest.mark.slow
@pytest.mark.exhaustive
def test_wilks_law_of_a_mean_is_students(wilks, wilks_tests):
    """LR = n log(1 + t² / (n − 1)), simulated and exact."""
    for n in (3, 6, 20):
        t = np.sqrt((n - 1) * np.expm1(wilks_tests[f"mean of {n}"].draws / n))
        assert kstest(t, lambda v, n=n: 2 * student(n - 1).cdf(v) - 1).pvalue > 1e-3
        assert wilks.exact_beyond(wilks.exact_quantile(0.95, n), n) == pytest.approx(0.05, abs=1e-12)
    assert wilks.exact_quantile(0.95, 10**6) == pytest.approx(3.841458820694124, abs=1e-4)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.usefixtures("wilks_tests")
def test_wilks_saves_three_figures(folder):
    saved = sorted(path.name for path in folder.glob("wilks_*"))
    assert saved == [f"wilks_{name}.png" for name in ("leaving_chi2", "leaving_mixture", "sample_size")]
