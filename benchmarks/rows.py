"""One line of a table: what we take, what a peer takes for the same, and the bars that are to be kept."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Answers = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Bar:
    """A bound in words, and whether it is kept; None where the peer is missing."""

    words: str
    kept: bool | None


@dataclass(frozen=True)
class Row:
    """One line: `ours` and `theirs` in `unit`, by the `clock` that was read; None where there is no such figure."""

    work: str
    ours: float | None
    peer: str = ""
    theirs: float | None = None
    unit: str = "s"
    clock: str = "processor"
    note: str = ""
    bars: tuple[Bar, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return what is kept in the file: the fields, and how many times faster than the peer we are."""
        return asdict(self) | {"bars": [asdict(bar) for bar in self.bars], "times_faster": self.times_faster}

    @property
    def times_faster(self) -> float | None:
        """The peer's figure over ours; below 1 is a loss."""
        return self.theirs / self.ours if self.ours and self.theirs else None


def median(answers: Answers, *names: str) -> float:
    """Return the median over processes of one figure, or of the sum of several."""
    return statistics.median(sum(answer[name] for name in names) for answer in answers)


def compared(
    work: str,
    answers: Answers,
    ours: str,
    theirs: str,
    peer: str,
    *,
    faster: float | None = None,
    within: float | None = None,
    at_most: float | None = None,
    **options: Any,
) -> Row:
    """Set our figure beside a peer's of the same processes, by the processor's clock or, if asked, by the wall's.

    Bars: `faster` is how many times faster than the peer we are to be, `within` how many times its time we may take,
    `at_most` a bound on our own figure.
    """
    suffix = "_processor" if options.get("clock", "processor") == "processor" else ""
    mine = median(answers, ours + suffix)
    other = median(answers, theirs + suffix) if theirs + suffix in answers[0] else None
    bars = []
    if options.get("clock") == "wall" and other is not None and f"{theirs}_processor" in answers[0]:
        by_processor = median(answers, f"{theirs}_processor") / median(answers, f"{ours}_processor")
        options["note"] = "; ".join(
            filter(None, [options.get("note"), f"by the processor's clock {by_processor:.2g} ×"])
        )
    if at_most is not None:
        bars.append(Bar(f"≤ {at_most:g} {options.get('unit', 's')}", mine <= at_most))
    if faster is not None:
        bars.append(Bar(f"≥ {faster:g} × faster", None if other is None else other >= faster * mine))
    if within is not None:
        bars.append(Bar(f"≤ {within:g} × its time", None if other is None else mine <= within * other))
    return Row(work, mine, peer, other, bars=tuple(bars), **options)


def alone(work: str, figure: float, *bars: Bar, **options: Any) -> Row:
    """Give a figure that has no peer."""
    return Row(work, figure, bars=bars, **options)


def at_most(figure: float, limit: float, unit: str = "s") -> Bar:
    """Bound a figure from above."""
    return Bar(f"≤ {limit:g} {unit}".rstrip(), figure <= limit)
