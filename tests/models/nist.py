"""Certified nonlinear regressions: the 27 sets of the NIST Statistical Reference Datasets, as files and as models.

https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml, in the public domain. A file holds the data, two starting
points (the first far away, the second near) and the least-squares estimates with their standard deviations, to eleven
digits. Those standard deviations are s·√diag((JᵀJ)⁻¹) with s² = RSS / (n − p).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pymc as pm
import pytensor.tensor as pt

DATA = Path(__file__).parents[1] / "data" / "nist"
Curve = Callable[..., Any]


@dataclass(frozen=True)
class Regression:
    """A file of the reference datasets.

    Parameters
    ----------
    curve : callable
        ``curve(m, x, *b)``, with the functions of `m`: ``numpy`` or ``pytensor.tensor``.
    x : array (n,) or (2, n)
        The predictor, or both.
    y : array (n,)
        The response as the model has it: of Nelson its logarithm.
    starts : tuple of two arrays (p,)
        The far start and the near one.
    estimate, deviation : array (p,)
        Certified.
    rss, s : float
        Certified residual sum of squares and residual standard deviation.
    """

    name: str
    curve: Curve
    x: np.ndarray
    y: np.ndarray
    starts: tuple[np.ndarray, np.ndarray]
    estimate: np.ndarray
    deviation: np.ndarray
    rss: float
    s: float

    @property
    def names(self) -> list[str]:
        return [f"b{i + 1}" for i in range(len(self.estimate))]

    def residuals(self, b: np.ndarray) -> np.ndarray:
        return self.y - self.curve(np, self.x, *b)

    def order(self, b: np.ndarray) -> np.ndarray:
        """Return how to sort parameters so that interchangeable terms stand as in the certified solution."""
        return _ORDERS.get(self.curve, lambda b: np.arange(len(b)))(b)

    def canonical(self, b: np.ndarray) -> np.ndarray:
        """Name the certified one among points of the same curve: terms swapped, a width negative."""
        signs = np.ones(len(b))
        if self.curve is _two_peaks:
            signs[[4, 7]] = np.sign(b[[4, 7]])
        elif self.curve is _peak:
            signs[:2] = np.sign(b[1])
        return (signs * b)[self.order(b)]

    def start(self, number: Literal[1, 2]) -> dict[str, float]:
        return dict(zip(self.names, self.starts[number - 1].tolist(), strict=True))


# y = b1 + b2 cos(2πx/12) + …: the sum of a constant and three cycles.
def _cycles(m, x, b1, b2, b3, b4, b5, b6, b7, b8, b9):
    turns = 2 * np.pi * x
    year = b2 * np.cos(turns / 12) + b3 * np.sin(turns / 12)
    return b1 + year + b5 * m.cos(turns / b4) + b6 * m.sin(turns / b4) + b8 * m.cos(turns / b7) + b9 * m.sin(turns / b7)


def _two_peaks(m, x, b1, b2, b3, b4, b5, b6, b7, b8):
    return b1 * m.exp(-b2 * x) + b3 * m.exp(-((x - b4) ** 2) / b5**2) + b6 * m.exp(-((x - b7) ** 2) / b8**2)


def _peak(m, x, b1, b2, b3):
    return (b1 / b2) * m.exp(-(((x - b3) / b2) ** 2) / 2)


def _two_decays(m, x, b1, b2, b3, b4, b5):
    return b1 + b2 * m.exp(-x * b4) + b3 * m.exp(-x * b5)


def _three_decays(m, x, b1, b2, b3, b4, b5, b6):
    return b1 * m.exp(-b2 * x) + b3 * m.exp(-b4 * x) + b5 * m.exp(-b6 * x)


def _cubic_by_cubic(m, x, b1, b2, b3, b4, b5, b6, b7):
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def _decay_over_line(m, x, b1, b2, b3):
    return m.exp(-b1 * x) / (b2 + b3 * x)


def _growth_to_limit(m, x, b1, b2):
    return b1 * (1 - m.exp(-b2 * x))


CURVES: Mapping[str, Curve] = {
    "Bennett5": lambda m, x, b1, b2, b3: b1 * (b2 + x) ** (-1 / b3),
    "BoxBOD": _growth_to_limit,
    "Chwirut1": _decay_over_line,
    "Chwirut2": _decay_over_line,
    "DanWood": lambda m, x, b1, b2: b1 * x**b2,
    "ENSO": _cycles,
    "Eckerle4": _peak,
    "Gauss1": _two_peaks,
    "Gauss2": _two_peaks,
    "Gauss3": _two_peaks,
    "Hahn1": _cubic_by_cubic,
    "Kirby2": lambda m, x, b1, b2, b3, b4, b5: (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2),
    "Lanczos1": _three_decays,
    "Lanczos2": _three_decays,
    "Lanczos3": _three_decays,
    "MGH09": lambda m, x, b1, b2, b3, b4: b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4),
    "MGH10": lambda m, x, b1, b2, b3: b1 * m.exp(b2 / (x + b3)),
    "MGH17": _two_decays,
    "Misra1a": _growth_to_limit,
    "Misra1b": lambda m, x, b1, b2: b1 * (1 - (1 + b2 * x / 2) ** -2),
    "Misra1c": lambda m, x, b1, b2: b1 * (1 - 1 / m.sqrt(1 + 2 * b2 * x)),
    "Misra1d": lambda m, x, b1, b2: b1 * b2 * x / (1 + b2 * x),
    "Nelson": lambda m, x, b1, b2, b3: b1 - b2 * x[0] * m.exp(-b3 * x[1]),
    "Rat42": lambda m, x, b1, b2, b3: b1 / (1 + m.exp(b2 - b3 * x)),
    "Rat43": lambda m, x, b1, b2, b3, b4: b1 / (1 + m.exp(b2 - b3 * x)) ** (1 / b4),
    "Roszman1": lambda m, x, b1, b2, b3, b4: b1 - b2 * x - m.arctan(b3 / (x - b4)) / np.pi,
    "Thurber": _cubic_by_cubic,
}

_ORDERS: Mapping[Curve, Callable[[np.ndarray], np.ndarray]] = {
    _three_decays: lambda b: np.arange(6).reshape(3, 2)[np.argsort(b[1::2])].ravel(),
    _two_peaks: lambda b: np.r_[:2, np.arange(2, 8).reshape(2, 3)[np.argsort(b[[3, 6]])].ravel()],
    _two_decays: lambda b: np.arange(5) if b[3] < b[4] else np.array([0, 2, 1, 4, 3]),
}
_PARAMETER = re.compile(r"^\s*b\d+ =\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*$", re.MULTILINE)


@cache
def regression(name: str) -> Regression:
    """Read one of the files."""
    text = (DATA / f"{name}.dat").read_text()
    near_and_far = np.array(_PARAMETER.findall(text), dtype=float)
    far, near, estimate, deviation = near_and_far.T
    rows = np.array([line.split() for line in re.split(r"^Data:.*\n", text, flags=re.MULTILINE)[-1].splitlines()])
    y, *x = rows.astype(float).T
    return Regression(
        name=name,
        curve=CURVES[name],
        x=np.array(x) if len(x) > 1 else x[0],
        y=np.log(y) if name == "Nelson" else y,
        starts=(far, near),
        estimate=estimate,
        deviation=deviation,
        rss=_number(text, "Residual Sum of Squares"),
        s=_number(text, "Residual Standard Deviation"),
    )


def _number(text: str, label: str) -> float:
    return float(re.search(rf"{label}:\s+(\S+)", text)[1])


def nist_model(name: str, sigma: Literal["free", "known"] = "free") -> pm.Model:
    """Return the regression as a model: scalars b1, b2, … and, if free, sigma; the response is y.

    A known sigma is the certified residual standard deviation; −2LL is then RSS/s² and a constant.
    """
    this = regression(name)
    with pm.Model() as model:
        b = [pm.Flat(parameter) for parameter in this.names]
        scale = pm.HalfFlat("sigma") if sigma == "free" else np.float64(this.s)
        pm.Normal("y", this.curve(pt, this.x, *b), scale, observed=this.y)
    return model
