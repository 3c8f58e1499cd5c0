"""PyMC's progress bar, shown only once there is something to wait for."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Any

from pymc.progress_bar import create_simple_progress

# A bar that flashes up and is gone says nothing, and drawing it takes longer than a small grid.
SHOWN_AFTER = 0.5
# Where nobody watches, as in a build of documents or a batch job, this set to 0 leaves all bars off.
SWITCH = "PYMC_LANDSCAPE_PROGRESSBAR"


class DelayedProgressBar:
    """A progress bar that appears when the work has taken half a second.

    Parameters
    ----------
    description : str
        What is going on.
    total : int
        How much there is to do.
    progressbar : bool
        Whether to show it at all; no bar is shown where the environment variable ``PYMC_LANDSCAPE_PROGRESSBAR`` is 0.
    """

    def __init__(self, description: str, total: int, progressbar: bool):
        self.description, self.total, self.wanted = (
            description,
            total,
            bool(progressbar) and os.environ.get(SWITCH) != "0",
        )
        self.done = 0
        self._start = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> DelayedProgressBar:
        """Start the clock."""
        self._start = time.perf_counter()
        return self

    def advance(self, amount: int) -> None:
        """Note that `amount` more is done."""
        self.done += amount
        if self._bar is not None:
            self._bar.advance(self._task, amount)
        elif self.wanted and time.perf_counter() - self._start > SHOWN_AFTER:
            self._bar = create_simple_progress(progressbar=True)
            self._bar.__enter__()
            self._task = self._bar.add_task(self.description, completed=self.done, total=self.total)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.__exit__(kind, error, traceback)
