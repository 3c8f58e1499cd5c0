"""The benchmarks: no bar is left out, what is kept has its form, and losses are shown as losses."""

import importlib
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_extensions")]

from benchmark_tables import list_of_losses, tables  # noqa: E402

from benchmarks.results import SECTIONS, is_loss, keep, read, section_table  # noqa: E402
from benchmarks.rows import Bar, Row, compared  # noqa: E402

# Section, words of the work, of the peer, and of the bar.
BARS = [
    *(
        ("first_answers", f"first `fit_mle` of a process: {model}", "find_MAP", "≥ 8 × faster")
        for model in ("Gaussian, 40", "logistic, 20 predictors × 5,000", "BG/NBD")
    ),
    ("first_answers", "its PyTensor functions", "", "≤ 1"),
    *(
        ("first_answers", f"first picture of a process, 101 × 101: {model}", "compile of `pm.sample`", bar)
        for model in ("Gaussian reg", "LKJ", "Gaussian proc", "logistic, 20", "mixture", "AR", "censored", "BG/NBD")
        for bar in ("≤ 1 s", "≤ 0.5 × its time")
    ),
    *(("first_answers", f"first {verb}", "", "≤ 0.3 s") for verb in ("six interval ends", "three profiles", "descent")),
    ("grids", "10⁴ points × 1,000 rows", "numba", "≤ 2 × its time"),
    ("grids", "10⁶ points × 1,000 rows", "numba", "≤ 1.3 × its time"),
    ("grids", "10⁶ points × 1,000 rows", "JAX", "≥ 2 × faster"),
    ("refinement", "401 × 401 points", "every point evaluated", "≥ 10 × faster"),
    ("refinement", "its share of points evaluated", "", "≤ 10 %"),
    ("fits", "logistic, 20 predictors × 5,000", "statsmodels", "≤ 1 × its time"),
    ("ends", "six 95 % ends, budworm, compiled", "minos", "≥ 2 × faster"),
    ("ends", "40-vertex exact contour, budworm, compiled", "mncontour", "≥ 2 × faster"),
    ("ends", "ten interval ends, logistic, 200,000", "the fit", "≤ 4 × the fit"),
    ("ends", "ten interval ends, logistic, 1,000,000", "the fit", "≤ 4 × the fit"),
    ("stacks", "1,000 bootstrap refits, budworm", "glm", "≥ 5 × faster"),
    ("stacks", "999 bootstrap refits, NBD", "fit_mle", "≥ 10 × faster"),
    ("stacks", "coverage study, 2,000 binomial", "", "≤ 1.5 s"),
    ("effects", "sleepstudy", "lmer", "≤ 1.2 × its time"),
    ("effects", "six profile intervals", "confint", "≥ 12 × faster"),
    ("effects", "10,000 groups", "glmmTMB", "≤ 1 × its time"),
    ("effects", "random walk of 300 steps", "NumPy", "≤ 5 × its time"),
    ("clusters", "bootstrap refits", "one worker", "≥ 1.8 × faster"),
    ("clusters", "landscape of 10⁷ points", "one worker", "≥ 1.8 × faster"),
    ("clusters", "a task that does nothing", "", "≤ 5 ms"),
    ("large_data", "logistic fit, 10,000,000 rows", "in memory", "≤ 1.3 × its time"),
    ("large_data", "peak memory", "", "≤ 1024 MiB"),
    ("scans", "value and slope, GARCH, 400 steps", "logp_dlogp", "≤ 0.005 s"),
]


class Answer(dict):
    """What a process might have measured: a second for everything, and nothing off."""

    def __missing__(self, name):
        return 0.0 if name in ("off", "error") else 1.0

    def __contains__(self, name):
        return True

    def __or__(self, other):
        return self


class Pretended:
    """Caches that start no process."""

    def warm(self, *task):
        return Answer()

    cold = warm

    def in_turns(self, tasks, repeats):
        return [[Answer()] * repeats for _ in tasks]


@cache
def lines(section):
    return importlib.import_module(f"benchmarks.{section}").rows(Pretended(), 1)


def test_every_section_that_was_measured_says_how_and_has_all_lines():
    for name, section in read().items():
        assert [row["work"] for row in section["rows"]] == [row.work for row in lines(name)]
        assert {"date", "machine", "cores", "load", "repeats", "seconds", "versions"} <= set(section)
        for row in section["rows"]:
            assert row["ours"] is None or row["ours"] > 0 or (row["unit"] != "s" and row["ours"] == 0)
            if row["ours"] and row["theirs"]:
                assert row["times_faster"] == pytest.approx(row["theirs"] / row["ours"])


@pytest.mark.parametrize(("section", "work", "peer", "bar"), BARS, ids=lambda words: words[:40])
def test_every_bar_has_its_line(section, work, peer, bar):
    rows = [row for row in lines(section) if work in row.work and peer in row.peer]
    assert any(bar == each.words for row in rows for each in row.bars)


def test_the_page_has_a_part_for_each_section():
    titles = [line.removeprefix("## ") for line in tables().splitlines() if line.startswith("## ")]
    assert titles == list(SECTIONS.values())


def test_losses_are_shown_as_losses():
    """Each is in the list, and bold in its table; nothing else is."""
    text, told = tables(), list_of_losses()
    lost = [row for section in read().values() for row in section["rows"] if is_loss(row)]
    assert told.count("\n- ") + told.startswith("- ") == len(lost)
    assert sum("**" in line for line in text.splitlines()) == len(lost)
    for row in lost:
        assert f"- {row['work']}: " in told


def answers(ours, theirs):
    return [{"a_processor": ours, "b_processor": theirs}]


def test_a_bar_is_judged_by_the_figures():
    options = {"faster": 2, "within": 0.4, "at_most": 1.0}
    assert [bar.kept for bar in compared("work", answers(0.5, 2.0), "a", "b", "peer", **options).bars] == [True] * 3
    assert [bar.kept for bar in compared("work", answers(1.5, 2.0), "a", "b", "peer", **options).bars] == [False] * 3
    alone = compared("work", [{"a_processor": 0.5}], "a", "b", "peer", **options)
    assert [bar.kept for bar in alone.bars] == [True, None, None]
    assert alone.times_faster is None


def test_a_table_has_units_missing_peers_and_slower_work(tmp_path):
    rows = [
        Row("slow", 3e-3, "peer", 1.5e-3),
        Row("alone", 4.0, bars=(Bar("≤ 5 s", True),)),
        Row("missing", 2e-6, "R", None, bars=(Bar("≥ 2 × faster", None),)),
    ]
    told = {"date": "2026-11-01", "machine": "m", "cores": 2, "system": "s", "load": [0.1, 1.0], "repeats": 3}
    section = told | {"seconds": 5, "versions": {"numpy": "2", "jax": None}, "rows": [row.to_json() for row in rows]}
    keep("fits", section, tmp_path / "file.json")
    assert read(tmp_path / "file.json") == {"fits": section}
    slow, alone, missing, _, under = section_table("fits", section).splitlines()[4:9]
    assert slow == "| slow | 3 ms | peer | 1.5 ms | **0.5** |  |  |"
    assert alone == "| alone | 4 s |  |  |  | ≤ 5 s | yes |"
    assert missing == "| missing | 2 µs | R | not installed |  | ≥ 2 × faster | not measured |"
    assert under.endswith("load 0.1 before and 1 after; numpy 2; not installed: jax.")
