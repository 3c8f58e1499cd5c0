"""Vertices found as one stack are those found one after the other, and hard regions are left to the careful way."""

import numpy as np
import pymc as pm
from verbs import fit

import pymc_landscape as pml
from pymc_landscape.inference.profile import find_quantities
from pymc_landscape.inference.regions.local_geometry import find_centre
from pymc_landscape.inference.regions.vertices import solve_at_once, solve_on_rays

NUM = 12


def centre_of(here: pml.Fit, names: list[str], level: float = 0.95):
    pair = tuple(find_quantities(here.objective, names))
    target = here.minus2ll + pml.chi2_cutoff(level, df=2)
    return find_centre(here.result.restricted, pair, here.result.x, target)


def both_ways(here: pml.Fit, names: list[str]):
    """Return the ring as one stack, its progress, and the ring one vertex after another."""
    centre, ticks = centre_of(here, names), []
    at_once = solve_at_once(centre, here.minus2ll, NUM, lambda: ticks.append(1))
    return at_once, len(ticks), solve_on_rays(centre, here.minus2ll, NUM, lambda: None)


def test_the_stack_has_the_vertices_of_the_rays(budworm):
    at_once, ticks, rays = both_ways(budworm, ["b[constant]", "b[dose]"])
    assert ticks == NUM
    np.testing.assert_allclose([v.values for v in at_once], [v.values for v in rays], rtol=1e-8)
    np.testing.assert_allclose([v.rise for v in at_once], [v.rise for v in rays], atol=2e-9)


def test_elements_on_a_transformed_scale_come_back_natural():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=[1.0, 2.5, 0.3, 4.0, 2.0, 1.1])
    at_once, _, rays = both_ways(fit(model), ["mu", "sigma"])
    np.testing.assert_allclose([v.values for v in at_once], [v.values for v in rays], rtol=1e-8)


def test_a_bent_quantity_is_left_to_the_rays(budworm):
    assert solve_at_once(centre_of(budworm, ["ld50", "b[dose]"]), budworm.minus2ll, NUM, lambda: None) is None


def test_a_region_that_ends_at_a_bound_is_left_to_the_rays():
    """No success of one drug: its probability can be 0."""
    with pm.Model() as model:
        p, q = pm.Beta("p", 1, 1), pm.Beta("q", 1, 1)
        pm.Binomial("y", 8, p, observed=0)
        pm.Binomial("z", 8, q, observed=4)
    here = fit(model)
    assert solve_at_once(centre_of(here, ["p", "q"]), here.minus2ll, NUM, lambda: None) is None
