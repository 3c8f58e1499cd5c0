"""The project's own promises: pinned versions, rooms that import downwards, a light import."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pymc_landscape

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pymc_landscape"

# A room may import rooms of lower levels, and of its own level where that makes no circle.
# A new room gets its place here, and a line in docs/architecture.md.
LEVELS = {
    0: [
        *(
            "wilks",
            "information",
            "trust_region",
            "secant",
            "abreast",
            "line_search",
            "differences",
            "lanczos",
            "ridges",
            "chibar",
            "hermite",
            "posterior_summary",
        ),
        *("affine", "losses", "loss_families"),
        *("pattern", "selected_inverse", "curvature"),
        *("aliases", "layout", "progress", "work", "provenance", "store", "checkpoint"),
    ],
    1: [
        *(
            "density",
            "roles",
            "interpreter",
            "matvec",
            "kernel",
            "ledger",
            "jax_batch",
            "engine",
            "latent_side",
            "compiled",
        ),
        *(
            "straight_line",
            "derivatives",
            "fisher",
            "combination",
            "parameters",
            "objective",
            "minibatch",
            "update_rule",
            *("model_view", "swapped_data"),
            *("latent_density", "laplace", "quadrature", "marginal_engine", "effect_scale"),
            *("states", "ties", "configurations", "summed_out", "state_integral"),
        ),
        *("reading", "draws", "reference", "points", "plane", "grid", "starts", "simulate", "sampling", "draw_vectors"),
        *("posterior_draws", "prior_spread"),
        *("distributions", "families", "observed_terms"),
    ],
    2: [
        *("landscape_store", "landscape", "pointwise"),
        *("held", "footing", "others", "alone", "spread", "valleys", "profiled"),
        *(
            "frame",
            "search",
            "edge",
            "directions",
            "verdict",
            "brought_back",
            "ends",
            "natural_scale",
            "fit_table",
            *("latent_states", "latent_modes"),
            "fitted",
            "fit",
        ),
        *("hessian", "walk", "arrival", "learning_rate", "first_order", "downhill", "minimizers", "optimizers"),
        *("path_dataset", "descent"),
    ],
    3: [
        *("milestone", "branches", "outward", "carried_on"),
        *("race", "stationary", "climbing", "expedition", "geometry", "spectrum"),
        *(
            "quantity",
            "spot",
            "level_set",
            "own_limit",
            "other_valleys",
            "stance",
            "interval_end",
            "approach",
            "trace",
            "crossing",
            "current",
        ),
        "intervals",
        "percentiles",
        *("cases", "left_out", "case_influence"),
        *("laplace_check", "importance_sampling"),
        *(
            "profile",
            *("joint", "joint_level", "vertex", "ray", "ring", "rim", "basin", "regions", "preview", "contour"),
            "coverage",
            "bootstrap",
            "nesting",
            "edge_weights",
            "turning",
            *("runaway", "simulated_ratio"),
            "nested_pair",
            "likelihood_ratio",
            *("compare_loo", "compare"),
            *("receding", "likelihood_side", "posterior_mode", "information_share", "identification"),
            *("posterior_deviance", "compare_with_posterior", "sensitivity", "prior_path"),
            *("profile_curve", "marginal_density", "four_curves"),
            "loss",
        ),
    ],
    4: ["datatree"],
    5: ["plots"],
}
LEVEL_OF = {room: level for level, rooms in LEVELS.items() for room in rooms}

# Everyone else works on arrays and on Datasets.
READS_GRAPHS = {
    "simulate",
    *("distributions", "families", "observed_terms"),
    *(
        "density",
        "roles",
        "interpreter",
        "matvec",
        "ledger",
        "kernel",
        "jax_batch",
        "engine",
        "latent_side",
        "compiled",
    ),
    *(
        "straight_line",
        "derivatives",
        "fisher",
        "combination",
        "parameters",
        "objective",
        "minibatch",
        "update_rule",
        *("model_view", "swapped_data", "latent_density", "laplace", "quadrature", "effect_scale"),
        *("states", "ties", "configurations", "summed_out"),
    ),
}

VAGUE_NAMES = {"utils", "util", "core", "base", "helpers", "helper", "common", "misc"}


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """``pymc_landscape/plots/surface.py`` is in the room ``plots``."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def room_files() -> list[Path]:
    return [path for path in source_files() if path != PACKAGE / "__init__.py"]


def imported_names(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_rooms(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported_names(path)]
    rooms = {part[1] for part in parts if part[0] == "pymc_landscape" and len(part) > 1}
    return (rooms & LEVEL_OF.keys()) - {room_of(path)}


def imported_packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_names(path)}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_is_said_once():
    assert pymc_landscape.__version__ == pyproject()["project"]["version"]


def test_constraints_are_mirrored_and_name_no_host():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins == pyproject()["tool"]["uv"]["constraint-dependencies"]
    assert all("==" in pin and "://" not in pin for pin in pins)


@pytest.mark.parametrize("path", room_files(), ids=lambda path: path.stem)
def test_every_room_has_its_level(path):
    assert room_of(path) in LEVEL_OF, f"give {room_of(path)!r} a level in tests/test_project.py"


@pytest.mark.parametrize("path", room_files(), ids=lambda path: path.stem)
def test_imports_point_down(path):
    own = LEVEL_OF.get(room_of(path), max(LEVELS))
    upward = {room for room in imported_rooms(path) if LEVEL_OF[room] > own}
    assert not upward


def test_rooms_of_one_level_make_no_circle():
    graph: dict[str, set[str]] = {}
    for path in room_files():
        graph.setdefault(room_of(path), set()).update(imported_rooms(path))
    TopologicalSorter(graph).prepare()  # raises CycleError and names the circle


@pytest.mark.parametrize("path", room_files(), ids=lambda path: path.stem)
def test_only_the_engine_side_sees_pytensor(path):
    assert room_of(path) in READS_GRAPHS or "pytensor" not in imported_packages(path)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("plots/*.py")), ids=lambda path: path.stem)
def test_plots_read_datasets_only(path):
    assert not imported_packages(path) & {"pymc", "pytensor"}


def test_no_file_has_a_vague_name():
    assert not {path.stem.strip("_") for path in source_files()} & VAGUE_NAMES


def test_the_sample_of_the_readme_runs(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sample = readme.split("```python\n")[1].split("```")[0]
    assert "pm.sample(500, random_seed=1)" in sample
    sample = sample.replace("pm.sample(500,", "pm.sample(100, cores=1, chains=1, quiet=True,")
    script = tmp_path / "sample.py"
    script.write_text(sample, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env=os.environ | {"MPLBACKEND": "Agg"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("of 5.99 allowed\n")


IMPORT_PROBE = """
import json, sys
import pymc
before = {name.partition(".")[0] for name in sys.modules}
import pymc_landscape
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} - before)))
"""


def test_import_leaves_plotting_and_accelerators_for_later():
    probe = subprocess.run([sys.executable, "-c", IMPORT_PROBE], capture_output=True, text=True, check=True)
    new = set(json.loads(probe.stdout))
    late = {"arviz", "arviz_plots", "bokeh", "dask", "jax", "matplotlib", "plotly"}
    assert not new & late
