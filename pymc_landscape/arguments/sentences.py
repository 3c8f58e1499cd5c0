"""The sentences with which verbs refuse: what was expected, what came, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Number
from typing import Any

# What is written out in a refusal is no longer than this; else its type is named.
LONGEST = 60


def closest(word: str, known: Iterable[str], limit: int = 8) -> str:
    """List the known names, the closest to `word` first, for an error message."""
    known = list(known)
    near = get_close_matches(str(word), known, n=3, cutoff=0.4)
    ordered = near + [name for name in known if name not in near]
    more = f", ... ({len(ordered)} in all)" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more


def unknown_name(expected: str, name: object, known: Iterable[str], advice: str = "use", limit: int = 8) -> ValueError:
    """Return the refusal of a name that is none of the known ones, which it lists.

    Examples
    --------
    >>> unknown_name("a parameter", "bta", ["alpha", "beta"])
    ValueError("Expected a parameter, got 'bta': use beta, alpha.")
    """
    return ValueError(f"Expected {expected}, got {name!r}: {advice} {closest(str(name), known, limit)}.")


def wrong_type(expected: str, value: object, advice: str) -> TypeError:
    """Return the refusal of a value of another type.

    Examples
    --------
    >>> wrong_type("draws", 3, "pass what pm.sample returned")
    TypeError('Expected draws, got int: pass what pm.sample returned.')
    """
    return TypeError(f"Expected {expected}, got {type(value).__name__}: {advice}.")


def told(value: Any) -> str:
    """Write a value that was refused: short ones as they are, others by their type.

    Examples
    --------
    >>> told("95%"), told(2.5), told([0.5, 2]), told(object())
    ("'95%'", '2.5', '[0.5, 2]', 'object')
    """
    plain = value is None or isinstance(value, str | bytes | Number | list | tuple | dict | set | frozenset)
    written = repr(value) if plain or getattr(value, "shape", None) == () else ""
    return written if 0 < len(written) <= LONGEST and "\n" not in written else type(value).__name__


def refused(expected: str, value: Any, advice: str, *, by_type: bool) -> TypeError | ValueError:
    """Return the refusal of a value: a TypeError where no value of its type would do, else a ValueError.

    Examples
    --------
    >>> refused("draws to be at least 1", -1, "leave it out", by_type=False)
    ValueError('Expected draws to be at least 1, got -1: leave it out.')
    """
    return (TypeError if by_type else ValueError)(f"Expected {expected}, got {told(value)}: {advice}.")
