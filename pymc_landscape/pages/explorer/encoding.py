"""Arrays as the page reads them: base64 of little-endian 16-bit codes, a few bytes a number.

Heights above the floor are coded by their roots, so that what is near the floor, where the χ² cut-offs are, keeps its
digits: a code is off by half a step, and Δ by √Δ times that. Everything else is coded evenly between its ends.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array

# Codes of what is no finite number, and the largest of those that are one.
NOT_KNOWN, INFINITE, LARGEST = 65535, 65534, 65533
# Heights above this are drawn nowhere; they keep their order, with the digits of a far larger scale.
HIGHEST = 1e4


def encode_heights(delta: ArrayLike) -> dict[str, Any]:
    """Encode heights above a floor.

    Parameters
    ----------
    delta : array (w, ...)
        Δ for each of w weights, 0 or above; NaN where it is not known, ∞ where there is no likelihood.

    Returns
    -------
    dict
        ``q``, the codes c as text; ``shape``; ``scale`` (w,): Δ = (scale · c / 65533)².
    """
    heights = np.asarray(delta, dtype=float)
    rows = heights.reshape(len(heights), -1)
    kept = np.where(np.isfinite(rows), np.minimum(rows, HIGHEST), 0.0)
    scale = np.sqrt(kept.max(axis=1, initial=0.0))
    scale = np.where(scale > 0, scale, 1.0)
    codes = _marked(np.sqrt(np.maximum(kept, 0.0)) / scale[:, None], rows)
    return {"q": _text(codes), "shape": list(heights.shape), "scale": scale.tolist()}


def encode_numbers(values: ArrayLike) -> dict[str, Any]:
    """Encode numbers evenly between the lowest and the highest.

    Parameters
    ----------
    values : array (...)
        Numbers; NaN and ∞ have codes of their own.

    Returns
    -------
    dict
        ``q``, the codes c as text; ``shape``; ``low`` and ``high``: a value is low + (high − low) · c / 65533.
    """
    numbers = np.asarray(values, dtype=float)
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    width = (high - low) or 1.0
    shares = np.where(np.isfinite(numbers), (numbers - low) / width, 0.0)
    return {"q": _text(_marked(shares, numbers)), "shape": list(numbers.shape), "low": low, "high": low + width}


def json_number(value: float) -> float | None:
    """Return a number as JSON has it: nothing for NaN and infinity, which JSON has no word for."""
    return float(value) if np.isfinite(value) else None


def json_numbers(values: ArrayLike) -> list[float | None]:
    """Return a row of numbers as JSON has it."""
    return [json_number(value) for value in np.ravel(np.asarray(values, dtype=float)).tolist()]


def _marked(shares: Array, values: Array) -> Array:
    codes = np.rint(LARGEST * shares)
    codes = np.where(np.isposinf(values), INFINITE, codes)
    return np.where(np.isnan(values) | np.isneginf(values), NOT_KNOWN, codes)


def _text(codes: Array) -> str:
    return b64encode(codes.astype("<u2").tobytes()).decode("ascii")
