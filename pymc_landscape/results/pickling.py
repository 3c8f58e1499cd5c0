"""Copies and pickles of what holds a ``pm.Model``: in another place they mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from pickle import PicklingError, Unpickler
from threading import local
from typing import Any, Self, SupportsIndex


class _Nesting(local):
    """Whether this thread is writing a pickle of ours."""

    is_inside = False


_NESTING = _Nesting()


class Portable:
    """What is the same object in a copy, and in another process.

    A model has no pickle of ``pickle``'s, and a deep copy of one has its variables in another order. So a copy, deep or
    not, is of the same model: nothing else in it is ever changed. And a pickle holds one of ``cloudpickle``, in which
    there is one copy of the model.
    """

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if _NESTING.is_inside:
            return super().__reduce_ex__(protocol)
        import cloudpickle

        _NESTING.is_inside = True
        try:
            return cloudpickle.loads, (cloudpickle.dumps(self),)
        except (AttributeError, TypeError, PicklingError) as error:
            raise PicklingError(
                f"Expected a model that can be pickled, got one that holds what cannot ({error}): keep a result's "
                "to_dataset() instead, or build the model in the other process."
            ) from error
        finally:
            _NESTING.is_inside = False


class MadeAnew:
    """What leaves its cached properties behind when it is pickled: compiled functions live in one process."""

    def __getstate__(self) -> dict[str, Any]:
        own = type(self)
        return {k: v for k, v in vars(self).items() if not isinstance(getattr(own, k, None), cached_property)}


def dumps_without(value: Any, known: Mapping[str, Any]) -> bytes:
    """Pickle an object, with names in the places of objects that its reader has.

    Parameters
    ----------
    value : object
        What is pickled.
    known : mapping of str to object
        What the reader has, by name: these very objects, not others that equal them.
    """
    import cloudpickle

    names = {id(one): name for name, one in known.items()}

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def persistent_id(self, one: Any) -> str | None:
            return names.get(id(one))

    file = BytesIO()
    before, _NESTING.is_inside = _NESTING.is_inside, True
    try:
        Pickler(file).dump(value)
    finally:
        _NESTING.is_inside = before
    return file.getvalue()


def loads_with(pickled: bytes, known: Mapping[str, Any]) -> Any:
    """Return what `dumps_without` pickled, with the reader's own objects in their places."""

    class Reader(Unpickler):
        def persistent_load(self, name: Any) -> Any:
            return known[name]

    return Reader(BytesIO(pickled)).load()
