"""The nearest known names, for error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(word: str, known: Iterable[str], limit: int = 8) -> str:
    """List the known names, the closest to `word` first, for an error message."""
    known = list(known)
    near = get_close_matches(word, known, n=3, cutoff=0.4)
    ordered = near + [name for name in known if name not in near]
    more = f", ... ({len(ordered)} in all)" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more
