"""Minimise −2LL with any optimiser, and keep the path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, RandomSeed, Starts
from pymc_landscape.arguments import check_run_options, checked_count, checked_number
from pymc_landscape.objective import Objective, objective_of
from pymc_landscape.objective.observations import BatchSlope
from pymc_landscape.optimize import Fit, find_starts
from pymc_landscape.optimize.descent.optimizers import LearningRates, Optimizers, OptimizerSpec, optimizer_specs
from pymc_landscape.optimize.descent.path import ConvergenceTest, DescentPath, Stop, ValueAndGradient
from pymc_landscape.optimize.descent.path_dataset import path_dataset, refuse_own_names
from pymc_landscape.results import DelayedProgressBar, provenance_attributes

# What is left to gain, in units of −2LL, at which a path has converged: a millionth of what any test tells apart.
TOLERANCE = 1e-8
# A step by batches costs as much as evaluating twice so many rows of a regression, beside its own: all that is kept
# costs half of what the steps do.
ROWS_OF_A_STEP = 500
# So many points of a path by batches are kept at least.
FEWEST_RECORDS = 5


def descend(
    model: ModelLike | Objective | Fit | None = None,
    optimizer: Optimizers = "adam",
    *,
    starts: Starts = 1,
    steps: int = 500,
    batch_size: int | None = None,
    learning_rate: LearningRates | None = None,
    tolerance: float = TOLERANCE,
    record_every: int | None = None,
    minimum: float | Fit | None = None,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
    **options: Any,
) -> xr.Dataset:
    """Minimise from each start and return the whole paths, to be drawn beside the surface and the posterior.

    For the lowest point alone, with standard errors, use `fit_mle`. What is descended is nll = −log L on the
    unconstrained scale (−(log L + w log prior) for an `Objective` with a ``prior_weight``): plain gradient descent is
    ``theta -= learning_rate * d nll / d theta``.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        Left out, the model of the surrounding ``with`` block.
    optimizer : str, callable, or a sequence or mapping of these
        By name, in any case: ``sgd``, ``momentum``, ``nesterov``, ``adagrad``, ``adadelta``, ``rmsprop``, ``adam``,
        ``adamax``, which are PyMC's own; ``gradient_descent`` (with a line search); ``newton`` (exact Hessian, its
        eigenvalues made positive, line search); ``natural_gradient`` (line search along −F⁻¹∇, F the expected Fisher
        information where it is known in closed form, else
        the empirical one of the observations' scores, damped, which wants more observations than parameters);
        ``l-bfgs`` and every other method of ``better_optimize.minimize``. A callable is of the form of PyMC's, such
        as ``pm.adam(learning_rate=0.1)``, or a function ``(loss_or_grads, params) -> updates``, which is given a list
        with the gradient. Several begin at the same starts, and see the same batches.
    starts : int, points, or a posterior
        As in `fit_mle`: a number, points by name, or what ``pm.sample`` returned.
    steps : int
        Largest number of iterations; 0 gives the starts alone.
    batch_size : int, optional
        Rows of data in each gradient: shuffled epochs, scaled to all data. Only for PyMC's rules and callables; the
        others use all data in any case. The cost follows the batch wherever the model's graph can be cut by rows.
    learning_rate : float, callable or mapping, optional
        A number; a function of the iteration (1, 2, ...), as a schedule; or one of these by optimizer. To a line
        search it is the first length that is tried. Left out: for ``sgd``, ``momentum`` and ``nesterov`` 1 over the
        largest curvature of nll at the start and on a few Newton steps from there; 0.1 for ``adam`` and ``adamax``,
        0.02 for ``rmsprop``, 1 for ``adagrad`` and ``adadelta``, which suit parameters of order one. With batches,
        defaults are smaller where curvature is known, and fall linearly to 0.
    tolerance : float
        A path on all data has converged when Newton's next step would lower −2LL by less; 0 for never.
    record_every : int, optional
        Keep every so many iterations. Left out: all, or with batches so many that their true −2LL costs less than the
        steps do.
    minimum : float or Fit, optional
        The lowest −2LL, if it is known; kept in the attributes for `descent_race` and plots.
    random_seed : int or Generator, optional
        For starts and batches.
    progressbar : bool
        Whether to show progress, once there is something to wait for.
    **options
        Further options of the one optimizer: ``beta1=0.8``, ``maxcor=20``.

    Returns
    -------
    Dataset
        Dims ``chain`` (a start) and ``draw`` (an iteration; 0 is the start), then ``optimizer`` where several were
        given as a list or by name. One variable a parameter on the natural scale with its own dims; ``minus2ll``, of
        all data also for batches; ``grad_norm`` of −2 (log L + w log prior), for batches as their rows estimate it;
        ``step_size``, the length of the step that led here. Lengths are on the unconstrained scale. A path that stopped
        early stays where it stopped. Coordinates: ``status``, ``reason`` and ``n_iterations`` of each path,
        cumulative ``n_evaluations`` (of value and gradient together, or of a Hessian; a batch counts for its share)
        and ``seconds``, and ``theta``, the unconstrained vectors (``theta_unconstrained`` where a parameter has that
        name). Status is ``converged``, ``steps`` (used up), ``diverged``, ``stalled``, ``interrupted`` or ``failed``.

    Raises
    ------
    ValueError
        If an optimizer, an option or a batch size cannot be, or the model has no gradient and the method needs one.
    TypeError
        If a callable is not of PyMC's form.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> path = pml.descend(model, "newton", progressbar=False)
    >>> path["status"].item(), round(float(path["p"][0, -1]), 6)
    ('converged', 0.7)
    """
    steps = checked_count("steps", steps, at_least=0)
    tolerance = checked_number("tolerance", tolerance, at_least=0, advice="leave it out for 1e-8")
    record_every = None if record_every is None else checked_count("record_every", record_every)
    batch_size = None if batch_size is None else checked_count("batch_size", batch_size, advice="leave it out")
    check_run_options(random_seed, progressbar)
    lowest = {} if minimum is None else {"minimum": lowest_of(minimum)}
    objective = objective_of(model)
    objective.refuse_discrete()
    refuse_own_names(objective)
    specs = optimizer_specs(optimizer, learning_rate, options)
    rng = get_random_generator(random_seed, copy=True)
    theta = find_starts(objective, starts, rng).theta
    seeds = [int(seed) for seed in rng.integers(2**63, size=len(theta))]
    batch = _batch(objective, specs, batch_size)
    every = record_every or _default_every(batch, steps)
    descent = _Descent(objective, specs, batch, steps, tolerance, every)
    paths, interrupted = descent.run(theta, seeds, progressbar)
    several = not (isinstance(optimizer, str) or callable(optimizer))
    result = path_dataset(
        objective,
        paths,
        labels=[spec.label for spec in specs] if several else None,
        whole=batch is None and objective.prior_weight == 0 and objective.penalty is None,
    )
    return result.assign_attrs(
        provenance_attributes(
            objective.origin,
            group="descent",
            optimizer=", ".join(spec.label for spec in specs),
            steps=steps,
            tolerance=tolerance,
            batch_size="all" if batch is None else batch.size,
            record_every=every,
            prior_weight=objective.prior_weight,
            status="interrupted" if interrupted else "complete",
            **lowest,
        )
    )


def lowest_of(minimum: float | Fit) -> float:
    """Return the −2LL of a number, or of a Fit."""
    value = minimum.minus2ll if isinstance(minimum, Fit) else minimum
    return checked_number("minimum", value, advice="give the lowest −2LL, or the Fit that has it")


def _batch(objective: Objective, specs: Sequence[OptimizerSpec], batch_size: int | None) -> BatchSlope | None:
    if batch_size is None:
        return None
    if not any(spec.takes_batches for spec in specs):
        raise ValueError(
            f"Expected no batch_size for {specs[0].label}, which uses all data, got {batch_size}: leave it out, or "
            "take sgd, adam or another of PyMC's optimizers."
        )
    return BatchSlope(objective, batch_size)


def _default_every(batch: BatchSlope | None, steps: int) -> int:
    """Keep as many iterations as cost about what the steps do, and some in any case."""
    if batch is None:
        return 1
    records = max(FEWEST_RECORDS, steps * (batch.size + ROWS_OF_A_STEP) // batch.n_rows)
    return max(1, -(-steps // records))


@dataclass(frozen=True)
class _Descent:
    """What all paths of one call share."""

    objective: Objective
    specs: Sequence[OptimizerSpec]
    batch: BatchSlope | None
    steps: int
    tolerance: float
    every: int

    def run(self, theta: Array, seeds: Sequence[int], progressbar: bool) -> tuple[list[list[DescentPath]], bool]:
        """Run each optimizer from each start; Ctrl-C leaves the paths made so far, and the others at their starts."""
        paths = [
            [self._new_path(spec, start, seed) for spec in self.specs] for start, seed in zip(theta, seeds, strict=True)
        ]
        interrupted = False
        label = ", ".join(spec.label for spec in self.specs)
        with DelayedProgressBar(
            f"Descending by {label}", self.steps * len(theta) * len(self.specs), progressbar
        ) as bar:
            for chain in paths:
                for spec, path in zip(self.specs, chain, strict=True):
                    interrupted = interrupted or self._run(spec, path, bar)
                    if interrupted:
                        path.interrupt()
                    bar.advance(self.steps - path.iteration)
        return paths, interrupted

    def _run(self, spec: OptimizerSpec, path: DescentPath, bar: DelayedProgressBar) -> bool:
        """Run one optimizer to its end; return whether Ctrl-C came first."""
        path.tell = partial(bar.advance, 1)
        convergence = ConvergenceTest(self.objective, self.tolerance)
        try:
            if path.price == 1.0 and spec.needs_gradient and spec.method != "newton":
                path.arrived = convergence
            path.begin()
            spec.run(path, self.objective, convergence, self.batch if spec.takes_batches else None)
        except Stop:
            pass
        except KeyboardInterrupt:
            return True
        return False

    def _new_path(self, spec: OptimizerSpec, start: Array, seed: int) -> DescentPath:
        """Return a path that has not begun."""
        function = self._function(spec, seed)
        path = DescentPath(function, start, self.steps, self.every, needs_gradient=spec.needs_gradient)
        if self.batch is not None and spec.takes_batches:
            path.price = self.batch.share
        return path

    def _function(self, spec: OptimizerSpec, seed: int) -> ValueAndGradient:
        if not spec.needs_gradient:
            return _value_only(self.objective)
        if self.batch is None or not spec.takes_batches:
            return self.objective.value_and_gradient_function()
        batch, rows = self.batch, self.batch.batches(np.random.default_rng(seed))
        return lambda theta: batch(theta, next(rows))


def _value_only(objective: Objective) -> ValueAndGradient:
    """Return the value with a gradient of NaN, for a method that needs none."""
    engine = objective.engine("density", objective.names)
    nowhere = np.full(objective.size, np.nan)

    def value(theta: Array) -> tuple[float, Array]:
        objective.use_data()
        try:
            out: Mapping[str, Any] = dict(zip(engine.names, engine.one(theta), strict=True))
        except (ArithmeticError, AssertionError, IndexError, ValueError):
            return np.inf, nowhere
        return float(objective.total(out)), nowhere

    return value
