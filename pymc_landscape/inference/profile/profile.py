"""Profile likelihoods: how far −2LL rises at each value of one quantity, minimised over all else."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, VarNames
from pymc_landscape.arguments import checked_flag, checked_level, repeatable
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint
from pymc_landscape.inference.profile.current_fit import ReferenceFit, copies_of, other_optima, refuse_no_infimum
from pymc_landscape.inference.profile.profile_dataset import TracedProfile, profile_dataset
from pymc_landscape.inference.profile.profile_side import LowerOptimum, ProfileSide
from pymc_landscape.inference.profile.profile_steps import (
    EarlierProfile,
    StoredStep,
    combinations_of,
    is_answered,
    is_of_lower_optimum,
    point_at_step,
    profile_origin,
    resume_of_start,
)
from pymc_landscape.inference.profile.quantities import Quantity, find_quantities
from pymc_landscape.numerics import chi2_cutoff, one_blas_thread
from pymc_landscape.objective import Objective
from pymc_landscape.optimize import Fit, Status, fit_of
from pymc_landscape.results import STOPS, Checkpoint, DelayedProgressBar, Stop, warn_of_part
from pymc_landscape.results.cluster import ClientLike, RangeTasks, checked_client

if TYPE_CHECKING:
    from distributed import Client

# Points between the estimate and the cut-off, as lme4 has them; and how often a lower optimum is gone to.
POINTS, RESTARTS = 8, 3


def profile_likelihood(
    fit: Fit | ModelLike | Objective | None = None,
    var_names: VarNames | None = None,
    *,
    level: float = 0.99,
    resume: xr.Dataset | None = None,
    store: str | PathLike[str] | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
    start: xr.Dataset | None = None,
) -> xr.Dataset:
    """Trace the profile of parameters, Deterministics and linear combinations, out to a confidence level.

    `read_intervals` reads interval ends of any level off it; those of one come sooner from `confidence_intervals`.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        What `fit_mle` returned; a model is fitted first, and left out it is that of the surrounding ``with`` block. Of
        `fit_map`, the profile is the posterior's.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`; left out, what `resume` has, or every element of every free variable.
    level : float
        How far to go: until Δ(−2LL) exceeds the χ²₁ quantile of this level, on either side; beyond 0.95, so that limits
        of that level can be read off.
    resume : Dataset, optional
        An earlier profile of the same fit, to go on from: to a higher level, with more parameters, or after an
        interruption. Its steps are kept as they are, at the distance in ζ that they have.
    store : path, optional
        A zarr store on disk in which the profiles are kept as they come, one parameter after the other. Where it is
        there already, it is resumed, as `resume` is. Needs the package zarr.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster trace the profiles, each a parameter's, with the same numbers.
    progressbar : bool
        Whether to show progress, once there is something to wait for.
    start : Dataset, optional
        The former name of `resume`.

    Returns
    -------
    Dataset
        Dims ``parameter``, ``step`` (signed, 0 at the estimate): ``value`` (natural scale), ``delta_minus2ll``,
        ``zeta`` (its signed root), ``slope`` (of Δ by the value, exact), ``status`` (``estimate``, ``converged``,
        ``kink``, ``at_bound``, ``open``, ``failed``; empty where a side has fewer steps), and ``path`` (also by
        ``parameter_bis``): the natural value of every free element on the way. ``estimate`` and ``standard_error`` by
        ``parameter``; ``support`` by ``parameter`` and ``bound``. Attributes: ``n_evaluations`` of this call, and
        ``completion``, which is ``"interrupted"`` where Ctrl-C kept the steps there were; those of the other parameters
        are NaN, and `resume` goes on with them.

    Raises
    ------
    ValueError
        If the fit has no optimum, nor a value that −2LL falls towards, a name is not known, the level is not in (0, 1),
        `resume` is of another model or other data, or comes with a store that is there or with a `start`.

    Warns
    -----
    UserWarning
        Where a lower optimum was met; it takes the estimate's place, and all profiles are its. After Ctrl-C. Where no
        step could be made on either side, as from corners in which the slopes by several parameters jump.
    FutureWarning
        Where `start` is given, which a later version will not take.

    Notes
    -----
    Steps are equal in ζ. Each is predicted by dν/dψ = −H_νν⁻¹ H_νψ and corrected by a minimisation from there; the
    slope is that of −2LL at the constrained minimum (the envelope theorem).

    A profile may fall again beyond the cut-off. Four further steps, with the nuisance parameters at their optimum at
    each, reach three times as far as the cut-off is from the estimate (on the scale on which the model moves the
    parameter: the logarithm of a positive one), and the local optima of the fit's other starts are tried where they lie
    below it. If −2LL falls, the profile is continued to there; `message` and `read_intervals` tell where the confidence
    set has further intervals. What lies further out is not seen.

    The nuisance parameters may have several local minima. Where a step converges to another one, or where at a side's
    last step another is lower (from the model's initial point, the opposite side, the fit's other starts, and where the
    surface falls again next to the step), the lower one is followed back: a profile is the lower envelope of all. Two
    steps of one value then stand at the corner, the second marked ``kink``.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> fit = pml.fit_mle(model)
    >>> profile = pml.profile_likelihood(fit, "p")
    >>> float(profile["delta_minus2ll"].sel(parameter="p", step=0))
    0.0
    >>> further = pml.profile_likelihood(fit, level=0.9999, resume=profile)
    >>> bool((further["value"].sel(step=profile["step"]) == profile["value"]).all())
    True
    """
    level, progressbar = checked_level("level", level, usual=0.99), checked_flag("progressbar", progressbar)
    resume, var_names = resume if start is None else resume_of_start(start, resume), repeatable(var_names)
    cluster = checked_client(client)
    fit = fit_of(fit, "profile_likelihood", refuse=lambda o: find_quantities(o, var_names), progressbar=progressbar)
    refuse_no_infimum(fit)
    with Checkpoint(store, "profile", "this fit's profile", lambda: profile_origin(fit)) as checkpoint:
        kept = checkpoint.load()
        if kept is not None and resume is not None:
            raise ValueError("Expected resume= or a store to go on from, got both: leave resume out.")
        if kept is not None and is_answered(kept, fit, var_names, level):
            return kept.assign_attrs(n_evaluations=0)
        checkpoint.require_writable()
        resume = kept if kept is not None and not is_of_lower_optimum(kept, fit) else resume
        earlier = EarlierProfile(resume, fit, only_finished=kept is not None) if resume is not None else None
        run = _ProfileRun(fit, _quantities(fit, var_names, earlier, all_kept=store is not None), level, earlier)
        combinations = json.dumps(combinations_of(var_names, earlier))

        def keep() -> None:
            if checkpoint.is_due:
                checkpoint.save(run.dataset("interrupted", combinations))

        for _ in range(RESTARTS + 1):
            if (lower := run.all_sides(progressbar, keep, cluster)) is None:
                break
            run.reference.take(lower)
            run.earlier, run.finished = None, {}
        _warn(run)
        traced = run.dataset("interrupted" if run.stopped else "complete", combinations)
        checkpoint.save(traced, is_last=True)
        return traced


def _quantities(fit: Fit, var_names: VarNames | None, earlier: EarlierProfile | None, all_kept: bool) -> list[Quantity]:
    """Return what is to be profiled: of what was profiled before, what is asked for, or all."""
    if earlier is None:
        return find_quantities(fit.objective, var_names)
    before = earlier.quantities(fit) if var_names is None or all_kept else []
    asked = find_quantities(fit.objective, var_names) if var_names is not None else []
    return list({quantity.label: quantity for quantity in [*before, *asked]}.values())


class _ProfileRun:
    """All profiles that were asked for."""

    def __init__(self, fit: Fit, quantities: Sequence[Quantity], level: float, earlier: EarlierProfile | None):
        self.asked, self.reference, self.quantities = fit, ReferenceFit(fit), quantities
        self.enough = chi2_cutoff(level)
        self.level, self.highest = level, max(level, earlier.level) if earlier is not None else level
        self.zeta_step = earlier.zeta_step if earlier is not None else float(np.sqrt(self.enough)) / POINTS
        self.earlier = earlier
        self.finished = dict(earlier.finished) if earlier is not None else {}
        self.rows: list[TracedProfile] = []
        self.n_evaluations = 0
        self.stopped: Stop | None = None
        self.starts: Sequence[Mapping[str, Array]] = ()
        self.copies: Sequence[Mapping[str, Array]] = ()

    def all_sides(
        self, progressbar: bool, after_each: Callable[[], None], client: Client | None
    ) -> ConstrainedPoint | None:
        """Trace all, here or by workers; return a point lower than the estimate, if one is met."""
        self.rows = []
        self.look_around()
        elsewhere = None if client is None else _traced_by_workers(client, self)
        try:
            with (
                one_blas_thread(),
                DelayedProgressBar("Tracing profiles", 2 * len(self.quantities), progressbar) as bar,
            ):
                for quantity in self.quantities:
                    if elsewhere is None or not self._takes(quantity, next(elsewhere), bar.advance):
                        self.trace(quantity, bar.advance)
                    self.finished[quantity.label] = max(self.level, self.finished.get(quantity.label, 0.0))
                    after_each()
        except LowerOptimum as met:
            return met.point
        except STOPS as stopped:
            if not any(row.sides[0] or row.sides[1] for row in self.all_rows()):
                raise
            self.stopped = stopped
        return None

    def all_rows(self) -> list[TracedProfile]:
        """Return the profiles so far; those that this run has not come to, as they were earlier."""
        untraced = self.quantities[len(self.rows) :] if self.earlier is not None else []
        return [*self.rows, *(self._begun(quantity) for quantity in untraced)]

    def _begun(self, quantity: Quantity) -> TracedProfile:
        estimate = self.reference.estimate_of(quantity)
        sides = self.earlier.sides(quantity) if self.earlier is not None else ([], [])
        return TracedProfile(quantity, estimate, self.reference.standard_error(estimate), sides)

    def dataset(self, completion: str, combinations: str) -> xr.Dataset:
        """Return the profiles so far, with what is known of the run."""
        attrs = {
            "level": self.highest,
            "zeta_step": self.zeta_step,
            "combinations": combinations,
            "finished": json.dumps(self.finished),
            "fit_minus2ll": self.asked.minus2ll,
            "n_evaluations": self.n_evaluations,
            "completion": completion,
        }
        rows, told = self.all_rows(), self.reference.message
        return profile_dataset(self.reference.fit, self.quantities, rows, self.enough, attrs, told)

    def look_around(self) -> None:
        """Find where else the nuisance parameters may begin."""
        self.starts = [self.reference.fit.objective.initial_point(), *other_optima(self.reference.fit)]
        self.copies = copies_of(self.reference.fit)

    def _takes(self, quantity: Quantity, traced: _Traced, advance: Callable[[int], None]) -> bool:
        """Take a profile that a worker traced; return False where that met a lower optimum."""
        if traced is None:
            return False
        self.rows.append(replace(self._begun(quantity), sides=traced[0]))
        self.n_evaluations += traced[1]
        advance(2)
        return True

    def trace(self, quantity: Quantity, advance: Callable[[int], None] = lambda n: None) -> None:
        """Trace both sides of one profile."""
        passes = self.reference.fit.objective.passes
        before = passes.n
        row = self._begun(quantity)
        self.rows.append(row)
        estimate, error, (low, high) = row.estimate, row.error, row.sides
        try:
            if self.finished.get(quantity.label, 0.0) >= self.level:
                _refuse_other_steps(row)
                advance(2)
                return
            away = self.reference.side_at_infinity(estimate)
            # one lowest point, from which a convex surface rises everywhere: where it is constrained it has one as well
            unimodal = self.reference.fit.status is Status.CONVERGED and estimate.is_on_convex_surface
            for side, steps in ((-1.0, low), (1.0, high)):
                if side == away:
                    steps[:] = steps or [self.reference.step_at_infinity(estimate)]
                elif estimate.natural != quantity.bounds[int(side > 0)] and not np.isinf(error):
                    profile_side = ProfileSide(estimate, side, self.zeta_step, steps, bool(away), unimodal)
                    with np.errstate(all="ignore"):  # far out, anything overflows
                        opposite = profile_side.nuisance_starts(low) if side > 0 else []
                        profile_side.extend(self.enough, [*self.starts, *opposite], self.copies)
                advance(1)
        finally:
            self.n_evaluations += passes.n - before


# Both sides of a profile without their points, and evaluations; None where a lower optimum was met.
_Traced = tuple[tuple[list[StoredStep], list[StoredStep]], int] | None


def _traced_by_workers(client: Client, run: _ProfileRun) -> Iterator[_Traced]:
    """Yield what workers trace, a quantity at a time."""
    work = _Tracing(run.reference.fit, run.quantities, run.level, run.earlier)
    tasks = RangeTasks(client, work, "profiles", name=lambda a, b: run.quantities[a].label, most=1)
    for _, _, traced in tasks.over(0, len(run.quantities)):
        yield traced


@dataclass(frozen=True)
class _Tracing:
    """Traces profiles of a fit, by the places of their quantities."""

    fit: Fit
    quantities: Sequence[Quantity]
    level: float
    earlier: EarlierProfile | None

    def __call__(self, start: int, stop: int) -> _Traced:
        """Trace one."""
        run = _ProfileRun(self.fit, self.quantities, self.level, self.earlier)
        run.look_around()
        try:
            with one_blas_thread():
                run.trace(self.quantities[start])
        except LowerOptimum:
            return None
        low, high = ([replace(step, point=None) for step in steps] for steps in run.rows[0].sides)
        return (low, high), run.n_evaluations


def _refuse_other_steps(row: TracedProfile) -> None:
    """Evaluate a step of a finished profile again: of other data, or of another model, it has another height."""
    for step in [steps[-1] for steps in row.sides if steps and steps[-1].state == "converged"][:1]:
        point_at_step(step, row.estimate)


def _is_stuck(steps: Sequence[StoredStep]) -> bool:
    """Whether a side of a profile ended where it began."""
    return len(steps) == 1 and steps[0].state == "failed" and steps[0].rise == 0.0


def _warn(run: _ProfileRun) -> None:
    if run.reference.message:
        warnings.warn(run.reference.message, stacklevel=3)
    stuck = [row.quantity.label for row in run.rows if all(_is_stuck(steps) for steps in row.sides)]
    if stuck:
        warnings.warn(
            f"The profile of {', '.join(stuck)} could not be followed from the estimate, on either side: where slopes "
            "of −2LL jump, as at medians, no minimum across is found; confidence_intervals looks for the ends alone.",
            stacklevel=3,
        )
    if run.stopped:
        done = f"{len(run.rows)} of {len(run.quantities)} profiles were begun; go on with resume="
        warn_of_part(run.stopped, done)
