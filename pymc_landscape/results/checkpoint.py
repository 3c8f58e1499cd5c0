"""A whole result kept on disk while it grows, so that work that was stopped goes on from there.

The store is a zarr directory with what the verb returns, as far as it has come: ``xr.open_zarr`` reads it at any time.
Each time it is written anew beside the one before, whose place it takes. Results that are written row by row, because
they may be larger than memory, are kept by `zarr_store` instead.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import TracebackType

import xarray as xr

from pymc_landscape.arguments import checked_path
from pymc_landscape.results.store_directory import StoreDirectory
from pymc_landscape.results.store_record import ROOT, Origin, StoreRecord, other_store
from pymc_landscape.results.stored_labels import refuse_unstorable, with_stored_names
from pymc_landscape.results.zarr_files import check_arrays, open_groups, refusals, write_groups
from pymc_landscape.results.zarr_store import record_in, require_zarr

# Writing takes at most this share of the time, and happens at most once in so many seconds.
SHARE = 0.05
SECONDS = 1.0


class Checkpoint:
    """A store to which a result is written whole, each time that it has grown enough; a context, which locks it.

    Parameters
    ----------
    path : path, optional
        The store; None keeps nothing.
    group : str
        What the result is, as its attribute ``group`` says.
    expected : str
        What the store should be of, in words.
    made_of : callable
        Returns what the numbers depend on; asked where there is a store.

    Raises
    ------
    ImportError
        If there is a path and no zarr.
    """

    def __init__(self, path: str | PathLike[str] | None, group: str, expected: str, made_of: Callable[[], Origin]):
        if path is not None:
            checked_path("store", path)
            require_zarr()
        self.place = None if path is None else StoreDirectory(path)
        self.group, self.expected, self._made_of = group, expected, made_of
        self._saved_at, self._took = time.perf_counter(), 0.0
        self._origin: Origin = {}

    def __enter__(self) -> Checkpoint:
        """Lock the store."""
        if self.place is not None:
            self._origin = self._made_of()
            self.place.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave it to others."""
        if self.place is not None:
            self.place.close()

    def load(self) -> xr.Dataset | None:
        """Return what is kept; None where nothing is.

        Raises
        ------
        ValueError
            If something else is there, or what was there is damaged.
        """
        if self.place is None:
            return None
        record = record_in(self.place, self.group, self.expected, self._origin, f"the group {self.group!r}")
        if record is None:
            return None
        check_arrays(self.place.path, record, {})
        kept = open_groups(self.place.path, record)[ROOT]
        with refusals(self.place.path):
            return kept.load()

    def require_writable(self, example: Callable[[], xr.Dataset] | None = None) -> None:
        """Refuse, before the work, a store that cannot be written, and labels of an example that a file cannot hold."""
        if self.place is not None:
            self.place.require_writable()
            if example is not None:
                refuse_unstorable(example())

    def refusal(self, expected: str, got: str) -> ValueError:
        """Return the refusal of what is kept, because it is not what the store was expected to be of."""
        return other_store(self.path, expected, got)

    @property
    def path(self) -> Path:
        """Where the store is."""
        return Path() if self.place is None else self.place.path

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the result was last saved."""
        since = time.perf_counter() - self._saved_at
        return self.place is not None and since > max(SECONDS, self._took / SHARE)

    def save(self, result: xr.Dataset, is_last: bool = False) -> None:
        """Replace the earlier result, of which nothing is lost before this one is written.

        Where it cannot be written the work goes on, and may be written later; the last time, a warning says so.
        """
        if self.place is None:
            return
        began = time.perf_counter()
        try:
            self._write(self.place, result)
        except Exception as error:  # a full disk, for one: the result is worth more than its copy
            if is_last:
                why = (isinstance(error, OSError) and error.strerror) or f"{type(error).__name__}: {error}"
                warnings.warn(f"The result could not be kept in the store {self.place.path} ({why}).", stacklevel=4)
        self._saved_at = time.perf_counter()
        self._took = self._saved_at - began

    def _write(self, place: StoreDirectory, result: xr.Dataset) -> None:
        place.require_writable()
        path = place.new()
        renamed, names = with_stored_names(result)
        write_groups(path, {ROOT: renamed})
        record = StoreRecord(self.group, dict(self._origin), {ROOT: dict(result.attrs)}, names=names)
        record.take_files(path, {ROOT: renamed})
        record.write(path)
        place.put_in_place()
