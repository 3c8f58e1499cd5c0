"""Work that ends before it is whole: by Ctrl-C, or because a cluster is no more. What is finished is kept, and said.

Both are one event to whoever asked: some units are there and others are not. They are told by one warning, made here,
of which only the first words differ; where no unit is finished there is nothing to keep, and what stopped the work is
raised as it is.
"""

from __future__ import annotations

import warnings
from typing import Final


class ClusterLost(ConnectionError):
    """The scheduler of a cluster, or the connection to it, is no more."""


type Stop = KeyboardInterrupt | ClusterLost

# What ends work early, for ``except``.
STOPS: Final = (KeyboardInterrupt, ClusterLost)


def why_stopped(stopped: Stop) -> str:
    """Say what ended the work, in the first words of a sentence."""
    return "The connection to the scheduler was lost" if isinstance(stopped, ClusterLost) else "Interrupted"


def warn_of_part(stopped: Stop, done: str, stacklevel: int = 3) -> None:
    """Warn that a result is a part.

    Parameters
    ----------
    stopped : KeyboardInterrupt or ClusterLost
        What ended the work.
    done : str
        What there is, and what of the rest: ``"3 of 9 starts were searched"``.
    stacklevel : int
        As in `warnings.warn`, from the caller's place.
    """
    warnings.warn(f"{why_stopped(stopped)}: {done}.", stacklevel=stacklevel + 1)
