"""Numerical methods on arrays: steps, factorisations, interpolation, reference distributions. No model, no graph."""

from pymc_landscape.numerics.batched_newton import (
    BatchDerivatives,
    BatchMinima,
    newton_descent_batch,
    newton_steps,
)
from pymc_landscape.numerics.chi_squared import chi2_cutoff, chibar2_quantile, chibar2_tail, chibar2_weights
from pymc_landscape.numerics.covariance import (
    Spectrum,
    covariance,
    delta_method,
    lengths,
    lengths_batch,
    quadratic_form,
    sandwich_covariance,
    spectrum,
    standard_errors,
    step_lengths_batch,
)
from pymc_landscape.numerics.density_estimation import DrawsDensity, JointDensity, draws_density, joint_density
from pymc_landscape.numerics.direction_names import name_direction, simple_basis
from pymc_landscape.numerics.factorization import Blocks, Factor, NotPositive, factorised
from pymc_landscape.numerics.finite_differences import (
    EPS,
    gradient_of_values,
    hessian_of_gradients,
    hessian_of_values,
    hessian_times,
    jacobian_of_values,
)
from pymc_landscape.numerics.krylov import (
    NotPositiveCurvature,
    Product,
    conjugate_gradients,
    diagonal_scale,
    leading_eigenpairs,
    newton_conjugate_gradients,
    trace,
)
from pymc_landscape.numerics.line_search import backtrack
from pymc_landscape.numerics.merge_tree import Pass, merge_tree
from pymc_landscape.numerics.profile_curve import CurveSide, ProfileCurve, cubic_hermite, profile_curve
from pymc_landscape.numerics.quasi_newton import FixedHessian, LearnedHessian
from pymc_landscape.numerics.sparsity import Pattern, Stack, coloured, find_pattern, has_pattern
from pymc_landscape.numerics.stacked_newton import QuadraticModels, StackedMinima, descend_newton_stack
from pymc_landscape.numerics.threads import (
    WRITING,
    ThreadCell,
    cached_once,
    n_workers,
    on_threads,
    one_at_a_time,
    one_blas_thread,
)
from pymc_landscape.numerics.trust_region import (
    EXACT,
    NEAR,
    QuadraticModel,
    descend_newton,
    flat_eigenvectors,
    noise,
    polish,
    quadratic_model,
)
from pymc_landscape.numerics.weighted_chi_squared import weighted_chi2_tail

__all__ = [
    "EPS",
    "EXACT",
    "NEAR",
    "WRITING",
    "BatchDerivatives",
    "BatchMinima",
    "Blocks",
    "CurveSide",
    "DrawsDensity",
    "Factor",
    "FixedHessian",
    "JointDensity",
    "LearnedHessian",
    "NotPositive",
    "NotPositiveCurvature",
    "Pass",
    "Pattern",
    "Product",
    "ProfileCurve",
    "QuadraticModel",
    "QuadraticModels",
    "Spectrum",
    "Stack",
    "StackedMinima",
    "ThreadCell",
    "backtrack",
    "cached_once",
    "chi2_cutoff",
    "chibar2_quantile",
    "chibar2_tail",
    "chibar2_weights",
    "coloured",
    "conjugate_gradients",
    "covariance",
    "cubic_hermite",
    "delta_method",
    "descend_newton",
    "descend_newton_stack",
    "diagonal_scale",
    "draws_density",
    "factorised",
    "find_pattern",
    "flat_eigenvectors",
    "gradient_of_values",
    "has_pattern",
    "hessian_of_gradients",
    "hessian_of_values",
    "hessian_times",
    "jacobian_of_values",
    "joint_density",
    "leading_eigenpairs",
    "lengths",
    "lengths_batch",
    "merge_tree",
    "n_workers",
    "name_direction",
    "newton_conjugate_gradients",
    "newton_descent_batch",
    "newton_steps",
    "noise",
    "on_threads",
    "one_at_a_time",
    "one_blas_thread",
    "polish",
    "profile_curve",
    "quadratic_form",
    "quadratic_model",
    "sandwich_covariance",
    "simple_basis",
    "spectrum",
    "standard_errors",
    "step_lengths_batch",
    "trace",
    "weighted_chi2_tail",
]
