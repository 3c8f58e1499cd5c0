"""Where a store stands: locked while it is worked on, made beside its place, and moved there whole.

A directory that is not empty cannot be replaced in one step. So the new one is finished in a folder beside the store,
under a name that nobody else has, and marked as ready; then the old one is moved into that folder, and the new one out
of it. A process that is killed leaves the old store in its place, or the new one in the folder, from where the next
one takes it. Of what is in these folders only files that were written by us are deleted.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

from pymc_landscape.results.store_lock import OURS, StoreLock

# In the folder beside a store: what it is, the store that is made, that which it replaces, and whether it is finished.
MARK, NEW, OLD, READY = "pymc_landscape.json", "new", "old", "ready"
SUFFIX = ".partial"
# The file of a group's or an array's metadata; the attribute of a store's root that says what the store is of.
ROOT_FILE, RECORD = "zarr.json", "store"
# Files of a group or an array: metadata, chunks, and what a killed process left of them.
_ZARR_FILE = re.compile(r"zarr\.json|c(/\d+)*|((c/)?(\d+/)*\d+|c|zarr)\.[0-9a-f]{32}\.partial")


class StoreDirectory:
    """The place of a store.

    Parameters
    ----------
    path : path
        The directory of the store, whether it is there or not.

    Attributes
    ----------
    path : Path
        The same, with symbolic links followed.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(os.path.realpath(path))
        self._lock = StoreLock(self.path)
        self._why_read_only: OSError | None = None
        self._beside: Path | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is anything."""
        return self.path.exists()

    def __enter__(self) -> StoreDirectory:
        """Lock the place."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave it."""
        self.close()

    def open(self) -> None:
        """Lock the place, and see to what a process left that was killed.

        Raises
        ------
        ValueError
            If another call is working on the store; if there is none and none can be made.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"Expected a zarr store in {self.path}, got something else, a file: name another path.")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except OSError as error:
            self._why_read_only = error
            if not self.is_there:
                self.require_writable()
            return
        try:
            self._recover()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the place."""
        self._discard()
        self._lock.release()

    def require_writable(self) -> None:
        """Refuse to go on where nothing can be written.

        Raises
        ------
        ValueError
            With what the system says.
        """
        why = self._why_read_only
        if why is None and self.is_there and not os.access(self.path, os.W_OK):
            why = PermissionError(0, "Permission denied")
        if why is not None:
            raise ValueError(
                f"Expected a store that can be written in {self.path}, got one that cannot "
                f"({why.strerror or why}): name another path."
            ) from self._why_read_only

    def new(self) -> Path:
        """Return where a new store is to be made; nothing is there yet."""
        self._discard()
        made = tempfile.mkdtemp(prefix=f".{self.path.name}.", suffix=SUFFIX, dir=self.path.parent)
        self._beside = Path(made)
        (self._beside / MARK).write_text(json.dumps({"made_by": OURS, "store": self.path.name}))
        return self._beside / NEW

    def put_in_place(self) -> None:
        """Put the store that was made in the place of the one before, of which foreign files stay."""
        if self._beside is None:
            raise RuntimeError("nothing was made")
        beside, self._beside = self._beside, None
        sync_tree(beside / NEW)
        (beside / READY).touch()  # empty, so that it is there whole or not at all
        sync_path(beside)
        if self.is_there:
            os.rename(self.path, beside / OLD)
        os.rename(beside / NEW, self.path)
        sync_path(self.path.parent)
        self._clear(beside)

    def _recover(self) -> None:
        """Finish the move of a store that was ready, and delete what else was left by processes that are no more.

        Whoever has the lock is the only one at work here: what is found is nobody's.
        """
        for unfinished in self.path.rglob(f"*{SUFFIX}"):
            if _ZARR_FILE.fullmatch(unfinished.name):
                with contextlib.suppress(OSError):
                    unfinished.unlink()
        for beside in sorted(self.path.parent.glob(f".{_literal(self.path.name)}.*{SUFFIX}")):
            if not beside.is_dir() or beside.is_symlink():
                continue
            if not _is_ours(beside, self.path.name):
                with contextlib.suppress(OSError):
                    beside.rmdir()  # empty, if it is ours
                continue
            if (beside / READY).exists() and (beside / NEW).exists() and not self.is_there:
                os.rename(beside / NEW, self.path)
                sync_path(self.path.parent)
            with contextlib.suppress(OSError):
                self._clear(beside)

    def _discard(self) -> None:
        """Delete what was not finished."""
        if self._beside is not None:
            beside, self._beside = self._beside, None
            with contextlib.suppress(OSError):
                self._clear(beside)

    def _clear(self, beside: Path) -> None:
        """Delete a folder of ours; what others put into the old store goes back to its place."""
        (beside / READY).unlink(missing_ok=True)  # first: now it can be nothing but a rest
        shutil.rmtree(beside / NEW, ignore_errors=True)  # which nobody but us knew
        if (beside / OLD).exists():
            _delete_zarr(beside / OLD, nodes_of(beside / OLD))
            self._give_back(beside / OLD)
        (beside / MARK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            beside.rmdir()

    def _give_back(self, old: Path) -> None:
        for foreign in old.iterdir() if old.exists() else ():
            if not (self.path / foreign.name).exists():
                os.rename(foreign, self.path / foreign.name)
        with contextlib.suppress(OSError):
            old.rmdir()


def _delete_zarr(path: Path, nodes: Collection[str]) -> None:
    """Delete the files of a zarr hierarchy that we wrote, and folders that are empty then; what else is there stays."""
    for node in sorted(nodes, key=len, reverse=True):
        if (path / node).is_dir() and not (path / node).is_symlink():
            _delete_files(path / node, chunks=True)
    _delete_files(path, chunks=False)


def nodes_of(path: Path) -> list[str]:
    """Return the arrays and groups that the record of a store tells of; none where there is no record."""
    try:
        return list(json.loads(json.loads((path / ROOT_FILE).read_text())["attributes"][RECORD])["nodes"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _delete_files(node: Path, chunks: bool) -> None:
    for file in [p for p in (node.rglob("*") if chunks else node.iterdir()) if p.is_file() and not p.is_symlink()]:
        if _ZARR_FILE.fullmatch(file.relative_to(node).as_posix()):
            file.unlink(missing_ok=True)
    folders = [p for p in (node / "c").rglob("*") if p.is_dir()] if chunks else []
    for folder in [*sorted(folders, key=lambda p: len(p.parts), reverse=True), *([node / "c"] if chunks else []), node]:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _is_ours(beside: Path, name: str) -> bool:
    try:
        text = (beside / MARK).read_text()
        told = json.loads(text) if text else {"made_by": OURS, "store": name}  # its owner was killed as it was made
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and (told.get("made_by"), told.get("store")) == (OURS, name)


def _literal(name: str) -> str:
    """Return a name as a pattern that it alone matches."""
    return re.sub(r"([\[*?])", r"[\1]", name)


# --- what reaches the disk -------------------------------------------------------------------------------------------


# What a file system says that cannot be asked to write a directory, or a file that was opened to be read.
NOT_ASKED = {errno.EINVAL, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTSUP}


def replace_file(path: Path, contents: bytes) -> None:
    """Write a file in one step: whoever reads it has the old contents or the new."""
    new = path.with_name(f"{path.stem}.{uuid.uuid4().hex}{SUFFIX}")
    try:
        with open(new, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_path(path.parent)


def sync_path(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk, where the system can be asked."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NOT_ASKED:
            raise


def sync_tree(path: Path) -> None:
    """Wait until all of a directory is on the disk."""
    for folder, _, files in os.walk(path):
        for name in (*files, ""):
            sync_path(Path(folder) / name)
