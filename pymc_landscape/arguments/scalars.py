"""Checks of arguments that are numbers: counts, sizes, levels, switches and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymc_landscape.arguments.sentences import refused, told

SEEDS = np.random.Generator | np.random.BitGenerator | np.random.SeedSequence


def checked_count(name: str, value: Any, *, at_least: int = 1, at_most: float = np.inf, advice: str = "") -> int:
    """Return an argument that counts something as an int; refuse what is no whole number, or out of range.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : Any
        What was given. NumPy's integers and whole floats count too, truth values do not.
    at_least, at_most : int
        The range.
    advice : str
        What to do instead; left out, to give such a number.

    Examples
    --------
    >>> checked_count("draws", np.int64(5)), checked_count("draws", 1e3)
    (5, 1000)
    >>> checked_count("draws", 2.5)
    Traceback (most recent call last):
    ValueError: Expected draws to be a whole number, at least 1, got 2.5: give for example draws=1.
    """
    if type(value) is int and at_least <= value <= at_most:
        return value
    number = _number(value)
    if number is not None and np.isfinite(number) and number == int(number) and at_least <= int(number) <= at_most:
        return int(number)
    limits = f"at least {at_least}" if np.isinf(at_most) else f"from {at_least} to {at_most:.0f}"
    advice = advice or f"give for example {name}={at_least}"
    raise refused(f"{name} to be a whole number, {limits}", value, advice, by_type=number is None)


def checked_number(
    name: str, value: Any, *, above: float = -np.inf, at_least: float = -np.inf, at_most: float = np.inf, advice: str
) -> float:
    """Return an argument that measures something as a float; refuse what is no finite number, or out of range.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : Any
        What was given.
    above, at_least, at_most : float
        The range; `above` does not belong to it.
    advice : str
        What to do instead.

    Examples
    --------
    >>> checked_number("extent", -1, above=0, advice="leave it out for 3")
    Traceback (most recent call last):
    ValueError: Expected extent to be a finite number above 0, got -1: leave it out for 3.
    """
    number = _number(value)
    if number is not None and np.isfinite(number) and number > above and at_least <= number <= at_most:
        return float(number)
    low = f" above {above:g}" if np.isfinite(above) else f", at least {at_least:g}" if np.isfinite(at_least) else ""
    high = f", at most {at_most:g}" if np.isfinite(at_most) else ""
    raise refused(f"{name} to be a finite number{low}{high}", value, advice, by_type=number is None)


def checked_flag(name: str, value: Any) -> bool:
    """Return an argument that is on or off as a bool; 0 and 1 are such, words are not.

    Examples
    --------
    >>> checked_flag("exact", np.True_)
    True
    >>> checked_flag("exact", "no")
    Traceback (most recent call last):
    TypeError: Expected exact to be True or False, got 'no': give one of these.
    """
    if value is True or value is False:
        return value
    if isinstance(value, np.bool_ | int | np.integer) and value in (0, 1):
        return bool(value)
    raise refused(f"{name} to be True or False", value, "give one of these", by_type=True)


def checked_level(name: str, value: Any, *, usual: float = 0.95) -> float:
    """Return a level or another probability as a float; refuse all that does not lie strictly between 0 and 1.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : Any
        What was given.
    usual : float
        What to write in the advice.

    Examples
    --------
    >>> checked_level("level", 95)
    Traceback (most recent call last):
    ValueError: Expected level strictly between 0 and 1, got 95: for 95 % write 0.95.
    """
    number = _number(value)
    if number is not None and 0 < number < 1:
        return float(number)
    expected, write = f"{name} strictly between 0 and 1", f"for {100 * usual:g} % write {usual:g}"
    raise refused(expected, value, write, by_type=number is None)


def checked_levels(name: str, value: Any, *, usual: float = 0.95, any_shape: bool = False) -> NDArray[np.float64]:
    """Return one level or several as an array, () or (n,); refuse none, and those that `checked_level` refuses.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : Any
        A number, or a sequence of numbers.
    usual : float
        What to write in the advice.
    any_shape : bool
        Whether they may be an array of any shape, and one level stand there twice.

    Examples
    --------
    >>> checked_levels("level", (0.5, 0.95))
    array([0.5 , 0.95])
    >>> checked_levels("level", [])
    Traceback (most recent call last):
    ValueError: Expected level to be one number or several strictly between 0 and 1, got []: for 95 % write 0.95.
    """
    if _number(value) is not None:
        return np.asarray(checked_level(name, value, usual=usual))
    levels = _numbers(value)
    if (
        levels is None
        or not (levels.ndim == 1 or any_shape)
        or not ((levels > 0) & (levels < 1)).all()
        or not levels.size
    ):
        expected = f"{name} to be one number or several strictly between 0 and 1"
        raise refused(expected, value, f"for {100 * usual:g} % write {usual:g}", by_type=levels is None)
    if not any_shape and len(np.unique(levels)) < len(levels):
        raise ValueError(f"Expected each {name} once, got {told(value)}: leave the repeated ones out.")
    return levels


def checked_array(name: str, value: Any) -> NDArray[np.float64]:
    """Return numbers as an array of floats; refuse what cannot be one.

    Examples
    --------
    >>> checked_array("theta", [0, 1])
    array([0., 1.])
    >>> checked_array("theta", ["a", "b"])
    Traceback (most recent call last):
    TypeError: Expected theta to be numbers, got ['a', 'b']: give a number or an array of numbers.
    """
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise refused(f"{name} to be numbers", value, "give a number or an array of numbers", by_type=True) from None


def checked_seed(value: Any, name: str = "random_seed") -> Any:
    """Return a seed as it is; refuse what PyMC and NumPy make no generator of.

    Examples
    --------
    >>> checked_seed(8), checked_seed(None)
    (8, None)
    >>> checked_seed("abc")
    Traceback (most recent call last):
    TypeError: Expected random_seed to be a seed, got 'abc': give a whole number from 0 up, or a Generator.
    """
    if value is None or (type(value) is int and value >= 0) or isinstance(value, SEEDS):
        return value
    entries = np.asarray(value, dtype=object) if isinstance(value, Sequence | np.ndarray) else np.asarray([value])
    whole = not isinstance(value, str | bytes) and all(_is_whole(entry) for entry in entries.ravel())
    if whole and all(entry >= 0 for entry in entries.ravel()):
        return value
    advice = "give a whole number from 0 up, or a Generator"
    raise refused(f"{name} to be a seed", value, advice, by_type=not whole)


def check_run_options(random_seed: Any, progressbar: Any) -> None:
    """Refuse a seed or a switch of the progress bar that is none: what most verbs take beside their own options.

    Examples
    --------
    >>> check_run_options(1, progressbar="no")
    Traceback (most recent call last):
    TypeError: Expected progressbar to be True or False, got 'no': give one of these.
    """
    checked_seed(random_seed)
    checked_flag("progressbar", progressbar)


def _is_whole(entry: Any) -> bool:
    return isinstance(entry, int | np.integer) and not isinstance(entry, bool)


def _number(value: Any) -> Any:
    """Return a plain or NumPy number, also in an array without dims, as it is; None for all else."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        return value
    if getattr(value, "shape", None) == () and getattr(getattr(value, "dtype", None), "kind", "") in "iuf":
        return np.asarray(value)[()]
    return None


def _numbers(value: Any) -> NDArray[np.float64] | None:
    """Return a sequence or an array of numbers as an array of floats; None for all else."""
    if isinstance(value, str | bytes | dict | set) or value is None:
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return None
    return array.astype(float) if array.dtype.kind in "iuf" and array.ndim else None
