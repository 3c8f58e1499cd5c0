"""The law of a likelihood ratio where the model is wrong, and what any test needs that allows for that.

If no parameters make the model true, the estimate varies as A⁻¹BA⁻¹ about those nearest to the truth, and not as A⁻¹, A
the information and B the variance of the scores (White 1982, *Econometrica* 50, 1-25). The drop of −2LL is then no χ²
but a weighted sum of χ²₁ (Kent 1982, *Biometrika* 69, 19-27).
"""

from __future__ import annotations

import numpy as np
import scipy

from pymc_landscape._typing import Array
from pymc_landscape.inference.hypothesis_tests.nested_test import LikelihoodRatioTest
from pymc_landscape.inference.hypothesis_tests.null_constraint import NullConstraint
from pymc_landscape.numerics import weighted_chi2_tail
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import refuse_joint_densities
from pymc_landscape.optimize import Fit, NaturalScale, SearchResult, StatusReport


def misspecified(statistic: float, constraint: NullConstraint, null: Fit, alternative: Fit) -> LikelihoodRatioTest:
    """Return the likelihood ratio test of a model that may be wrong."""
    refuse_no_sandwich(constraint, alternative.objective)
    weights = sandwich_eigenvalues(constraint, alternative.result, StatusReport(alternative.status))
    p_value = weighted_chi2_tail(statistic, weights)
    message = (
        f"The model may be wrong: the reference is a weighted sum of χ²₁ (Kent 1982). {constraint.nesting.assumed}"
    )
    df = constraint.nesting.df
    return LikelihoodRatioTest(
        statistic, df, p_value, "weighted_chi2", weights, np.zeros(0), null, alternative, message.strip()
    )


def sandwich_eigenvalues(constraint: NullConstraint, result: SearchResult, report: StatusReport) -> Array:
    """Return the λⱼ (df,) of the law Σ λⱼ χ²₁ of a likelihood ratio where the model is wrong.

    They are the eigenvalues of (J A⁻¹BA⁻¹ Jᵀ)(J A⁻¹ Jᵀ)⁻¹, A the observed information, B the outer products of the
    scores: how much wider what is tested varies than the model believes (Kent 1982, *Biometrika* 69, 19-27).
    """
    estimates = [NaturalScale(result, report, kind) for kind in ("sandwich", "observed")]
    jacobian = constraint.jacobian(constraint.layout.join(estimates[0].point))
    robust, believed = (jacobian @ each.covariance().values @ jacobian.T for each in estimates)
    scale = 1.0 / np.sqrt(np.diagonal(believed))
    values, vectors = np.linalg.eigh(believed * np.outer(scale, scale))
    basis = scale[:, None] * vectors[:, len(values) - constraint.nesting.df :]
    if not (np.isfinite(basis).all() and values[len(values) - constraint.nesting.df] > 0):
        raise ValueError("Expected a positive definite covariance of what is tested, got one that is not.")
    eigenvalues: Array = scipy.linalg.eigh(basis.T @ robust @ basis, basis.T @ believed @ basis, eigvals_only=True)
    return np.maximum(eigenvalues, 0.0)[::-1]


def refuse_no_sandwich(constraint: NullConstraint, objective: Objective) -> None:
    """Refuse what the sandwich is not made for: a null on an edge, too few observations, joint densities."""
    refuse_joint_densities(objective, "sandwich=True")
    nesting = constraint.nesting
    if nesting.at_bound or nesting.vanished:
        names = ", ".join(nesting.at_bound or nesting.vanished)
        what = "on an edge of its support" if nesting.at_bound else "which makes no difference there"
        raise ValueError(f"Expected a null inside the alternative for sandwich=True, got {names} {what}: leave it out.")
    restricted = constraint.alternative.result.restricted
    if constraint.alternative.n_parameters and restricted.natural and len(restricted.free):
        fixed = ", ".join(name for name, _ in restricted.fixed_elements)
        raise ValueError(f"Expected an estimate inside the support for sandwich=True, got {fixed} on an edge.")
    if objective.n_observations <= objective.size:
        raise ValueError(
            f"Expected more observations than parameters for sandwich=True, got {objective.n_observations} and "
            f"{objective.size}: leave it out."
        )
