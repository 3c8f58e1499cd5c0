"""Wald's statistic: how far the alternative's estimate is from the null, measured by its covariance.

With the null as equations r(θ) = 0, J their derivatives and C the covariance of the estimate, the statistic is
rᵀ (J C Jᵀ)⁻¹ r (Wald 1943, *Transactions of the American Mathematical Society* 54, 426-482), the least of the
quadratic form (θ̂ − θ)ᵀ C⁻¹ (θ̂ − θ) over a straight null. At a bound the estimate stays inside, and what it has at
the bound adds nothing: the form is then that of the others, given these. It depends on the scale of the parameters,
which is the natural one here; a standard deviation whose null is 0 is measured by its square, for its own estimate is
not normal.
"""

from __future__ import annotations

from pymc_landscape.inference.hypothesis_tests.null_constraint import NullConstraint
from pymc_landscape.numerics import quadratic_form
from pymc_landscape.optimize import NaturalScale, SearchResult, StatusReport


def wald_statistic(constraint: NullConstraint, result: SearchResult, report: StatusReport, information: str) -> float:
    """Return Wald's statistic at a search's end in the alternative.

    Parameters
    ----------
    constraint : NullConstraint
        The null.
    result, report : SearchResult, StatusReport
        Of the alternative.
    information : str
        ``"observed"``, ``"expected"`` or ``"sandwich"``: what its covariance is made of.

    Raises
    ------
    ValueError
        If what is tested has no covariance there.
    """
    estimate = NaturalScale(result, report, information)
    vector, covariance = constraint.layout.join(estimate.point), estimate.covariance().values
    residual, jacobian = constraint.residual(vector), constraint.jacobian(vector)
    at_zero = [i for i in constraint.at_bound if residual[i] == 0.0]
    moved = [i for i in range(len(residual)) if i not in at_zero]
    if not moved:
        return 0.0
    rows = jacobian[moved]
    return quadratic_form(residual[moved], rows @ covariance @ rows.T, constraint.nesting.df - len(at_zero))
