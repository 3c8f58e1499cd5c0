"""One rule for an argument in all plots: its name, its type, and the size of a figure on every backend."""

import inspect
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import pymc_landscape as pml
from pymc_landscape import plots

PICTURES = [name for name in plots.__all__ if name != "project_paths"]
# What an argument of this sense is called elsewhere.
OTHER_NAMES = {"draws", "idata", "posterior", "levels", "others", "alpha", "ci", "fig_size", "size"}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def arguments(name):
    return inspect.signature(getattr(plots, name)).parameters


@pytest.mark.parametrize("name", plots.__all__)
def test_arguments_have_one_name_in_all_plots(name):
    assert not OTHER_NAMES & set(arguments(name))
    others = [p for p in arguments(name).values() if p.name != "pc_kwargs"]
    assert not [p.name for p in others if p.annotation in ("Any", inspect.Parameter.empty)]


@pytest.mark.parametrize("name", PICTURES)
def test_every_plot_takes_a_size_and_visuals(name):
    assert {"figsize", "visuals", "pc_kwargs"} <= set(arguments(name))


def test_names_of_the_room_are_the_plots():
    assert dir(pml.plots) == sorted(pml.plots.__all__)
    with pytest.raises(AttributeError, match="did you mean critical_points"):
        _ = pml.plots.critical_point
    with pytest.raises(AttributeError, match="did you mean intervals"):
        _ = pml.plots.forest
    with pytest.raises(AttributeError, match="lists all"):
        _ = pml.plots.zzz


def test_no_module_bears_the_name_of_a_plot():
    modules = {path.stem for path in Path(plots.__file__).parent.glob("*") if path.name != "__pycache__"}
    assert not modules & set(plots.__all__)


def bowl():
    a, b = np.linspace(-3, 3, 21), np.linspace(-2, 2, 31)
    return xr.Dataset({"delta_minus2ll": (("a", "b"), a[:, None] ** 2 + b**2)}, coords={"a": a, "b": b})


# --- size -------------------------------------------------------------------------------------------


def starts():
    return xr.Dataset({"minus2ll": ("start", [1.0, 1.0, 2.0]), "status": ("start", ["converged"] * 3)})


def size_of(pc):
    """Width and height of a figure, in inches or hundreds of dots."""
    figure = pc.viz["figure"].item()
    if pc.backend == "matplotlib":
        return tuple(figure.get_size_inches())
    if pc.backend == "plotly":
        return figure.layout.width / 100, figure.layout.height / 100
    panel = pc.viz["plot"].item()
    return panel.width / 100, panel.height / 100


BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"no {name}"))
    for name in ("matplotlib", "plotly", "bokeh")
]


@pytest.mark.parametrize("backend", BACKENDS)
def test_size_of_the_figure_is_in_inches_on_every_backend(backend):
    for options in ({"figsize": (3, 2)}, {"figure_kwargs": {"figsize": (3, 2)}}):
        np.testing.assert_allclose(size_of(plots.waterfall(starts(), backend=backend, **options)), (3, 2))
        np.testing.assert_allclose(size_of(plots.landscape(bowl(), backend=backend, **options)), (3, 2))


@pytest.mark.parametrize("backend", BACKENDS)
def test_size_in_dots_stays_in_dots(backend):
    dots = {"figsize": (300, 200), "figsize_units": "dots"}
    scale = plt.rcParams["figure.dpi"] / 100 if backend == "matplotlib" else 1
    pc = plots.waterfall(starts(), backend=backend, figure_kwargs=dots)
    np.testing.assert_allclose(np.multiply(size_of(pc), scale), (3, 2))


def test_a_surface_has_a_size_too():
    np.testing.assert_allclose(size_of(plots.surface(bowl(), backend="matplotlib", figsize=(4, 3))), (4, 3))
    plots.waterfall(starts(), backend="none", figsize=(4, 3))


@pytest.mark.parametrize("size", [(3,), (3, 0), (3, -1), (np.nan, 2), 4])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(ValueError, match="Expected figsize to be a width and a height in inches"):
        plots.waterfall(starts(), backend="none", figsize=size)


@pytest.mark.parametrize(("name", "instead"), [("draws", "dt"), ("levels", "level"), ("others", "nuisance")])
def test_a_name_from_elsewhere_is_answered_with_ours(name, instead):
    with pytest.raises(TypeError, match=f"got \\['{name}'\\]; write {instead} in place of {name}"):
        plots.landscape(bowl(), backend="none", **{name: 0.9})
    with pytest.raises(TypeError, match=r"got \['no_such'\]; see the parameters of this plot"):
        plots.waterfall(starts(), backend="none", no_such=1)


# --- what is no input -------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3, "profile", None], ids=repr)
@pytest.mark.parametrize("name", plots.__all__)
def test_what_is_none_of_the_inputs_is_refused_in_one_sentence(name, wrong):
    arguments = (bowl(), wrong) if name in ("paths", "animation", "critical_points", "project_paths") else (wrong,)
    with pytest.raises(TypeError, match=r"Expected .*, got \w+; pass what .* returns\.$"):
        getattr(plots, name)(*arguments)
