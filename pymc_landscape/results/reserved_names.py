"""Names that results have for their own variables and dims, so that no parameter can be called so."""

from __future__ import annotations

from collections.abc import Collection, Iterable

# What draws, refits and estimates hold beside the parameters: no parameter, Deterministic or dim is called so.
OF_DRAWS = frozenset(["chain", "draw", "parameter", "status", "minus2ll", "delta_minus2ll"])
# What a grid or a landscape holds beside its axes.
OF_LANDSCAPES = frozenset(
    [
        "term",
        "parameter",
        "at",
        "plane_parameter",
        "axis",
        "center",
        "direction",
        "sample",
        "draw_parameter",
        "sample_chain",
        "sample_draw",
        "draws",
        "best_draw",
        "log_likelihood",
        "log_prior",
        "log_posterior",
        "minus2ll",
        "log_penalty",
        "penalized_minus2ll",
        "delta_minus2ll",
        "term_log_likelihood",
        "evaluated",
    ]
)
# What a contour holds beside its axes.
OF_CONTOURS = frozenset(["level", "vertex", "delta_minus2ll", "status"])


def refuse_reserved_names(names: Iterable[str], reserved: Collection[str], what: str) -> None:
    """Refuse what has the name of something else in the result.

    Raises
    ------
    ValueError
        With the first such name.
    """
    for name in names:
        if name in reserved:
            raise ValueError(
                f"Expected {what} whose name is free, got {name!r}, which names a part of the result: "
                "give the parameter another name."
            )


def refuse_doubled_labels(labels: Collection[str]) -> None:
    """Refuse two elements of one label.

    Raises
    ------
    ValueError
        With the first such label.
    """
    if len(set(labels)) == len(labels):
        return
    seen = set[str]()
    doubled = next(label for label in labels if label in seen or seen.add(label))  # type: ignore[func-returns-value]
    raise ValueError(
        f"Expected a label of its own for each element of the parameters, got {doubled!r} for more than one: change "
        "the coordinates, or the name of a parameter."
    )
