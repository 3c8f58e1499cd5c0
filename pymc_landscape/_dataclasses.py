"""`dataclass`, written when the first object is made: what ``dataclasses`` generates is compiled for used classes only.

A room defines more classes than a call makes objects of, and each takes ``dataclasses`` the better part of a
millisecond: half of what importing the package took.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

LOCK = RLock()  # a class asks its bases first


class _Unwritten:
    """Stands for ``__init__`` and the fields of a class; whoever asks for either has the class written."""

    def __init__(self, cls: type, name: str, options: dict[str, bool]) -> None:
        self.cls, self.name, self.options = cls, name, options

    def __get__(self, instance: object, owner: type) -> Any:
        with LOCK:
            if self.cls.__dict__[self.name] is self:
                self._write()
        found = self.cls.__dict__[self.name]
        return found.__get__(instance, owner) if self.name == "__init__" else found

    def _write(self) -> None:
        """Generate the methods, ``__init__`` last and in one step: other threads see the old one or the new one.

        Where a class has an ``__init__``, ``dataclasses`` leaves it alone; it is taken from a subclass without fields
        of its own.
        """
        dataclasses.dataclass(self.cls, init=False, **self.options)
        names = {"__doc__": self.cls.__doc__, "__module__": self.cls.__module__, "__qualname__": self.cls.__qualname__}
        heir: Any = type(self.cls)(self.cls.__name__, (self.cls,), names)
        dataclasses.dataclass(heir, **self.options | {"eq": False, "repr": False})
        self.cls.__init__ = heir.__init__  # type: ignore[misc]


def _restore(self: Any, state: dict[str, Any]) -> None:
    """Take the state of a pickled object or of a copy, which is made without ``__init__``."""
    dataclasses.fields(self)
    self.__dict__.update(state)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, **options):
        """Do as ``dataclasses.dataclass`` does, with its options for methods, when the class is first used."""
        if cls is None:
            return partial(dataclass, **options)
        if "__init__" in cls.__dict__:
            return dataclasses.dataclass(cls, **options)
        for name in ("__dataclass_fields__", "__init__"):
            setattr(cls, name, _Unwritten(cls, name, options))
        if not hasattr(cls, "__setstate__"):
            cls.__setstate__ = _restore
        return cls
