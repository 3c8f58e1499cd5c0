"""Where a result comes from: the attributes that every Dataset carries, as ArviZ's do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata


@cache
def _version(distribution: str) -> str:
    """Read a version once: it takes a millisecond, as long as a small landscape."""
    return metadata.version(distribution)


def provenance_attributes(
    origin: str | Mapping[str, str | int | float] = "", **particulars: str | int | float
) -> dict[str, str | int | float]:
    """Return the attributes of a result.

    Parameters
    ----------
    origin : str or mapping
        Name of the model, empty where it has none; or attributes that say more of it, its name as ``model_name``.
    **particulars : str, int or float
        What is particular to the result. Plain values only, so that netCDF and zarr keep them.

    Returns
    -------
    dict
        ``created_at``, ``creation_library`` and its version, ``inference_library`` and its version, ``model_name``,
        and the particulars.

    Examples
    --------
    >>> provenance_attributes("growth", kind="regular")["kind"]
    'regular'
    """
    return {
        "created_at": datetime.now(UTC).isoformat(),
        "creation_library": "pymc_landscape",
        "creation_library_version": _version("pymc-landscape"),
        "inference_library": "pymc",
        "inference_library_version": _version("pymc"),
        **({"model_name": origin} if isinstance(origin, str) else origin),
        **particulars,
    }
