"""Which parameters are fixed effects, that a restricted likelihood integrates out over a flat measure.

With y = X β + Z u + e, the likelihood of those contrasts of y that X cannot explain is

    log L_R(θ) = log ∫∫ p(y ∣ u, β, θ) p(u ∣ θ) du dβ

(Patterson & Thompson 1971, *Biometrika* 58, 545-554; Harville 1974, *Biometrika* 61, 383-385). It is Laplace's
approximation over (u, β), and exact where the log density is quadratic in both together: there its Hessian is the same
wherever they stand, which products with it show. A block of the Hessian that changes with a third variable tells which
variables do not go together: a correlation and the mean of a series, a coefficient and an effect that it multiplies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Literal

import numpy as np
import pymc as pm
from pymc.distributions.transforms import ZeroSumTransform
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array
from pymc_landscape.arguments import closest
from pymc_landscape.model import FreeVariable
from pymc_landscape.model.latent.laplace import Laplace

# How far, in standard deviations, a density is looked at; and how much of a row of its Hessian may change there.
DISTANCES, SAME_CURVATURE = (1.0, 30.0, 1e3, 1e5), 1e-7
# An eigenvalue of the fixed effects' curvature, in units of its diagonal, that is none; a loading that is named.
NO_CURVATURE, LARGE = 1e-10, 0.1
# Why a parameter with limits to either side is a fixed effect only where it is named.
BOUNDED = "its support is bounded"
# A name that no variable has: all random effects together.
EFFECTS = ""


def possible_fixed_effects(model: pm.Model, variables: Sequence[FreeVariable]) -> dict[str, str]:
    """Return the parameters with the reason why they are no fixed effects; an empty one for those that may be.

    Parameters
    ----------
    model : pm.Model
        Any model.
    variables : sequence of FreeVariable
        Its parameters.

    Returns
    -------
    dict of str to str
        Why each is not to be integrated over all real numbers; `BOUNDED` of one with limits to either side, as a
        vague uniform prior has them.
    """
    free, needed = set(model.free_RVs), set(ancestors([*model.observed_RVs, *model.potentials]))
    parents = {rv: free.intersection(ancestors(rv.owner.inputs)) for rv in model.free_RVs}
    own = [model[v.name] for v in variables]

    def reason(v: FreeVariable) -> str:
        rv = model[v.name]
        if v.discrete:
            return "it is discrete"
        if parents[rv]:
            return "its prior depends on other parameters: it is a random effect"
        if any(rv in parents[other] for other in own):
            return "the prior of another parameter depends on it"
        if rv not in needed:
            return "no data depend on it"
        if v.elementwise and not v.leans and np.isfinite([v.low, v.high]).all():
            return BOUNDED
        unlimited = v.transform in (None, ZeroSumTransform.name) and not (v.bounded.any() or v.leans)
        return "" if unlimited else "its support is not all real numbers"

    return {v.name: reason(v) for v in variables}


def named_fixed_effects(names: Sequence[str], reasons: Mapping[str, str], latent: Collection[str]) -> tuple[str, ...]:
    """Return the fixed effects that were named, in the model's order.

    Raises
    ------
    ValueError
        If a name is no parameter, or of one that cannot be a fixed effect.
    """
    for name in names:
        if name in latent:
            raise ValueError(
                f"Expected parameters as restricted, got {name!r}, a random effect, which is integrated out over its "
                "own distribution: leave it to latent."
            )
        if name not in reasons:
            raise ValueError(f"Expected parameters of the model as restricted, got {name!r}: {closest(name, reasons)}.")
        if reasons[name] not in ("", BOUNDED):
            raise ValueError(
                f"Expected fixed effects as restricted, parameters that can be any real number, got {name!r}: "
                f"{reasons[name]}; leave it out."
            )
    return tuple(name for name in reasons if name in names)


def chosen_fixed_effects(candidates: Sequence[str], conflicts: Collection[frozenset[str]]) -> tuple[str, ...]:
    """Return the candidates in which, with the random effects, the density is quadratic.

    Parameters
    ----------
    candidates : sequence of str
        Parameters that may be fixed effects.
    conflicts : collection of frozenset of str
        Which of them, and `EFFECTS`, the density is not quadratic in together, as `non_quadratic` returns them.

    Raises
    ------
    ValueError
        If it is quadratic in none, or there is a choice.
    """
    if frozenset([EFFECTS]) in conflicts:
        raise ValueError(
            "Expected a density that is quadratic in the random effects for restricted='auto', got one that is not: "
            "a restricted likelihood is an approximation here, for which fixed effects are named, restricted=[...]."
        )
    alone = {name for name in candidates if any(conflict <= {name, EFFECTS} for conflict in conflicts)}
    chosen = tuple(name for name in candidates if name not in alone)
    mixed = next((conflict for conflict in conflicts if conflict <= {*chosen, EFFECTS}), None)
    if mixed is not None:
        names = " and ".join(sorted(mixed - {EFFECTS}))
        raise ValueError(
            f"Expected parameters in which the log density is quadratic together for restricted='auto', got {names}, "
            "of which it holds for each but not for all: name those to be integrated out, restricted=[...]."
        )
    if not chosen:
        raise ValueError(
            "Expected a parameter in which the log density is quadratic, as coefficients of a linear model are, for "
            "restricted='auto', got none: leave restricted out, or name fixed effects, restricted=[...], and accept "
            "Laplace's approximation."
        )
    return chosen


class FixedEffectsCheck:
    """The curvature of a joint density in its fixed and random effects, here and far away.

    Parameters
    ----------
    laplace : Laplace
        The integral over both.
    effects : sequence of FreeVariable
        All effects, in the integral's order.
    flat : sequence of str
        Names of the fixed ones.
    """

    def __init__(self, laplace: Laplace, effects: Sequence[FreeVariable], flat: Sequence[str]):
        self.laplace, self.here = laplace, laplace.anywhere()
        names = np.repeat([v.name for v in effects], [int(np.prod(v.value_shape)) for v in effects])
        labels = [label for v in effects for label in (v.labels if v.value_shape == v.shape else v.value_labels)]
        self.groups = {name: names == name for name in flat}
        self.fixed = np.flatnonzero(np.isin(names, list(flat)))
        self.labels = [labels[i] for i in self.fixed]
        if len(self.fixed) < len(names):
            self.groups[EFFECTS] = ~np.isin(names, list(flat))
        units = np.zeros((len(self.fixed), len(names)))
        units[np.arange(len(self.fixed)), self.fixed] = 1.0
        self.curvature = laplace.curvature_times(self.here, units)[:, self.fixed]
        diagonal = np.abs(np.diagonal(self.curvature))
        self.scale = np.ones(len(names))
        self.scale[self.fixed] = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))

    def non_quadratic(self) -> list[frozenset[str]]:
        """Return the smallest sets of names in which the log density is not quadratic; empty where it is in all."""
        rng = np.random.default_rng(len(self.scale))
        move, ways = rng.standard_normal((2, len(self.scale)))
        if not self._changed(ways, move).any():
            return []
        conflicts: set[frozenset[str]] = set()
        for (name, inside), (mover, moved) in product(self.groups.items(), repeat=2):
            changed = self._changed(ways * inside, move * moved)
            conflicts |= {frozenset([name, mover, row]) for row, rows in self.groups.items() if changed[rows].any()}
        return [one for one in conflicts if not any(other < one for other in conflicts)]

    def _changed(self, ways: Array, move: Array) -> Array:
        """Return which rows of the Hessian times `ways` change along a move, both in standard deviations."""
        k, direction, everywhere = self.laplace.n_parameters, (ways * self.scale)[None], (self.scale**0)[None]
        before = self.laplace.curvature_times(self.here, direction)[0] * self.scale
        size = np.abs(self.laplace.curvature_times(self.here, everywhere * self.scale)[0] * self.scale) + 1.0
        changed = np.zeros(len(before), dtype=bool)
        for distance, sign in product(DISTANCES, (-1.0, 1.0)):
            there = self.here.copy()
            there[k:] += sign * distance * move * self.scale
            after = self.laplace.curvature_times(there, direction)[0] * self.scale
            changed |= ~(np.abs(after - before) <= SAME_CURVATURE * (size + np.abs(before)))
        return changed

    def refuse_undetermined(self) -> Literal[True]:
        """Refuse fixed effects of which a combination makes no difference: their flat measure has no finite integral.

        Returns
        -------
        True
            Where the data determine them.

        Raises
        ------
        ValueError
            If the design is rank-deficient.
        """
        scale = self.scale[self.fixed]
        values, vectors = np.linalg.eigh(np.nan_to_num(self.curvature * scale * scale[:, None]))
        idle = np.abs(vectors[:, np.abs(values) < NO_CURVATURE]).max(axis=1, initial=0.0) > LARGE
        if idle.any():
            names = ", ".join(label for label, is_idle in zip(self.labels, idle, strict=True) if is_idle)
            raise ValueError(
                f"Expected fixed effects that the data determine, got {names}, of which a combination makes no "
                "difference (the design is rank-deficient): leave out columns, as lme4 does."
            )
        return True
