"""What a search that ran away would have reached: −2LL as low as it is known from where densities still have digits."""

from __future__ import annotations

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.brought_back import FAR, NEAR_ENOUGH, brought_back, far_away
from pymc_landscape.ends import End
from pymc_landscape.search import Found
from pymc_landscape.verdict import Status


def has_infimum(status: Status, found: Found) -> bool:
    """Whether a search ended at the lowest value that there is, or that is approached and never reached."""
    arrived = found.is_minimum or found.left <= NEAR_ENOUGH
    return status is not Status.FAILED and arrived and not found.frame.bottomless


def infimum(end: End, usual: Array) -> float:
    """Return the lowest −2LL that a search reached or ran towards; NaN where it did neither.

    Parameters
    ----------
    end : End
        Where the search ended.
    usual : array (k,)
        An unconstrained vector at which the densities have all their digits.
    """
    found = end.found
    if has_infimum(end.verdict.status, found) and not far_away(found, usual, FAR):
        return found.value
    nearer = brought_back(found, usual)
    return np.nan if nearer is None else nearer.value
