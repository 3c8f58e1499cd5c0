"""Exponentials and logarithms for numba, written so that a loop over rows fills vector registers with them.

The functions of the C library take one number at a time: a sum of exponentials over rows is five times slower with
them. These here have no branches, only arithmetic and choices, which LLVM turns into vector instructions.

Methods and coefficients are the classical ones: reduction of the argument by a multiple of ln 2 in two parts, a
polynomial on what is left (Muller 2016, *Elementary Functions*, chapter 11; coefficients of the logarithm by K. C. Ng,
*fdlibm*). Errors stay below one unit in the last place for exp and log, below two for the others; where fewer are
promised by PyTensor's own formulas, as of softplus, they are smaller here. Infinities, NaN and subnormal numbers are
honoured. Sums inside are not reordered (no ``reassoc``): the order is what the digits come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from pytensor.link.numba.dispatch.basic import numba_njit

# Products may be added without rounding in between, which is never less exact; a division by zero is infinite.
_exactly = numba_njit(fastmath={"contract"}, error_model="numpy", forceinline=True)
# ln 2 in two parts, the first with zeros behind, so that multiples of it are exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
ONE_BY_LN2 = 1.4426950408889634
# Added to a number, it leaves the nearest whole one in the last bits.
SHIFTER = 6755399441055744.0
# Beyond these the exponential is 0, or infinite.
LOWEST, HIGHEST = -746.0, 710.0
SMALLEST_NORMAL, TWO_54 = 2.2250738585072014e-308, 18014398509481984.0
# Bits of 1.0's exponent, and of the root of 1/2, where the mantissa is cut.
BIAS, ROOT_HALF = 1023, 0x3FE6A09E667F3BCD
SHIFTER_BITS = int(np.float64(SHIFTER).view(np.int64))


@intrinsic
def _float_to_bits(typing_context: Any, number: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the bits of a float as a whole number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _bits_to_float(typing_context: Any, bits: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the float of which the bits are a whole number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


_bits: Any = _float_to_bits
_from_bits: Any = _bits_to_float


@_exactly
def _reduced(x: float) -> Any:
    """Return n and r with x = n ln 2 + r, and exp(r) - 1, for x between LOWEST and HIGHEST."""
    shifted = x * ONE_BY_LN2 + SHIFTER
    k = shifted - SHIFTER
    r = x - k * LN2_HIGH
    r = r - k * LN2_LOW
    p = 1.0 / 39916800 + r * (1.0 / 479001600 + r * (1.0 / 6227020800))
    p = 1.0 / 3628800 + r * p
    p = 1.0 / 362880 + r * p
    p = 1.0 / 40320 + r * p
    p = 1.0 / 5040 + r * p
    p = 1.0 / 720 + r * p
    p = 1.0 / 120 + r * p
    p = 1.0 / 24 + r * p
    p = 1.0 / 6 + r * p
    p = 0.5 + r * p
    return _bits(shifted) - SHIFTER_BITS, r, r + r * r * p


@_exactly
def exp(x: float) -> Any:
    """Return the exponential."""
    n, _, q = _reduced(min(max(x, LOWEST), HIGHEST))
    half = n >> 1  # 2**n may be no number where exp(x) is one
    value = (1.0 + q) * _from_bits((half + BIAS) << 52) * _from_bits((n - half + BIAS) << 52)
    return value if x == x else x


@_exactly
def expm1(x: float) -> Any:
    """Return exp(x) - 1."""
    n, _, q = _reduced(min(max(x, LOWEST), HIGHEST))
    half = n >> 1
    low, high = _from_bits((half + BIAS) << 52), _from_bits((n - half + BIAS) << 52)
    near = low * high * q + (low * high - 1.0)
    value = near if n < 100 else (1.0 + q) * low * high
    return value if x == x else x


@_exactly
def log(x: float) -> Any:
    """Return the natural logarithm; NaN of what is negative."""
    subnormal = x < SMALLEST_NORMAL
    bits = _bits(x * TWO_54 if subnormal else x)
    n = (bits - ROOT_HALF) >> 52
    f = _from_bits(bits - (n << 52)) - 1.0
    k = _from_bits(n + SHIFTER_BITS) - SHIFTER - (54.0 if subnormal else 0.0)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    even = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    value = k * LN2_HIGH - ((half - (s * (half + (odd + even)) + k * LN2_LOW)) - f)
    value = value if x < np.inf else x
    value = value if x > 0.0 else -np.inf
    return value if x >= 0.0 else np.nan


@_exactly
def log1p(x: float) -> Any:
    """Return log(1 + x)."""
    total = 1.0 + x
    lost = x - (total - 1.0)
    inside = (total > 0.0) & (total < np.inf)
    return log(total) + (lost / total if inside else 0.0)


@_exactly
def sigmoid(x: float) -> Any:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


@_exactly
def softplus(x: float) -> Any:
    """Return log(1 + exp(x))."""
    value = max(x, 0.0) + log1p(exp(-abs(x)))
    return value if x == x else x


@_exactly
def log1mexp(x: float) -> Any:
    """Return log(1 - exp(x)), for x below 0."""
    far = x < -0.6931471805599453
    e = exp(x)
    rest = 1.0 - e
    lost = -e - (rest - 1.0)
    # whatever of the two is cancelled least
    return log(rest if far else -expm1(x)) + (lost / rest if far else 0.0)
