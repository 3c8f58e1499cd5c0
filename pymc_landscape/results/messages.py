"""The sentences with which verbs refuse: what was expected, what came, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def closest(word: str, known: Iterable[str], limit: int = 8) -> str:
    """List the known names, the closest to `word` first, for an error message."""
    known = list(known)
    near = get_close_matches(word, known, n=3, cutoff=0.4)
    ordered = near + [name for name in known if name not in near]
    more = f", ... ({len(ordered)} in all)" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more


def unknown_name(expected: str, name: str, known: Iterable[str], advice: str = "use", limit: int = 8) -> ValueError:
    """Return the refusal of a name that is none of the known ones, which it lists.

    Examples
    --------
    >>> unknown_name("a parameter", "bta", ["alpha", "beta"])
    ValueError("Expected a parameter, got 'bta': use beta, alpha.")
    """
    return ValueError(f"Expected {expected}, got {name!r}: {advice} {closest(name, known, limit)}.")


def wrong_type(expected: str, value: object, advice: str) -> TypeError:
    """Return the refusal of a value of another type.

    Examples
    --------
    >>> wrong_type("draws", 3, "pass what pm.sample returned")
    TypeError('Expected draws, got int: pass what pm.sample returned.')
    """
    return TypeError(f"Expected {expected}, got {type(value).__name__}: {advice}.")


def require_probability(name: str, value: float, usual: float = 0.95) -> None:
    """Refuse an argument that is no probability strictly between 0 and 1, such as a level in per cent."""
    if not 0 < value < 1:
        raise ValueError(
            f"Expected {name} strictly between 0 and 1, got {value!r}: for {100 * usual:g} % write {usual:g}."
        )


def require_chunks(chunks: int | None, unit: str) -> None:
    """Refuse chunks that hold nothing."""
    if chunks is not None and chunks < 1:
        raise ValueError(f"Expected chunks of at least one {unit}, got {chunks}: leave it out for a size that fits.")


def chosen_methods(method: str | Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the methods that were asked for, one or several, in their order; refuse what is none of the known."""
    methods = [method] if isinstance(method, str) else list(method)
    if not methods or not set(methods) <= set(known):
        raise ValueError(f"Expected method to be one or several of {', '.join(known)}, got {method!r}.")
    return methods
