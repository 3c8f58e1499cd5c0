"""The project's own promises: pinned versions, rooms that import downwards, a light import."""

import ast
import gc
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
OF_FILES = pytest.mark.skipif(
    not PACKAGE.is_dir(), reason="the package is installed: its files are not beside the tests"
)

# What a room may import, always through the façade of the other room. `_typing`, `_dataclasses` and `arguments` are
# open to all.
MAY_IMPORT = {
    "arguments": "",
    "numerics.density_estimation": "",
    "numerics": "numerics.density_estimation",
    "results": "",
    "results.cluster": "results numerics",
    "engine.interpreter": "numerics results",
    "engine": "engine.interpreter numerics results",
    "model.losses": "engine numerics results",
    "model": "model.losses engine numerics results",
    "model.elimination": "model engine numerics results",
    "model.discrete": "model.elimination model engine numerics results",
    "model.latent": "model.discrete model engine numerics results",
    "model.information": "model engine numerics results",
    "model.reduction": "model engine numerics results",
    "objective.evaluators": "model model.latent model.information model.reduction engine numerics results",
    "objective.holders": "numerics results",
    "objective": "objective.evaluators objective.holders model model.latent model.discrete model.elimination "
    "engine numerics results",
    "objective.observations": "objective model model.reduction engine numerics results results.cluster",
    "optimize": "objective objective.observations numerics results results.cluster",
    "optimize.descent": "optimize objective objective.observations engine numerics results",
    "optimize.stacks": "optimize objective objective.observations numerics results",
    "landscape.refinement": "objective engine numerics results",
    "landscape": "landscape.refinement optimize objective objective.observations engine numerics results "
    "results.cluster",
    "inference.profile": "optimize optimize.stacks objective objective.observations numerics results results.cluster",
    "inference.regions": "inference.profile optimize objective numerics results results.cluster",
    "inference.resampling": "inference.profile optimize optimize.stacks objective objective.observations numerics "
    "results results.cluster",
    "inference.hypothesis_tests": "inference.resampling optimize optimize.stacks objective objective.observations "
    "numerics results results.cluster",
    "inference": "inference.profile inference.regions inference.resampling inference.hypothesis_tests optimize.stacks "
    "optimize objective objective.observations numerics results results.cluster",
    "posterior": "inference inference.profile optimize objective objective.observations numerics results",
    "plots.data": "numerics",
    "plots.visuals": "plots.data numerics",
    "plots": "plots.data plots.visuals numerics",
    "pages": "",
    "pages.explorer": "pages plots plots.data posterior inference inference.profile inference.regions landscape "
    "optimize.descent optimize objective objective.observations numerics results",
    "pages.model_report": "pages plots posterior inference inference.profile inference.regions landscape "
    "optimize.descent optimize objective objective.observations model numerics results",
}
MOST_ENTRIES = 15
MOST_MODULES = 18
MODULE_LINES = range(40, 361)
DEEPEST_CHAIN = 30
# Everyone else works on arrays and on Datasets.
READS_GRAPHS = {
    "engine",
    "engine.interpreter",
    "model",
    "model.elimination",
    "model.discrete",
    "model.latent",
    "model.information",
    "model.losses",
    "model.reduction",
    "objective",
    "objective.evaluators",
    "objective.holders",
    "objective.observations",
    "optimize.descent",
}

VAGUE_NAMES = {"utils", "util", "core", "base", "helpers", "helper", "common", "misc"}


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """``pymc_landscape/plots/data/draws.py`` is in the room ``plots.data``."""
    return ".".join(path.relative_to(PACKAGE).parent.parts)


def room_files() -> list[Path]:
    return [path for path in source_files() if path.parent != PACKAGE]


def name_of(path: object) -> str | None:
    """The name of a module; where there is none, pytest names what it skips."""
    return str(path.relative_to(PACKAGE)) if isinstance(path, Path) else None


def imported_names(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_imports(path: Path) -> Iterator[tuple[Path, str]]:
    """What a file imports from the package, for type checkers as well: the module or façade named, and the name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == PACKAGE.name:
            target = PACKAGE.joinpath(*node.module.split(".")[1:])
            for alias in node.names:
                yield (target / "__init__.py" if target.is_dir() else target.with_suffix(".py")), alias.name


def imported_modules(path: Path) -> set[Path]:
    """The modules of the package that a file imports, or names from; a façade is its ``__init__.py``."""
    modules = set()
    for module, name in package_imports(path):
        sibling = module.with_name(f"{name}.py")
        own = module.name == "__init__.py" and room_of(module) == room_of(path)
        modules.add(sibling if own and sibling.exists() else module)
    return modules


def definition_of(module: Path, name: str) -> Path:
    """The file that defines a name, looked for behind façades."""
    if module.name != "__init__.py":
        return module
    if (sibling := module.with_name(f"{name}.py")).exists():
        return sibling
    return next((definition_of(*found) for found in package_imports(module) if found[1] == name), module)


def longest_chain(graph: dict[Path, set[Path]]) -> list[Path]:
    """The longest way from import to import; raises CycleError where imports go in a circle, and names it."""
    chains: dict[Path, list[Path]] = {}
    for path in TopologicalSorter(graph).static_order():
        chains[path] = [path, *max((chains[module] for module in graph.get(path, ())), key=len, default=[])]
    return max(chains.values(), key=len)


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


@OF_FILES
@pytest.mark.parametrize("path", room_files(), ids=name_of)
def test_imports_point_one_way_and_go_through_facades(path):
    own = room_of(path)
    others = {module for module in imported_modules(path) if room_of(module) not in (own, "")}
    assert {room_of(module) for module in others} <= {"arguments", *MAY_IMPORT[own].split()}
    assert {module.name for module in others} <= {"__init__.py"}


@OF_FILES
def test_imports_make_no_circle_and_no_long_chain():
    """Façades are looked through: what counts is the file that a name comes from."""
    files = [path for path in source_files() if path.name != "__init__.py"]
    graph = {path: {definition_of(*found) for found in package_imports(path)} - {path} for path in files}
    chain = longest_chain(graph)
    assert len(chain) <= DEEPEST_CHAIN, " -> ".join(map(name_of, chain))


@OF_FILES
def test_the_package_has_few_entries():
    entries = {path.name for path in PACKAGE.iterdir()} - {"py.typed", "__pycache__"}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


@OF_FILES
@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_room_is_crowded(room):
    modules = [path.name for path in room_files() if room_of(path) == room and path.name != "__init__.py"]
    assert 0 < len(modules) <= MOST_MODULES, modules


@OF_FILES
def test_every_room_has_its_directions():
    assert {room_of(path) for path in room_files()} == set(MAY_IMPORT)


@OF_FILES
@pytest.mark.parametrize("path", [path for path in room_files() if path.name != "__init__.py"], ids=name_of)
def test_modules_are_neither_scraps_nor_scrolls(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) in MODULE_LINES


@OF_FILES
@pytest.mark.parametrize("path", room_files(), ids=name_of)
def test_only_the_rooms_of_graphs_see_pytensor(path):
    assert room_of(path) in READS_GRAPHS or "pytensor" not in imported_packages(path)


@OF_FILES
@pytest.mark.parametrize("path", [path for path in room_files() if "plots" in path.parts], ids=name_of)
def test_plots_read_datasets_only(path):
    assert not imported_packages(path) & {"pymc", "pytensor"}


@OF_FILES
def test_what_stands_behind_an_objective_is_its_own_affair():
    outside = [path for path in room_files() if room_of(path).split(".")[0] != "objective"]
    nodes = {path: ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in outside}
    used = [p for p in outside if any(getattr(node, "attr", "") == "evaluators" for node in nodes[p])]
    assert not used, list(map(name_of, used))


@OF_FILES
def test_no_file_has_a_vague_name():
    assert not {path.stem.strip("_") for path in source_files()} & VAGUE_NAMES


def files_of_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("*.py"))


def called(node: ast.AST) -> str:
    """The last name of what a call calls."""
    return getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""


@pytest.mark.parametrize("path", files_of_tests(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_draws_what_depends_on_the_tests_before_it(path):
    """A generator of a module is for what the module itself draws, when it is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    made = [node for node in tree.body if isinstance(node, ast.Assign) and called(node.value) == "default_rng"]
    shared = {target.id for node in made for target in node.targets}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store)} | {a.arg for a in function.args.args}
        assert not {node.id for node in names} & (shared - own), function.name


IMPORT_PROBE = """
import json, sys
import pymc
before = {name.partition(".")[0] for name in sys.modules}
import pymc_landscape
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} - before)))
"""


@pytest.fixture(scope="module")
def sample_of_readme(tmp_path_factory) -> subprocess.CompletedProcess[str]:
    """The README's sample in a process of its own, after a line that says which packages the import brings along."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sample = readme.split("```python\n")[1].split("```")[0]
    assert "pm.sample(500, random_seed=1)" in sample
    sample = sample.replace("pm.sample(500,", "pm.sample(100, cores=1, chains=1, quiet=True,")
    script = tmp_path_factory.mktemp("readme") / "sample.py"
    script.write_text(IMPORT_PROBE + sample, encoding="utf-8")
    return subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env=os.environ | {"MPLBACKEND": "Agg"},
        check=False,
    )


def test_the_sample_of_the_readme_runs(sample_of_readme):
    assert sample_of_readme.returncode == 0, sample_of_readme.stderr
    assert sample_of_readme.stdout.endswith("of 5.99 allowed\n")


@pytest.mark.parametrize("frozen", [False, True])
def test_what_an_import_makes_sets_off_no_collection(frozen, monkeypatch):
    """Nor the next one, but for objects that are frozen; and these stay so."""
    generations, thresholds = [], gc.get_threshold()
    monkeypatch.setattr(pymc_landscape, "import_module", lambda name: [[] for _ in range(5000)])
    gc.set_threshold(1000, 1, 1)
    gc.collect(0), gc.collect(0)
    if frozen:
        gc.freeze()
    n_frozen = gc.get_freeze_count()
    gc.callbacks.append(record := lambda phase, info: phase == "start" and generations.append(info["generation"]))
    try:
        made = pymc_landscape._imported("room")
        assert len(made) == 5000
        assert gc.isenabled()
        assert not generations
        assert abs(gc.get_freeze_count() - n_frozen) < 1000  # of the frozen ones, some are not needed any more
        made += [[] for _ in range(500)]
        assert bool(generations) == frozen
    finally:
        gc.callbacks.remove(record)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def test_import_leaves_plotting_and_accelerators_for_later(sample_of_readme):
    new = set(json.loads(sample_of_readme.stdout.splitlines()[0]))
    late = {"arviz", "arviz_plots", "bokeh", "dask", "jax", "matplotlib", "plotly"}
    assert not new & late
