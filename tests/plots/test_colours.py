"""Any two lines of a figure are told apart: by people without green cones, in grey, on white and on a dark page."""

from itertools import combinations

import numpy as np
import pytest

from pymc_landscape.plots.four_curves_plot import STYLES
from pymc_landscape.plots.visuals import (
    CYCLE,
    DASHES,
    GREY,
    LIKELIHOOD,
    METHODS,
    OPTIMIZER_STYLES,
    POSTERIOR,
    SERIES_STYLES,
    WALD,
    Style,
    method_styles,
    optimizer_styles,
)
from pymc_landscape.plots.visuals.style import METHOD_STYLES, NAMED_STYLES, SHAPES

coloraide = pytest.importorskip("coloraide", reason="in the group dev")
APART, APART_IN_GREY, CONTRAST = 15.0, 10.0, 3.0
WHITE_PAGE, DARK_PAGE = "#ffffff", "#111111"
# Machado, Oliveira & Fernandes (2009), table 1, severity 1.0: linear sRGB as seen without green cones.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
FIGURES = {
    "four_curves": list(STYLES.values()),
    "profile": [LIKELIHOOD, WALD, POSTERIOR],
    "regions": [*(style for _, style, _ in METHODS.values()), POSTERIOR],
    "intervals": [*METHOD_STYLES.values()],
    "intervals with names": [*list(METHOD_STYLES.values())[:4], *NAMED_STYLES],
    "optimisers": list(OPTIMIZER_STYLES),
    "series": list(SERIES_STYLES),
}


def seen(colour: str, *, deuteranope: bool):
    linear = coloraide.Color(colour).convert("srgb-linear")
    if deuteranope:
        linear = coloraide.Color("srgb-linear", np.clip(DEUTERANOPIA @ linear.coords(), 0, 1).tolist())
    return linear


@pytest.mark.parametrize("deuteranope", [False, True])
@pytest.mark.parametrize("figure", FIGURES)
def test_two_lines_of_a_figure_differ_in_colour(figure, deuteranope):
    for one, other in combinations(FIGURES[figure], 2):
        colours = (seen(style.colour, deuteranope=deuteranope) for style in (one, other))
        assert next(colours).delta_e(next(colours), method="2000") >= APART, (one, other)


@pytest.mark.parametrize("figure", FIGURES)
def test_two_lines_of_a_figure_differ_in_grey(figure):
    for one, other in combinations(FIGURES[figure], 2):
        lightness = [coloraide.Color(style.colour).convert("lab-d65")["lightness"] for style in (one, other)]
        assert one.dash != other.dash or abs(lightness[0] - lightness[1]) >= APART_IN_GREY, (one, other)


@pytest.mark.parametrize("colour", [*CYCLE, GREY])
@pytest.mark.parametrize("page", [WHITE_PAGE, DARK_PAGE])
def test_lines_stand_out_on_white_and_on_a_dark_page(colour, page):
    assert coloraide.Color(colour).contrast(page, method="wcag21") >= CONTRAST


def test_the_simulation_is_that_of_the_library():
    """Our matrix, copied from the paper, and the library's, which stands in its code."""
    for colour in CYCLE:
        ours = seen(colour, deuteranope=True)
        theirs = coloraide.Color(colour).filter("deutan", 1, method="machado").convert("srgb-linear").clip()
        np.testing.assert_allclose(ours.coords(), theirs.coords(), atol=1e-4)


@pytest.mark.parametrize("backend", ["matplotlib", "plotly", "bokeh"])
def test_dashes_and_markers_of_styles_are_each_backend_s_own(backend):
    styles = [*OPTIMIZER_STYLES, *SERIES_STYLES, *METHOD_STYLES.values(), *NAMED_STYLES]
    assert len({str(dash) for dash in DASHES[backend].values()}) == len(DASHES[backend])
    assert {style.dash for style in styles} <= set(DASHES[backend])
    assert {style.marker for style in styles} <= set(SHAPES[backend])
    for group in (OPTIMIZER_STYLES, SERIES_STYLES, [*METHOD_STYLES.values(), *NAMED_STYLES[:3]]):
        assert len({SHAPES[backend][style.marker] for style in group[:6]}) == len(group[:6])


def test_styles_stay_with_their_names():
    assert method_styles(["b", "Wald"])["Wald"] == method_styles(["Wald", "profile"])["Wald"]
    assert list(optimizer_styles(["sgd", "adam"]).values()) == list(OPTIMIZER_STYLES[:2])
    assert len({style.colour for style in optimizer_styles(list("abcdefgh")).values()}) == 8
    assert isinstance(LIKELIHOOD, Style)
    assert (LIKELIHOOD.dash, POSTERIOR.dash) == ("solid", "dashed")
