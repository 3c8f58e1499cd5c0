"""Functions of SciPy that are compiled, without waiting for the packages that hold them.

``scipy.special`` and ``scipy.linalg`` take a tenth of a second to import, half of a small model's first fit: they write
docstrings and import one another. Special functions of arrays and LAPACK's routines are in two compiled files, which
load in a millisecond. They are the same machine code as the functions of the packages: no digit depends on what was
imported.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

import scipy


@cache
def special_function(name: str) -> Any:
    """Return a function of ``scipy.special``.

    Parameters
    ----------
    name : str
        That of a universal function, such as ``"gammaln"``.

    Raises
    ------
    AttributeError
        If there is none of this name.
    """
    return _function("special", "_special_ufuncs", name)


@cache
def lapack(name: str) -> Any:
    """Return a routine of ``scipy.linalg.lapack``, such as ``"dgesv"``.

    Raises
    ------
    AttributeError
        If there is none of this name.
    """
    return _function("linalg.lapack", "_flapack", name)


def _function(package: str, file: str, name: str) -> Any:
    found = getattr(_compiled(package.partition(".")[0], file), name, None)
    return found or getattr(import_module(f"scipy.{package}"), name)


@cache
def _compiled(package: str, file: str) -> Any:
    """Load a compiled file of a package; None where SciPy has no such file."""
    found = PathFinder.find_spec(f"scipy.{package}.{file}", [f"{folder}/{package}" for folder in scipy.__path__])
    with suppress(ImportError):
        if found is not None and found.loader is not None:
            loaded = module_from_spec(found)
            found.loader.exec_module(loaded)
            return loaded
    return None
