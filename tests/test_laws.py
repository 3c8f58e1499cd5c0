"""Laws that hold for every model, on random models of a small grammar with random data.

``pytest -m slow`` tries 10,000 examples. They are the same each time: what fails once fails again.
"""

import numpy as np
import pymc as pm
import pytest
from grammar import FAMILIES, Example, Form, compiled, data, design, examples, forms, written
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle import Oracle
from scipy import stats

import pymc_landscape as pml

Q95 = stats.chi2.ppf(0.95, 1)
SMOOTH = [family for family in FAMILIES if family != "laplace"]


def a_batch_is_a_loop(example: Example) -> None:
    objective = example.objective
    many = example.theta + np.linspace(-0.3, 0.3, 4)[:, None]
    for verb in (objective.minus2ll, objective.gradient):
        np.testing.assert_allclose(verb(many), np.stack([verb(one) for one in many]), rtol=1e-10, atol=1e-10)


def a_gradient_is_a_slope(example: Example) -> None:
    assume(example.form.family in SMOOTH)
    objective, theta = example.objective, example.theta
    moves = 1e-5 * np.eye(len(theta))
    slope = (objective.minus2ll(theta + moves) - objective.minus2ll(theta - moves)) / 2e-5
    size = max(1.0, np.abs(slope).max(), abs(float(objective.minus2ll(theta))))
    np.testing.assert_allclose(objective.gradient(theta), slope, rtol=1e-5, atol=1e-6 * size)


def a_place_is_a_point(example: Example) -> None:
    objective, theta = example.objective, example.theta
    np.testing.assert_allclose(objective.pack(objective.unpack(theta)), theta, rtol=1e-9, atol=1e-9)


def a_posterior_is_likelihood_times_prior(example: Example) -> None:
    """Against PyMC's own densities; a flat prior adds nothing."""
    objective, theta = example.objective, example.theta
    model = written(example.form)
    with model:
        terms, prior = Oracle(model)(objective.unpack(theta))
    base = compiled(example.form)
    assert float(base.log_likelihood(theta)) == pytest.approx(terms["y"].sum(), rel=1e-9, abs=1e-9)
    if example.form.prior == "flat" and example.form.family in ("poisson", "bernoulli") and not example.form.potential:
        assert prior == 0.0
        assert float(objective.log_prior(theta)) == 0.0


def more_data_are_more_likelihood(example: Example) -> None:
    """−2LL is a sum over observations, each of the same density."""
    objective = example.objective
    per_row = objective.with_data(y=np.repeat(data(example.form, example.seed)[:1], 12))
    assert np.isfinite(float(per_row.minus2ll(example.theta)))
    assert float(objective.minus2ll(example.theta)) == pytest.approx(
        -2 * float(objective.log_likelihood(example.theta)), rel=1e-12
    )


def other_units_are_the_same_surface(example: Example) -> None:
    form = example.form
    assume(form.predictors > 0 and form.prior == "flat" and not form.potential)
    other = _rescaled(form).with_data(y=data(form, example.seed))
    objective, point = example.objective, example.objective.unpack(example.theta)
    moved = other.pack({**point, "b": point["b"] / 1000.0})
    assert float(other.minus2ll(moved)) == pytest.approx(float(objective.minus2ll(example.theta)), rel=1e-9)


_UNITS: dict[Form, pml.Objective] = {}


def _rescaled(form: Form) -> pml.Objective:
    if form not in _UNITS:
        _UNITS[form] = pml.Objective(written(form, 1000.0), latent=())
    return _UNITS[form]


def a_profile_lies_below_slices(example: Example) -> None:
    """Slice ≥ profile ≥ 0, an end plugged back gives the cut-off, and a profile's value is that of a refit."""
    form = example.form
    assume(form.prior != "hierarchical" and form.predictors in (1, 2))
    fit = pml.fit_mle(example.objective, starts=1, progressbar=False)
    assume(fit.status == "converged" and not len(fit.flat_directions))
    label = fit.objective.labels[1]
    grid = pml.fit_grid(fit, label, num=3, level=0.9)
    fixed = pml.evaluate_landscape(fit, grid, progressbar=False)["minus2ll"] - fit.minus2ll
    profile = pml.evaluate_landscape(fit, grid, nuisance="profile", progressbar=False)["minus2ll"] - fit.minus2ll
    assert (profile >= -1e-6).all()
    assert (fixed >= profile - 1e-6).all()
    ends = pml.confidence_intervals(fit, label, progressbar=False)
    finite = ends["status"].to_numpy() == "finite"
    np.testing.assert_allclose(ends["delta_minus2ll"].to_numpy()[finite], Q95, atol=1e-6)


def wald_is_the_profile_of_a_normal_mean(example: Example) -> None:
    y = data(Form("normal", 0, "flat", False, False), example.seed)
    objective = _known_sigma().with_data(y=y)
    fit = pml.fit_mle(objective, starts=1, progressbar=False)
    ends = pml.confidence_intervals(fit, method=["wald", "profile"], progressbar=False)["interval"].to_numpy()
    wanted = y.mean() + np.array([-1, 1]) * np.sqrt(Q95 / len(y))
    np.testing.assert_allclose(ends[0, :, 0], wanted, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ends[0, :, 1], wanted, rtol=1e-8, atol=1e-8)


_KNOWN: list[pml.Objective] = []


def _known_sigma() -> pml.Objective:
    if not _KNOWN:
        with pm.Model() as model:
            pm.Normal("y", pm.Flat("mu", initval=0.0), np.float64(1.0), observed=np.arange(12.0))
        _KNOWN.append(pml.Objective(model))
    return _KNOWN[0]


# Law, and how many examples of it are tried in the exhaustive run: 10,000.
LAWS = {
    a_batch_is_a_loop: 2600,
    a_gradient_is_a_slope: 2200,
    a_place_is_a_point: 2000,
    more_data_are_more_likelihood: 1600,
    other_units_are_the_same_surface: 900,
    a_posterior_is_likelihood_times_prior: 60,
    a_profile_lies_below_slices: 140,
    wald_is_the_profile_of_a_normal_mean: 500,
}
# A few forms, compiled once, for the default run.
FEW = st.sampled_from(
    [Form("normal", 1, "flat", False, False), Form("poisson", 2, "normal", True, True), Form("gamma", 1, "flat", 1, 0)]
)


def holds(law, n: int, of=None) -> None:
    """Try a law on so many examples."""

    @settings(max_examples=n, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(examples(of))
    def run(example: Example) -> None:
        law(example)

    run()


def test_ten_thousand_examples():
    assert sum(LAWS.values()) == 10_000


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_law_holds(law):
    holds(law, 3, FEW)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_law_holds_for_any_model(law):
    holds(law, LAWS[law])


@pytest.mark.exhaustive
@settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    forms(), st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=6), min_size=2, max_size=2)
)
def test_any_labels_are_kept_or_refused_at_once(form, labels):
    x = design(2)
    with pm.Model(coords={"predictor": labels}) as model:
        pm.Normal("y", x @ pm.Normal("b", 0, 5, dims="predictor"), 1.0, observed=x[:, 0])
    refusal = ""
    try:
        objective = pml.Objective(model)
    except ValueError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("Expected")
        return
    assert objective.labels == tuple(f"b[{label}]" for label in labels)
