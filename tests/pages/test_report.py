"""A report: its numbers are the verbs' own, what cannot be made says why, and the page stands alone."""

import re
from html import unescape
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from example_scripts import load

import pymc_landscape as pml

# Venables & Ripley, Modern Applied Statistics with S, section 7.2
MOTHS = {"intercept": (-3.47315529, 0.46852038), "male": (1.10074335, 0.35582713), "dose": (1.06421396, 0.13107749)}
OBSERVED = np.array([0.2, 1.4, 0.9, 1.1, 0.5, 0.8, 1.9, 0.1])
QUIET = {"progressbar": False}


def mean_model(**options):
    with pm.Model(**options) as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=OBSERVED)
    return model


def separated_model():
    x = np.array([-3.0, -2, -1.5, -1, 0.5, 1, 2, 3])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 5), pm.Normal("b", 0, 5)
        pm.Bernoulli("y", logit_p=a + b * x, observed=(x > 0).astype(int))
    return model


def ridge_model():
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 5), pm.Normal("b", 0, 5)
        pm.Normal("y", a + b, 1.0, observed=[1.0, 2.0, 3.0])
    return model


def words(page):
    """What a reader sees of a page, without tags and style."""
    text = re.sub(r"<style>.*?</style>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


@pytest.fixture(scope="module")
def fit():
    return pml.fit_mle(mean_model(name=""), **QUIET)


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(1)
    draws = {"mu": rng.normal(0.86, 0.25, (2, 200)), "sigma": np.exp(rng.normal(-0.4, 0.28, (2, 200)))}
    return xr.Dataset({name: (("chain", "draw"), values) for name, values in draws.items()})


@pytest.fixture(scope="module")
def quick(fit):
    return pml.report(fit, sections=["model", "fit", "optima", "loss"], **QUIET)


def test_the_numbers_are_those_of_the_verbs(fit, quick):
    tree = quick.to_datatree()
    exact = pml.confidence_intervals(fit, **QUIET)
    np.testing.assert_allclose(tree["intervals"]["interval"], exact["interval"], rtol=1e-12)
    assert tree["fit"].attrs["minus2ll"] == fit.minus2ll
    # the estimate of a normal mean, and its error with the divisor n
    n, mean, deviation = len(OBSERVED), OBSERVED.mean(), OBSERVED.std()
    assert f"mu {mean:.2f} {deviation / np.sqrt(n):.2f}" in words(quick.html)
    low, high = exact["interval"].sel(parameter="mu", interval_method="profile").values
    assert f"{low:.2f} to {high:.2f}" in words(quick.html)


def test_the_loss_is_the_sum_of_squares(quick):
    squares = ((OBSERVED - OBSERVED.mean()) ** 2).sum()
    assert float(quick.to_datatree()["loss_table"]["value"].item()) == pytest.approx(squares, rel=1e-6)


def test_the_page_stands_alone(quick, tmp_path):
    page = quick.save(tmp_path / "report.html").read_text(encoding="utf-8")
    assert page == quick.html
    assert not re.search(r"<script|<link|https?://(?!www\.w3\.org)", page)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "@media print" in page
    assert "prefers-color-scheme: dark" in page


def test_the_status_has_its_meaning_and_what_to_do(quick, fit):
    assert fit.status.meaning in words(quick.html)
    assert fit.status.advice in words(quick.html)


def test_names_are_escaped():
    model = mean_model(name="")
    model.name = "<b>&"
    page = pml.report(pml.fit_mle(model, **QUIET), sections=["fit"], **QUIET).html
    assert "<title>Report of &lt;b&gt;&amp;</title>" in page


def test_a_notebook_shows_the_page_in_a_frame(quick):
    frame = quick._repr_html_()
    assert frame.startswith("<iframe")
    assert unescape(re.search(r'srcdoc="(.*?)"', frame, flags=re.S)[1]) == quick.html


def test_the_model_of_a_with_block_and_of_a_holder_is_reported():
    with mean_model():
        inside = pml.report(sections=["fit"], **QUIET)
    held = pml.report(SimpleNamespace(backend=SimpleNamespace(model=mean_model()), built=True), sections="fit", **QUIET)
    assert inside.verdict[0] == held.verdict[0]
    assert inside.fit.minus2ll == pytest.approx(held.fit.minus2ll, abs=1e-9)


def test_without_a_maximum_no_wald_number_is_shown():
    report = pml.report(separated_model(), sections=["fit", "regions", "wilks"], **QUIET)
    text = words(report.html)
    assert report.fit.status == "unbounded"
    assert report.fit.status.advice in text
    assert "Wald 95 %" not in text
    assert set(report.refused) == {"Joint regions", "Does Wilks' theorem hold here?"}
    assert "No standard error or Wald interval is claimed." in " ".join(report.verdict)
    ends = report.to_datatree()["intervals"]["status"].sel(parameter="b", interval_method="profile")
    assert ends.values.tolist() == ["finite", "open"]
    low = float(report.to_datatree()["intervals"]["interval"].sel(parameter="b", bound="lower").item())
    assert f"{low:.4g} to ∞" in text


def test_a_ridge_is_named_and_not_reported_as_estimates():
    report = pml.report(ridge_model(), sections=["fit", "surface", "spectrum"], **QUIET)
    assert report.fit.status == "not_identified"
    assert "a − b is not determined." in report.verdict
    surface = report.to_datatree()["landscape"]
    along = surface.dataset.sel(a=float(surface["a"][20]), b=2.0 - float(surface["a"][20]), method="nearest")
    assert "drawn where the priors have most of their mass" in words(report.html)
    assert float(along["delta_minus2ll"]) < 3 * 0.3**2 + 1e-9  # within half a step of the ridge a + b = 2
    assert "Wald 95 %" not in words(report.html)


def test_draws_of_another_model_are_refused_at_once(posterior):
    with pytest.raises(ValueError, match="none of its parameter sigma"):
        pml.report(mean_model(), posterior.drop_vars("sigma"), **QUIET)
    with pytest.raises(ValueError, match="possible under the model"):
        pml.report(mean_model(), posterior.assign(sigma=-posterior["sigma"]), **QUIET)


@pytest.mark.parametrize(("evaluations", "profiles", "simulated"), [(13, 3, 0), (100, 12, 0), (400, 12, 200)])
def test_a_section_costs_what_the_model_allows(evaluations, profiles, simulated):
    from pymc_landscape.pages.model_report.budget import Budget

    affords = Budget(evaluations, tuple(f"beta[{i}]" for i in range(40)), 300, is_integral=False)
    assert (len(affords.profiles), affords.simulated) == (profiles, simulated)
    assert affords.region_method == ("exact" if simulated else "traces")
    assert len(affords.intervals) == (40 if simulated else 12)


def test_an_unknown_section_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"got 'profile': use profiles.*loss"):
        pml.report(mean_model(), sections=["profile"], **QUIET)


def test_what_cannot_be_fitted_says_so():
    with pm.Model() as model:
        z = pm.Bernoulli("z", 0.3)
        pm.Normal("y", pm.Normal("mu", 0, 5) + 2 * z, 1.0, observed=[1.0, 2.0, 3.0])
    report = pml.report(model, sections=["model", "fit"], **QUIET)
    assert report.fit is None
    assert "z" in report.refused["The fit"]
    assert "It was not fitted." in report.verdict[-1]
    summed = pml.report(pml.Objective(model, latent="z"), sections=["model", "fit"], **QUIET)
    assert "z summed out" in summed.verdict[0]
    assert not summed.refused


def test_the_comparison_speaks_in_the_verbs_sentences(fit, posterior):
    report = pml.report(fit, posterior, sections=["posterior", "wilks", "convergence"], random_seed=1, **QUIET)
    table = pml.compare_with_posterior(fit, posterior, random_seed=1, **QUIET)
    text = words(report.html)
    for sentence in table["sentence"].values:
        assert sentence in text
    rise = pml.posterior_deviance(fit, posterior, **QUIET)
    assert rise.attrs["message"] in report.verdict
    assert "R-hat" in text


def test_a_section_that_breaks_does_not_take_the_others_along(fit, monkeypatch):
    from pymc_landscape.pages.model_report import surface_sections

    def broken(*_, **__):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(surface_sections, "loss_table", broken)
    report = pml.report(fit, sections=["fit", "loss"], **QUIET)
    assert list(report.refused.values()) == ["This section could not be made: RuntimeError: no such luck"]
    assert "fit" in report.to_datatree().children


def test_the_example_has_the_published_numbers():
    script = load("report")
    fit = pml.fit_mle(script.build_model(script.load_moths()), **QUIET)
    report = pml.report(fit, sections="fit", **QUIET)
    text = words(report.html)
    for name, (estimate, error) in MOTHS.items():
        assert float(fit.point[name]) == pytest.approx(estimate, abs=1e-6)
        assert f"{name} {estimate:.2f} {error:.2f}".replace("-", "−") in text
    half = 2 ** (-MOTHS["intercept"][0] / MOTHS["dose"][0])
    assert f"lethal_dose {half:.1f}" in text
    low, high = pml.confidence_intervals(fit, "lethal_dose", **QUIET)["interval"].values.ravel()
    assert f"{low:.1f} to {high:.1f}" in text
    assert "rose by 1.06 (standard error 0.13; 95 % profile interval 0.82 to 1.34)" in script.sentence(
        fit, report, "dose"
    )


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_example_writes_its_page(tmp_path):
    tree = load("report").main(draws=200, figures=tmp_path)
    assert {"comparison", "posterior_deviance"} <= set(tree.children)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report_profiles.png"}


@pytest.mark.exhaustive
def test_all_sections_of_a_regular_model_are_made(fit, posterior):
    report = pml.report(fit, posterior, random_seed=1, **QUIET)
    assert not report.refused
    groups = {"fit", "intervals", "comparison", "profile", "contour", "posterior_deviance", "influence", "spectrum"}
    assert groups | {"starts", "descent", "descent_race", "loss_table"} <= set(report.to_datatree().children)
    assert report.html.count("data:image") >= 9


@pytest.mark.exhaustive
def test_without_draws_wilks_is_seen_on_simulated_data(fit):
    report = pml.report(fit, sections=["wilks"], random_seed=1, **QUIET)
    again = pml.parametric_bootstrap(fit, draws=200, random_seed=1, **QUIET)
    held = float((again["delta_minus2ll"] <= pml.chi2_cutoff(0.95, 2)).mean())
    assert f"in {100 * held:.4g} % of 200 sets" in report.verdict[0]


@pytest.fixture(scope="module")
def drawn(fit):
    """What the page draws of a cheap model of two parameters, without draws of a posterior."""
    return pml.report(fit, sections=["profiles", "regions", "influence"], level=0.9, **QUIET)


def test_curves_of_the_page_are_those_of_the_verbs(fit, drawn):
    assert not drawn.refused
    tree = drawn.to_datatree()
    own = pml.profile_likelihood(fit, ["mu", "sigma"], **QUIET)
    np.testing.assert_allclose(tree["profile"]["delta_minus2ll"], own["delta_minus2ll"], rtol=1e-9)
    methods = {group: tree[group].attrs["method"] for group in tree.children if group.startswith("contour")}
    assert sorted(methods.values()) == ["exact", "wald"]
    text = words(drawn.html)
    assert "Profile of mu: Δ(−2LL), minimised over all else, with the cut-offs of 68 % and 90 %" in text
    assert "Joint regions of mu and sigma, 68 % and 95 %; beside them Wald's ellipses" in text


def test_who_moves_an_estimate_most_is_named_first(fit, drawn):
    moves = pml.influence(fit, level=0.9, **QUIET)
    size = abs(moves["one_step"] / moves["standard_error"]).max("parameter")
    order = [str(moves["observation"].values[i]) for i in np.argsort(-size.values, kind="stable")]
    listed = re.findall(r"y\[\d\]", words(drawn.html).split("Observations that move an estimate most")[1])
    assert listed[: len(order)] == order
    said = [sentence for sentence in drawn.verdict if "would move by" in sentence]
    assert bool(said) == bool(size.max() >= 1.0)
    assert all(f"Without {order[0]} the estimate of" in sentence for sentence in said)


def test_a_model_of_one_parameter_has_no_joint_region():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 10), 1.0, observed=OBSERVED)
    report = pml.report(model, sections=["profiles", "regions"], **QUIET)
    assert list(report.refused.values()) == ["There is one parameter: its interval is its region."]


@pytest.mark.parametrize(
    ("n_held", "n_failed", "words"),
    [
        (190, 0, "in 95 % of 200 sets, close to what it claims (Monte Carlo error 1.5 %)"),
        (180, 0, "in 90 % of 200 sets, less often than it claims: cut-offs of χ² are too small here"),
        (200, 0, "in 100 % of 200 sets, more often than it claims"),
        (200, 20, "in 90 % of 200 sets (20 refits failed, and count as misses), less often than it claims"),
    ],
)
def test_simulated_data_tell_whether_cutoffs_are_right(n_held, n_failed, words):
    from pymc_landscape.pages.model_report.check_sections import _share_below

    drops = np.where(np.arange(200) < n_held, 5.99, 6.0)  # beside the cut-off 5.991
    status = np.where(np.arange(200) < n_failed, "failed", "converged")
    again = xr.Dataset({"delta_minus2ll": ("draw", drops), "status": ("draw", status)}, attrs={"k": 2})
    assert words in _share_below(again)


def test_a_surface_lies_where_the_estimate_the_draws_or_the_priors_are(fit, posterior):
    kinds = {"fit_grid": (fit, None), "posterior_grid": (ridge_model(), True), "regular_grid": (ridge_model(), None)}
    for call, (model, dt) in kinds.items():
        draws = None if dt is None else posterior.rename(mu="a", sigma="b")
        report = pml.report(model, draws, sections=["surface"], **QUIET)
        assert f"grid = pml.{call}(" in unescape(report.html)
        surface = report.to_datatree()["landscape"].to_dataset()
        first, second = surface["minus2ll"].dims
        if call == "fit_grid":
            grid = pml.fit_grid(fit, [first, second], num=surface.sizes[first])
            np.testing.assert_allclose(surface[first], grid[first])
        elif dt is None:  # priors with a standard deviation of 5 have 90 % of their mass within 8.2
            np.testing.assert_allclose(abs(surface[first][[0, -1]]), 1.645 * 5, rtol=0.25)
            assert "where the priors have most of their mass" in words(report.html)
        else:
            assert float(surface["a"].min()) > 0.0


def test_one_parameter_has_no_surface_and_a_regular_model_no_ridge():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 10), 1.0, observed=OBSERVED)
    report = pml.report(model, sections=["surface", "spectrum"], **QUIET)
    assert list(report.refused.values()) == ["There is one parameter: its profile is the landscape."]
    text = words(report.html)
    assert "No ridge: every direction is determined" in text
    assert "The condition number is" not in text


def test_a_graph_is_drawn_without_what_is_too_much_and_what_goes_through_it_goes_on():
    from pymc_landscape.pages.model_report.graph_drawing import MOST_DRAWN, graph_figure
    from pymc_landscape.pages.model_report.model_variables import Variable, without

    def variable(name, role, *parents):
        return Variable(name, role, "Normal" if role in ("parameter", "likelihood") else "", (), (), parents)

    chain = [
        variable("mu", "parameter"),
        variable("x", "data"),
        *(variable(f"step {i}", "deterministic", f"step {i - 1}" if i else "mu", "x") for i in range(MOST_DRAWN)),
        variable("y", "likelihood", f"step {MOST_DRAWN - 1}"),
        variable("penalty", "potential", "mu"),
    ]
    drawn = graph_figure(chain)
    assert "Left out of the drawing: what is computed." in drawn
    assert {name: f">{name}</text>" in drawn for name in ("mu", "x", "y", "penalty", "step 3")} == {
        **dict.fromkeys(("mu", "x", "y", "penalty"), True),
        "step 3": False,
    }
    assert drawn.count("<polygon") == 1  # the potential
    assert set(without(chain, {"deterministic"})[2].parents) == {"mu", "x"}
    assert without(chain, {"deterministic", "data"})[1].parents == ("mu",)
    data = [variable(f"x{i}", "data") for i in range(MOST_DRAWN)]
    assert "Left out of the drawing: data and what is computed." in graph_figure([*data, *chain])
    free = [variable(f"z{i}", "parameter") for i in range(MOST_DRAWN)]
    assert f"The graph has {len(free) + len(chain)} variables, too many" in graph_figure([*free, *chain])
