"""Names of variables as a file can bear them, and labels that it can hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

# Kinds of NumPy's types that zarr and netCDF keep.
KINDS = "biufmMU"
# Longer names, in bytes, are cut: file systems bear 255, and their own files need some.
LONGEST = 180
# What no name of a file can have, here or on the way there; and names that mean something else to zarr.
_FORBIDDEN = r"/\\\x00-\x1f\x7f\ud800-\udfff" + (r':*?"<>|' if os.name == "nt" else "")
_RESERVED = re.compile(r"|__.*|\.+|zarr\.json|c", re.IGNORECASE)


def stored_name(name: str) -> str:
    """Return a name that a variable can have in a file; most have it already.

    Examples
    --------
    >>> stored_name("b[kg]"), stored_name("b[km/h]")
    ('b[kg]', 'b[km%2Fh]')
    """
    quoted = re.sub(f"[{_FORBIDDEN}]", lambda found: f"%{ord(found[0]):02X}", name)
    if not _RESERVED.fullmatch(name) and quoted[-1] not in " ." and len(quoted.encode()) <= LONGEST:
        return quoted
    begin = quoted.lstrip("_.").encode()[: LONGEST - 20].decode(errors="ignore")
    return f"{begin}~{blake2b(name.encode(errors='surrogatepass'), digest_size=8).hexdigest()}"


def with_stored_names(result: xr.Dataset) -> tuple[xr.Dataset, dict[str, str]]:
    """Return a result with names that a file can bear, and the names that it had, by those."""
    names = [str(name) for name in dict.fromkeys([*result.variables, *result.dims])]
    taken: dict[str, str] = {}
    for name in names:
        stored = stored_name(name)
        while stored.casefold() in {other.casefold() for other in taken}:  # some file systems know no capitals
            stored = f"{stored}~"
        taken[stored] = name
    changed = {name: stored for stored, name in taken.items() if stored != name}
    renamed = result.rename(changed) if changed else result
    return renamed, {stored: name for name, stored in changed.items()}


def with_own_names(result: xr.Dataset, names: dict[str, str]) -> xr.Dataset:
    """Return a result out of a file with the names that it had."""
    there = {*result.variables, *result.dims}
    changed = {stored: name for stored, name in names.items() if stored in there}
    return result.rename(changed) if changed else result


def refuse_unstorable(result: xr.Dataset) -> None:
    """Refuse labels that a file cannot hold.

    Raises
    ------
    ValueError
        With the first of them.
    """
    for name, labels in result.coords.items():
        if isinstance(result.indexes.get(name), pd.MultiIndex):
            continue  # whose levels are coordinates themselves
        values = labels.to_numpy()
        if values.dtype.kind in KINDS or (values.dtype.kind in "OT" and _are_words(values.ravel())):
            continue
        first = values.ravel()[0]
        raise ValueError(
            f"Expected labels that a file can hold along {name!r}, got {first!r} ({type(first).__name__}): write "
            "numbers, dates of NumPy or text."
        )


def _are_words(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def text_labels(labels: Any) -> np.ndarray[Any, Any]:
    """Return labels along a dim as an array that files can hold; objects (dates, periods, tuples) as their text.

    Dates and durations of NumPy or pandas are NumPy's own, as they are in draws.

    Examples
    --------
    >>> text_labels([("a", 1), ("b", 2)])
    array(["('a', 1)", "('b', 2)"], dtype='<U8')
    """
    array: np.ndarray[Any, Any]
    if isinstance(labels, pd.Index | np.ndarray):
        array = labels.to_numpy() if isinstance(labels, pd.Index) else labels
    else:
        listed = list(labels)
        array = np.empty(len(listed), dtype=object)
        array[:] = listed
    if array.dtype.kind == "O" and array.ndim == 1 and not any(isinstance(label, tuple) for label in array):
        index = pd.Index(array)
        array = index.to_numpy() if index.dtype.kind in "mM" else np.asarray(array.tolist())
    return array if array.dtype.kind in KINDS else np.array([str(label) for label in array], dtype=str)
