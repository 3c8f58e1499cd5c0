"""The explorer's profile where branches of the other parameters cross, against closed forms and the verb."""

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml
from pymc_landscape.pages.explorer import surfaces
from pymc_landscape.pages.explorer.explored import ChosenAxis
from pymc_landscape.pages.explorer.profile_envelope import corner_candidates, densities, lowered

QUIET = {"progressbar": False}
Y = np.array([0.2, 1.4, 0.9, 1.1, 0.5, 2.0])


def normal_sample():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), pm.HalfNormal("sigma", 2), observed=Y)
    return model


def counts_of_two_kinds():
    """A mixture of two Poisson distributions, whose kinds can be exchanged."""
    rng = np.random.default_rng(4)
    y = np.concatenate([rng.poisson(2, 40), rng.poisson(9, 60)])
    with pm.Model() as model:
        rate, share = pm.Exponential("rate", 0.2, shape=2), pm.Beta("share", 1, 1)
        pm.Mixture("y", pm.math.stack([share, 1 - share]), pm.Poisson.dist(rate), observed=y)
    return model


def test_candidates_are_the_corners_of_a_cell_and_what_is_linear_between_them():
    axes = [ChosenAxis(name, np.linspace(0.0, 4.0, 5), "linear", (-np.inf, np.inf)) for name in "ab"]
    some = [np.array([0, 2, 4])] * 2
    a, b = np.meshgrid([0.0, 2.0, 4.0], [0.0, 2.0, 4.0], indexing="ij")
    found = corner_candidates(axes, some, (3.0 * a - b + a * b)[None, ..., None])[..., 0]
    assert found.shape == (5, 5, 5)
    at = np.meshgrid(*(axis.values for axis in axes), indexing="ij")
    np.testing.assert_allclose(found[4], 3.0 * at[0] - at[1] + at[0] * at[1])
    assert sorted(found[:4, 1, 3]) == sorted([3.0 * a - b + a * b for a in (0, 2) for b in (2, 4)])


def test_a_corner_that_was_not_solved_is_no_candidate_and_leaves_the_others():
    axis = ChosenAxis("a", np.linspace(0.0, 4.0, 5), "linear", (-np.inf, np.inf))
    found = corner_candidates([axis], [np.array([0, 2, 4])], np.array([0.0, np.nan, 4.0])[None, :, None])[..., 0]
    np.testing.assert_array_equal(found[0], [0.0, 0.0, np.nan, np.nan, np.nan])
    assert found[1, 3] == 4.0


def test_a_few_steps_down_come_to_the_deviation_that_is_best_for_each_mean():
    objective = pml.Objective(normal_sample())
    mu = np.linspace(0.0, 2.0, 9)
    best = np.sqrt(((Y - mu[:, None]) ** 2).mean(axis=1))
    rows = np.stack([mu, 1.15 * best], axis=1)
    lower = lowered(objective, ["mu"], rows, densities(objective, rows)[0])
    np.testing.assert_allclose(lower[:, 0], mu, atol=1e-12)
    np.testing.assert_allclose(lower[:, 1], best, rtol=1e-4)


def test_what_has_no_likelihood_is_infinite_and_goes_nowhere():
    objective = pml.Objective(normal_sample())
    rows = np.array([[0.5, 1.0], [0.5, -1.0], [np.nan, 1.0]])
    minus2ll, log_prior = densities(objective, rows)
    assert np.isfinite(minus2ll).tolist() == [True, False, False]
    assert np.isfinite(log_prior).all()
    assert np.isfinite(lowered(objective, ["mu"], rows, minus2ll)[:, 1]).tolist() == [True, False, False]


@pytest.mark.exhaustive
def test_a_profile_from_corners_is_that_of_the_verb_under_every_weight(monkeypatch):
    monkeypatch.setattr(surfaces, "MOST", 0)  # no second stage, and two weights
    monkeypatch.setattr(surfaces, "_interpolated", lambda *_: None)
    explorer = pml.explore(normal_sample(), axes="mu", num=21, random_seed=1, **QUIET)
    tree = explorer.to_datatree()["surface_profile"]
    for weight in (0.0, 0.25, 1.0):
        objective = pml.Objective(normal_sample()).with_prior_weight(weight)
        verb = pml.evaluate_landscape(objective, {"mu": tree["mu"].to_numpy()}, nuisance="profile", **QUIET)
        expected = verb["minus2ll"] - 2 * weight * verb["log_prior"] - tree["floor"].sel(weight=weight)
        np.testing.assert_allclose(tree["delta"].sel(weight=weight), expected, atol=0.02, rtol=3e-3)
    assert any("averaged over: their best values jump" in note for note in explorer.payload["notes"])


@pytest.mark.slow
@pytest.mark.exhaustive
def test_both_labels_of_a_mixture_are_valleys_of_the_profile_at_the_same_height():
    explorer = pml.explore(counts_of_two_kinds(), random_seed=1, **QUIET)
    payload = explorer.payload
    assert [axis["label"] for axis in payload["axes"]] == ["rate[0]", "rate[1]"]
    rates = pml.fit_mle(counts_of_two_kinds(), **QUIET).point["rate"].to_numpy()
    lakes = payload["valleys"]["p"][0]
    assert len(lakes) == 2
    assert [lake["height"] for lake in lakes] == pytest.approx([0.0, 0.0], abs=1e-4)
    assert {tuple(np.round(lake["at"], 6)) for lake in lakes} == {
        tuple(np.round(rates, 6)),
        tuple(np.round(rates[::-1], 6)),
    }
    assert len(payload["valleys"]["h"][0]) == 2
    tree = explorer.to_datatree()["surface_profile"]
    some = {name: tree[name].to_numpy()[3::7] for name in ("rate[0]", "rate[1]")}
    verb = pml.evaluate_landscape(counts_of_two_kinds(), some, nuisance="profile", **QUIET)
    above = tree["delta"].sel(weight=0.0, **some) + tree["floor"].sel(weight=0.0) - verb["minus2ll"]
    assert float(above.min()) > -1e-3
    assert float((above / (0.02 + 3e-3 * verb["delta_minus2ll"])).max()) < 1.0
