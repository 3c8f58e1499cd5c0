"""A whole result kept on disk while it grows, so that work that was stopped goes on from there.

The store is a zarr directory with what the verb returns, as far as it has come: ``xr.open_zarr`` reads it at any time.
Results that are written row by row, because they may be larger than memory, are kept by `zarr_store` instead.
"""

from __future__ import annotations

import shutil
import time
from os import PathLike
from pathlib import Path

import xarray as xr

from pymc_landscape.results.zarr_store import open_store, other_store, require_zarr, silent_zarr

# Writing takes at most this share of the time, and happens at most once in so many seconds.
SHARE = 0.05
SECONDS = 1.0


class Checkpoint:
    """A store to which a result is written whole, each time that it has grown enough.

    Parameters
    ----------
    path : path, optional
        The store; None keeps nothing.
    group : str
        What the result is, as its attribute ``group`` says.

    Raises
    ------
    ImportError
        If there is a path and no zarr.
    """

    def __init__(self, path: str | PathLike[str] | None, group: str):
        if path is not None:
            require_zarr()
        self.path, self.group = (None if path is None else Path(path)), group
        self._saved_at, self._took = time.perf_counter(), 0.0

    def load(self) -> xr.Dataset | None:
        """Return what is kept; None where nothing is.

        Raises
        ------
        ValueError
            If something else is there.
        """
        if self.path is None or not _is_there(self.path):
            return None
        kept = open_store(self.path).load()
        if kept.attrs.get("group") != self.group:
            raise self.refusal(f"the group {self.group!r}", repr(kept.attrs.get("group")))
        return kept

    def refusal(self, expected: str, got: str) -> ValueError:
        """Return the refusal of what is kept, because it is not what the store was expected to be of."""
        return other_store(self.path or Path(), expected, got)

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the result was last saved."""
        since = time.perf_counter() - self._saved_at
        return self.path is not None and since > max(SECONDS, self._took / SHARE)

    def save(self, result: xr.Dataset) -> None:
        """Replace the earlier result, of which nothing is lost before this one is written."""
        if self.path is None:
            return
        began, new, old = time.perf_counter(), _beside(self.path, "new"), _beside(self.path, "old")
        shutil.rmtree(new, ignore_errors=True)
        with silent_zarr():
            result.to_zarr(new, mode="w", consolidated=False)
        if self.path.exists():
            self.path.rename(old)
        new.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)
        self._saved_at = time.perf_counter()
        self._took = self._saved_at - began


def _is_there(path: Path) -> bool:
    """Whether a store is there, also where the process ended while one replaced the other."""
    new, old = _beside(path, "new"), _beside(path, "old")
    if not path.exists() and old.exists():
        (new if new.exists() else old).rename(path)
    return path.exists()


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.name}.{word}")
