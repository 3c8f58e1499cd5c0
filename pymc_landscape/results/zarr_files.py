"""Datasets as files of a zarr hierarchy, each chunk with a checksum; read again, or refused in a sentence."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.results.store_record import ROOT, DamagedStoreError, StoreRecord, damaged
from pymc_landscape.results.stored_labels import with_own_names

# Bytes that are read at once.
AT_ONCE = 2**26
Box = tuple[slice, ...]


@contextmanager
def zarr_settings() -> Iterator[None]:
    """Write chunks of NaN as well, so that one that is missing was lost; silence warnings on how strings are stored."""
    import zarr  # an optional dependency

    with warnings.catch_warnings(), zarr.config.set({"array.write_empty_chunks": True}):
        warnings.simplefilter("ignore")
        yield


def checksums() -> tuple[Any, ...]:
    """Return what is done to the bytes of a chunk: most digits of a log density are noise, and nothing is packed."""
    from zarr.codecs import Crc32cCodec

    return (Crc32cCodec(),)


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Tell in a sentence what zarr, xarray or the system raise as a store is read."""
    try:
        with zarr_settings():
            yield
    except DamagedStoreError:
        raise
    except PermissionError as error:
        raise ValueError(
            f"Expected a store that can be read in {path}, got one that cannot ({error.strerror}): name another path."
        ) from error
    except Exception as error:
        raise damaged(path, f"{type(error).__name__}: {error}".split("\n")[0][:200]) from error


def write_groups(path: Path, groups: Mapping[str, xr.Dataset]) -> None:
    """Write Datasets as the root, or as groups of it."""
    with zarr_settings():
        for name, group in groups.items():
            group.drop_encoding().to_zarr(
                path,
                group=None if name == ROOT else name,
                mode="w-",
                consolidated=False,
                zarr_format=3,
                encoding={variable: {"compressors": checksums()} for variable in group.variables},
            )


def open_groups(path: Path, record: StoreRecord) -> dict[str, xr.Dataset]:
    """Open the groups of a store; arrays are read from disk when they are used, and know their chunks there."""
    groups = {}
    with refusals(path):
        for name, attrs in record.attrs.items():
            group = xr.open_zarr(
                path, group=None if name == ROOT else name, chunks=None, consolidated=False, zarr_format=3
            )
            coords = [coord for coord in record.coords[name] if coord in group.data_vars]
            groups[name] = with_own_names(_with_chunks_alone(group.set_coords(coords)), record.names)
            groups[name].attrs = dict(attrs)
    return groups


def _with_chunks_alone(group: xr.Dataset) -> xr.Dataset:
    """Drop how arrays were encoded, but in which chunks: who reads parts of them does so along these."""
    bare = group.drop_encoding()
    for name, array in group.data_vars.items():
        bare[name].encoding = {"preferred_chunks": array.encoding["preferred_chunks"]}
    return bare


def check_arrays(path: Path, record: StoreRecord, boxes: Mapping[str, Iterator[Box]]) -> None:
    """Refuse a store that is not what was written: each file is there, and its checksum right.

    Parameters
    ----------
    path : Path
        The store.
    record : StoreRecord
        Which arrays it has.
    boxes : mapping of str to boxes
        Parts of arrays that were written, by path; of others, all was.

    Raises
    ------
    DamagedStoreError
        With what was lost.
    """
    import zarr

    record.refuse_other_arrays(path)
    with refusals(path):
        root: Any = zarr.open_group(path, mode="r", zarr_format=3)
        for node, digest in record.nodes.items():
            if digest:
                array = root[node]
                whole = (tuple(slice(0, n) for n in array.shape),)
                for box in boxes.get(node, whole):
                    _check_box(path, node, array, box)


def _check_box(path: Path, node: str, array: Any, box: Box) -> None:
    for file in chunk_files(path / node, array, box):
        if not file.is_file():
            raise damaged(path, f"a chunk of {node!r} is missing")
    if not box:
        array[()]
        return
    own = max(1, 8 * int(np.prod([along.stop - along.start for along in box[1:]])))
    step = max(1, AT_ONCE // own // array.chunks[0]) * array.chunks[0]
    for start in range(box[0].start - box[0].start % array.chunks[0], box[0].stop, step):
        array[(slice(max(start, box[0].start), min(start + step, box[0].stop)), *box[1:])]


def chunk_files(folder: Path, array: Any, box: Box) -> Iterator[Path]:
    """Yield the files of the chunks in which a part of an array lies."""
    along = [range(a.start // n, -(-a.stop // n)) for a, n in zip(box, array.chunks, strict=True)]
    for index in product(*along):
        yield folder.joinpath("c", *map(str, index))
