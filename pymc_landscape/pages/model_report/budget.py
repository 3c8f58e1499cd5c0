"""How much of each section a report affords: decided by the model's size, so that a report comes out the same again."""

from __future__ import annotations

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.objective import affordable_evaluations
from pymc_landscape.optimize import Fit

# Parameters whose profiles are drawn, and whose intervals are computed where evaluations are cheap.
MOST_PROFILES, MOST_INTERVALS = 12, 60
# Profiles that are drawn where each takes long.
MOST_DEAR = 3
# Parameters of which joint regions are drawn, all pairs.
MOST_REGIONS = 4
# Points an axis of a surface.
NUM = 41
# Data sets that are simulated for the check of Wilks' theorem: enough for the 95 % point of a picture.
SIMULATED = 200
# Evaluations that the operation count of `affordable_evaluations` calls cheap, and dear.
CHEAP, DEAR = 150, 20
# Observations whose influence is looked at.
MOST_OBSERVATIONS = 5_000


@dataclass(frozen=True)
class Budget:
    """What a report affords.

    Parameters
    ----------
    evaluations : int
        How many evaluations with derivatives are a small part of a first fit.
    labels : tuple of str
        All elements of the parameters.
    n_observations : int
        Number of observed elements.
    is_integral : bool
        Whether each evaluation is an integral over random effects.
    """

    evaluations: int
    labels: tuple[str, ...]
    n_observations: int
    is_integral: bool

    @classmethod
    def of(cls, fit: Fit) -> Budget:
        """Return the budget of a fit's model.

        Nobody knows what a black box costs. It has no derivatives, and a gradient by differences costs one more value
        than there are parameters: so many times less is afforded than of what is cheap. A clock would know more, and
        a slower machine would write another report.
        """
        objective = fit.objective
        labels = tuple(label for v in objective.variables for label in v.labels)
        evaluations = affordable_evaluations(objective) or CHEAP // (1 + objective.size)
        return cls(evaluations, labels, objective.n_observations, objective.is_integral)

    @property
    def is_cheap(self) -> bool:
        """Whether a few hundred evaluations more are nothing."""
        return self.evaluations >= CHEAP

    @property
    def intervals(self) -> list[str]:
        """Parameters whose profile intervals are computed."""
        return list(self.labels[: MOST_INTERVALS if self.is_cheap else MOST_PROFILES])

    @property
    def profiles(self) -> list[str]:
        """Parameters whose profiles are drawn."""
        return list(self.labels[: MOST_PROFILES if self.evaluations >= DEAR else MOST_DEAR])

    @property
    def region_method(self) -> str:
        """How joint regions are found: vertex by vertex, or sketched from the profiles."""
        return "exact" if self.is_cheap else "traces"

    @property
    def profiles_surfaces(self) -> bool:
        """Whether a surface is minimised over the other parameters at each of its points."""
        return self.is_cheap and len(self.labels) <= MOST_PROFILES

    @property
    def simulated(self) -> int:
        """How many data sets are simulated; 0 for none."""
        return SIMULATED if self.is_cheap and not self.is_integral else 0

    @property
    def influence(self) -> str:
        """Why influence is not looked at; empty where it is."""
        if self.n_observations > MOST_OBSERVATIONS:
            return (
                f"{self.n_observations:,} observations are more than the {MOST_OBSERVATIONS:,} that a report looks at"
            )
        return "each evaluation of this model takes long" if self.evaluations < DEAR // 2 else ""

    @property
    def optimizers(self) -> list[str]:
        """Optimisers whose descent is shown."""
        quick = ["newton", "l-bfgs"]
        return [*quick, "adam", "gradient_descent"] if self.evaluations >= DEAR else quick
