"""A lock on a store: a file beside it, held by one process at a time and given up by the system with its owner."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

# What a file system says that knows no locks: then there is none.
NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
OURS = "pymc_landscape"


class StoreLock:
    """The right to write a store.

    Parameters
    ----------
    path : Path
        The store; the file is hidden beside it, and gone again once the lock is.
    """

    def __init__(self, path: Path):
        self.store, self.path = path, path.with_name(f".{path.name}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        ValueError
            If another call has it, or the file is somebody else's.
        OSError
            If no file can be made there.
        """
        while self._descriptor is None:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                if not _lock(descriptor):
                    raise ValueError(
                        f"Expected the store {self.store} to be free, got one that {_owner(descriptor)} is working on: "
                        "wait for it, or name another."
                    )
                if self._is_of_another(descriptor):
                    continue
                self._refuse_foreign(descriptor)
                _write(descriptor, {"locked_by": OURS, "store": self.store.name, **_this_process()})
                self._descriptor = descriptor
            finally:
                if self._descriptor is None:
                    os.close(descriptor)

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if sys.platform == "win32":  # where an open file cannot be deleted
            os.close(descriptor)
            with contextlib.suppress(OSError):
                self.path.unlink()
            return
        with contextlib.suppress(OSError):
            self.path.unlink()  # while it is locked: who waits for it finds another file in its place, or none
        os.close(descriptor)

    def _is_of_another(self, descriptor: int) -> bool:
        """Whether the file was deleted by the owner before, after it was opened here."""
        try:
            return not os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return True

    def _refuse_foreign(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size and _read(descriptor).get("locked_by") != OURS:
            raise ValueError(
                f"Expected no file {self.path} beside the store {self.store}, got one that is no lock of it: "
                "move it, or name another store."
            )


def _lock(descriptor: int) -> bool:
    """Lock a file if nobody else has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 2**30, os.SEEK_SET)  # beyond what is written, which others may read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        if error.errno not in NO_LOCKS:
            raise
    return True


def _this_process() -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat()}


def _write(descriptor: int, told: dict[str, str | int]) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(told).encode())


def _read(descriptor: int) -> dict[str, object]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        told = json.loads(os.read(descriptor, 4096))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _owner(descriptor: int) -> str:
    told = _read(descriptor)
    if "pid" not in told:
        return "another process"
    return f"process {told['pid']} on {told.get('host')}, since {told.get('since')},"
