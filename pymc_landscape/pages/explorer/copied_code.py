"""The calls that made what is seen on the page, for whoever wants to go on in Python."""

from __future__ import annotations

from collections.abc import Sequence

from pymc_landscape.pages.explorer.explored import ChosenAxis


def code_templates(axes: Sequence[ChosenAxis], has_draws: bool, has_others: bool) -> dict[str, str]:
    """Return calls with placeholders that the page fills.

    Parameters
    ----------
    axes : sequence of ChosenAxis
        The axes.
    has_draws : bool
        Whether there are posterior draws.
    has_others : bool
        Whether there are parameters on no axis.

    Returns
    -------
    dict of str to str
        By what they show. ``{x}``, ``{y}`` are the cursor's; ``{weight}``, ``{size}``, ``{level}`` what is chosen.
    """
    labels = [axis.label for axis in axes]
    grid = ", ".join(f"{a.label!r}: ({a.values[0]:.6g}, {a.values[-1]:.6g}, {len(a.values)})" for a in axes)
    here = ", ".join(f"{label!r}: [{{{place}}}]" for label, place in zip(labels, "xy", strict=False))
    nuisance = ', nuisance="profile"' if has_others else ""
    weighted = "objective = pml.Objective(model).with_prior_weight({weight} / {size})"
    templates = {
        "surface": f"{weighted}\ngrid = pml.regular_grid({{{grid}}})\n"
        f"fit = pml.fit_mle(model)\nsurface = pml.evaluate_landscape(objective, grid, at=fit)  # all others held",
    }
    if has_others:
        templates["profile"] = f"{weighted}\nsurface = pml.evaluate_landscape(objective, grid{nuisance})"
    templates["cursor"] = f"pml.evaluate_landscape(objective, pml.regular_grid({{{here}}}){nuisance})"
    templates["limits"] = f"pml.confidence_intervals(pml.fit_mle(model), {labels!r}, level={{level}})"
    templates["prior"] = f"pml.prior_path(model, [0, {{weight}} / {{size}}], var_names={labels!r}, level=0.95)"
    if has_draws:
        templates["posterior"] = f"pml.compare_with_posterior(pml.fit_mle(model), dt, var_names={labels!r})"
    templates["walkers"] = (
        'pml.descend(model, ["sgd", "momentum", "adam", "l-bfgs", "newton"], steps=150)  # starts= where you pressed'
    )
    return templates
