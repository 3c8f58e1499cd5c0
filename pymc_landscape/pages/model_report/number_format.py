"""Numbers as one reads them: as many digits as their error leaves, a true minus sign, ∞, and a dash for nothing."""

from __future__ import annotations

from math import floor, isfinite, isnan, log10

# What stands where there is no number.
NOTHING = "–"
# Beyond these a number is written with a power of ten.
SMALL, LARGE = 1e-4, 1e7


def number(value: float, digits: int = 4) -> str:
    """Write a number in so many significant digits.

    Examples
    --------
    >>> number(-1234.5678), number(0.05), number(float("inf")), number(float("nan")), number(3.2e-9)
    ('−1235', '0.05', '∞', '–', '3.2·10⁻⁹')
    """
    if isnan(value):
        return NOTHING
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and not SMALL <= abs(value) < LARGE:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{_minus(mantissa)}·10{_raised(int(exponent))}"
    if abs(value) >= 10.0**digits:
        return _minus(f"{value:.0f}")
    return _minus(f"{value:.{digits}g}")


def to_error(value: float, error: float) -> str:
    """Write a number down to the second digit of its standard error.

    Examples
    --------
    >>> to_error(251.405104, 6.6323), to_error(0.1, 0.02), to_error(12345.6, 310.0), to_error(1.5, float("nan"))
    ('251.4', '0.100', '12350', '1.5')
    """
    if not (isfinite(value) and isfinite(error) and error > 0):
        return number(value)
    decimals = 1 - floor(log10(error))
    if abs(value) >= LARGE or decimals > 8:
        return number(value, 6)
    rounded = round(value, decimals) if decimals < 0 else value
    return _minus(f"{rounded:.{max(decimals, 0)}f}")


def counted(n: int, one: str, several: str = "") -> str:
    """Write a count and what is counted.

    Examples
    --------
    >>> counted(1, "parameter"), counted(1200, "observation"), counted(2, "has", "have")
    ('1 parameter', '1,200 observations', '2 have')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def listed(words: list[str], most: int = 6) -> str:
    """Join words as a sentence does; of too many, name the first and count the rest.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcdefgh"), most=3)
    ('a', 'a, b and c', 'a, b, c and 5 more')
    """
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def percent(share: float) -> str:
    """Write a share or a level in per cent.

    Examples
    --------
    >>> percent(0.95), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * share:.4g} %"


def _minus(text: str) -> str:
    return text.replace("-", "−") if float(text) else text.replace("-", "")


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
