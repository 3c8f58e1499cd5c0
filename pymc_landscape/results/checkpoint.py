"""A result kept on disk while it is made, so that work that was stopped goes on from there.

The store is a zarr directory with what the verb returns, as far as it has come: ``xr.open_zarr`` reads it at any time.
"""

from __future__ import annotations

import shutil
import time
import warnings
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

import xarray as xr

# What keeping takes is to stay below this share of the time; nothing that takes less than a second is lost.
SHARE = 0.05
SECONDS = 1.0


class Checkpoint:
    """Where a result is kept, whole, each time that it has grown.

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
        self._kept_at, self._took = time.perf_counter(), 0.0

    def load(self) -> xr.Dataset | None:
        """Return what is kept; None where nothing is.

        Raises
        ------
        ValueError
            If something else is there.
        """
        if self.path is None or not _found(self.path):
            return None
        kept = open_store(self.path).load()
        if kept.attrs.get("group") != self.group:
            raise ValueError(
                f"Expected a store of the group {self.group!r}, got {kept.attrs.get('group')!r} in {self.path}: name "
                "another, or delete it."
            )
        return kept

    @property
    def is_due(self) -> bool:
        """Whether enough has been done since the result was last kept."""
        since = time.perf_counter() - self._kept_at
        return self.path is not None and since > max(SECONDS, self._took / SHARE)

    def save(self, result: xr.Dataset) -> None:
        """Keep a result in the place of the earlier one, of which nothing is lost before this one is written."""
        if self.path is None:
            return
        began, new, old = time.perf_counter(), _beside(self.path, "new"), _beside(self.path, "old")
        shutil.rmtree(new, ignore_errors=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr's, on words, whose way of storing may yet change
            result.to_zarr(new, mode="w", consolidated=False)
        if self.path.exists():
            self.path.rename(old)
        new.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)
        self._kept_at = time.perf_counter()
        self._took = self._kept_at - began


def require_zarr() -> None:
    """Refuse to go on without zarr."""
    if find_spec("zarr") is None:
        raise ImportError("Expected the package zarr for store=..., got none: pip install 'pymc-landscape[zarr]'.")


def open_store(path: Path) -> xr.Dataset:
    """Open a store; its arrays are read where they are looked at."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened: xr.Dataset = xr.open_zarr(path, chunks=None, consolidated=False)
    except Exception as error:
        raise ValueError(f"Expected a zarr store in {path}, got something else: name another, or delete it.") from error
    return opened


def _found(path: Path) -> bool:
    """Whether a store is there, also where the process ended while one took the place of the other."""
    new, old = _beside(path, "new"), _beside(path, "old")
    if not path.exists() and old.exists():
        (new if new.exists() else old).rename(path)
    return path.exists()


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.name}.{word}")
