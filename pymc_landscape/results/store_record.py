"""What the root of a store says of it: of what it was made, which arrays it has, how far it has come; with a checksum.

It stands as one text in an attribute of the root, beside the attributes of the result, which it repeats: those that
were changed or lost are as they were. It is written last, in one step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.results.store_directory import RECORD, ROOT_FILE, replace_file

# The name of a group that is the root itself, so that ``xr.open_zarr`` reads the store.
ROOT = "/"
FORMAT = 1
# Two processes compute a number to about 1e-15 of its size, and a sum of many terms to somewhat less.
TOLERANCE = 1e-9

# What a result is made of, by what another one is called in a sentence: a digest or another text, a number, several, or
# such by name.
Origin = Mapping[str, Any]


class DamagedStoreError(ValueError):
    """A store is not what was written."""


@dataclass
class StoreRecord:
    """What a store says of itself.

    Parameters
    ----------
    group : str
        What the result is, as the attribute ``group`` of a result says.
    made_of : dict
        What the numbers depend on.
    attrs : dict of str to dict
        Attributes of each group of the result; `ROOT` is the root's own.
    nodes : dict of str to str
        The arrays, by path, with a digest of their metadata; groups with none.
    coords : dict of str to list of str
        Names of the coordinates of each group.
    beside : dict
        Attributes of the root by which xarray knows its coordinates.
    names : dict of str to str
        Names of variables and dims that no file can bear, by those that they have in the store.
    finished : int
        How many rows are finished, where they are counted.
    tally : dict of str to int
        What was counted in them.
    """

    group: str
    made_of: dict[str, Any]
    attrs: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    coords: dict[str, list[str]] = field(default_factory=dict)
    beside: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    finished: int = 0
    tally: dict[str, int] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the root's metadata, in one step."""
        told = {"format": FORMAT, **asdict(self)}
        text = json.dumps({**told, "checksum": _checksum(told)}, default=_plain)
        attributes = {**self.attrs.get(ROOT, {}), **self.beside, RECORD: text}
        root = {"attributes": attributes, "zarr_format": 3, "node_type": "group"}
        replace_file(path / ROOT_FILE, json.dumps(root, indent=2, default=_plain).encode())

    def take_files(self, path: Path, groups: Mapping[str, xr.Dataset]) -> None:
        """Note what is in a directory, where these groups were written."""
        self.coords = {name: [str(coord) for coord in group.coords] for name, group in groups.items()}
        written = _metadata(path / ROOT_FILE).get("attributes", {})
        self.beside = {name: written[name] for name in written if name not in self.attrs.get(ROOT, {})}
        for file in sorted(path.glob(f"*/**/{ROOT_FILE}")):
            node = file.parent.relative_to(path).as_posix()
            self.nodes[node] = "" if _metadata(file).get("node_type") == "group" else metadata_digest(file)

    def refuse_other_arrays(self, path: Path) -> None:
        """Refuse a store whose arrays are not those that were written, or lie otherwise."""
        for node, digest in self.nodes.items():
            if digest and metadata_digest(path / node / ROOT_FILE) != digest:
                raise damaged(path, f"what is known of {node!r} was changed")

    def differences(self, made_of: Origin) -> list[str]:
        """Return in words what the numbers depend on that is not as it was."""
        every = [*made_of, *(word for word in self.made_of if word not in made_of)]
        return [word for word in every if not _is_same(self.made_of.get(word), made_of.get(word))]


def read_record(path: Path) -> StoreRecord | None:
    """Return the record of a store; None where there is no zarr store, or none of ours.

    Raises
    ------
    DamagedStoreError
        If it is one of ours, and was changed.
    """
    try:
        attributes = _metadata(path / ROOT_FILE)["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(attributes, dict) or RECORD not in attributes:
        return None
    try:
        told = json.loads(attributes[RECORD])
        checksum = told.pop("checksum")
        is_whole, is_ours = checksum == _checksum(told), told.pop("format") == FORMAT
        record = StoreRecord(**told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, "its record cannot be read") from error
    if not is_ours:
        raise ValueError(f"Expected a store of this version, got one of another in {path}: name another, or delete it.")
    if not is_whole:
        raise damaged(path, "its record was changed")
    return record


def damaged(path: Path, why: str) -> DamagedStoreError:
    """Return the refusal of a store that lost something."""
    return DamagedStoreError(
        f"Expected the store {path} as it was written, got a damaged one ({why}): delete it and run again."
    )


def other_store(path: Path, expected: str, got: str = "another") -> ValueError:
    """Return the refusal of a store that was made of something else."""
    return ValueError(f"Expected a store of {expected}, got {got} in {path}: name another, or delete it.")


def metadata_digest(file: Path) -> str:
    """Return a digest of the metadata of an array."""
    try:
        return _digest(_metadata(file))
    except (OSError, ValueError) as error:
        raise damaged(file.parent, "its metadata cannot be read") from error


def _metadata(file: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(file.read_bytes())
    return told


def _digest(told: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(told, sort_keys=True, default=_plain).encode(), digest_size=16).hexdigest()


def _checksum(told: Mapping[str, Any]) -> str:
    return _digest({name: value for name, value in told.items() if name != "checksum"})


def _plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's."""
    return np.asarray(value).tolist()


def _is_same(kept: Any, ours: Any) -> bool:
    """Whether texts are the same, and numbers to rounding."""
    if isinstance(kept, dict) and isinstance(ours, dict):
        return kept.keys() == ours.keys() and all(_is_same(kept[name], ours[name]) for name in kept)
    if kept is None or ours is None or isinstance(kept, str) or isinstance(ours, str):
        return kept is not None and ours is not None and kept == ours
    a, b = np.asarray(kept, dtype=float), np.asarray(ours, dtype=float)
    return a.shape == b.shape and bool(np.allclose(a, b, TOLERANCE, TOLERANCE, equal_nan=True))
