"""How near is the same, how low is lower, and how far is infinite: the tolerances of searches, each once.

Differences of values are in units of −2LL, in which a parameter one standard error off its estimate costs 1. Distances
are in units of the unconstrained scale, on which a positive parameter is its logarithm.
"""

from __future__ import annotations

# --- values, −2LL ----------------------------------------------------------------------------------------------------

# Half the Newton decrement: a result from which Newton's next step would gain no more than this is an optimum.
CONVERGED = 1e-6
# The same for a method without gradients, which sees its optimum only to about the root of the rounding.
CONVERGED_BY_VALUES = 1e-3
# What has no more to gain than this is as low as it gets, where a likelihood has no maximum.
NEAR_INFIMUM = 1e-4
# What has more to gain than this is no optimum, however rough the surface.
ROUGH = 1.0
# With less than this to gain the Hessian is that of the optimum, 1e-6 standard errors away.
SAME_CURVATURE = 1e-12
# Values of optima that differ by less, rounding aside, are those of one optimum; one that is lower by less displaces
# no other.
SAME_OPTIMUM = 1e-6
# Of a value at a bound and one inside that differ by less, rounding aside, the one at the bound is taken.
BOUND_TOLERANCE = 1e-9
# Along a direction: a rise by less is none, where t² was expected at t standard errors; a fall by more is a lower
# point.
NO_RISE, FALL = 1e-5, 1e-4
# The same far out, where densities lose digits: level, and risen.
LEVEL_FAR_OUT, RISE_FAR_OUT = 1e-2, 0.05

# --- distances, unconstrained ----------------------------------------------------------------------------------------

# Optima are one if all elements differ by less, absolutely and relative to the element.
SAME_THETA = 1e-3
# Further out than this, or with a larger standard error, an element may be on its way to a bound.
BOUND_DISTANCE, BOUND_STANDARD_ERROR = 7.0, 2.0
# So far from its start an element may be what keeps a search from converging.
SUSPICIOUS_DISTANCE = 7.0
# An element of an optimum that is further out than this is examined: the surface may be level there, and not before.
EXAMINED_DISTANCE = 12.0
# So far from its start, by a factor of three million on the natural scale of a positive parameter, is as good as
# infinite: further out, densities may lose all digits.
INFINITE_DISTANCE = 15.0
# An element that is further out than this, short of an optimum, has run away.
RUNAWAY_DISTANCE = 30.0
