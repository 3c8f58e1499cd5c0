"""What was simulated: shares are where theory promises them, and the page shows all of it."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_extensions")]

from benchmarks.coverage import pieces, rejections, share  # noqa: E402
from benchmarks.coverage_models import COVERED, bounded_exact, edge_exact, skewed_exact, small_sample_exact  # noqa: E402
from benchmarks.coverage_results import SECTIONS, is_off, keep, read, table, tables  # noqa: E402


def test_all_that_theory_promises_is_kept():
    sections = read()["sections"]
    assert set(sections) == set(SECTIONS)
    assert sections["intervals"]
    assert sections["tests"]
    off = [row for rows in sections.values() for row in rows if is_off(row)]
    # the mixture is a law for many groups, and many counts; there are not many
    assert {row["law"] for row in off} <= {"mixture", "χ²"}
    assert {row["model"] for row in off} <= {"variance of 0, 60 groups of 4", "signal of 0, about 50 counts"}


def test_six_models_have_three_intervals_each():
    rows = read()["sections"]["intervals"]
    assert {row["model"] for row in rows} == {judged.title for judged in COVERED.values()}
    assert {row["method"] for row in rows} == {"wald", "profile", "bootstrap"}
    assert all(row["sets"] == 2000 for row in rows if row["method"] != "bootstrap")
    assert all(row["error"] > 0 for row in rows)


def test_the_page_shows_every_row():
    sections = read()["sections"]
    for name, rows in sections.items():
        shown = table(name)
        assert rows or "Not simulated yet" in shown
        assert all(f"{100 * row['share']:.1f} ± {100 * row['error']:.1f}" in shown for row in rows)


def test_exact_shares_are_those_of_plain_simulation():
    """Each law in closed form, against 40,000 data sets of NumPy."""
    rng, sets = np.random.default_rng(1), 40_000
    y = rng.normal(size=(sets, 6))
    sd = y.std(axis=1)
    wald = np.abs(y.mean(axis=1)) <= 1.959964 * sd / np.sqrt(6)
    profile = 6 * np.log1p((y.mean(axis=1) / sd) ** 2) <= 3.841459
    spread = 6 * (sd**2 - 1 - np.log(sd**2)) <= 3.841459
    v = rng.exponential(size=(sets, 10)).mean(axis=1)
    skewed = 20 * (v - 1 - np.log(v)) <= 3.841459
    edge = np.maximum(rng.normal(size=sets), 0) ** 2 <= 3.841459
    counts = rng.binomial(20, 0.1, sets) / 20
    bounded = (np.abs(counts - 0.1) <= 1.959964 * np.sqrt(counts * (1 - counts) / 20)) & (counts > 0)
    for held, exact in (
        (wald, small_sample_exact()["wald", "mu"]),
        (profile, small_sample_exact()["profile", "mu"]),
        (spread, small_sample_exact()["profile", "sigma"]),
        (skewed, skewed_exact()["profile", "mean"]),
        (edge, edge_exact()["profile", "s"]),
        (bounded, bounded_exact()["wald", "p"]),
    ):
        assert held.mean() == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / sets))


def test_a_share_that_is_off_is_bold_and_nothing_else(tmp_path):
    row = {"model": "m", "law": "χ²", "theory": 0.05} | share(100, 1000)
    assert is_off(row)
    assert not is_off(row | {"theory": 0.1})
    sections = {name: [] for name in SECTIONS} | {"tests": [row]}
    assert "**10.0 ± 1.0**" in tables(sections)
    keep(sections, 1.0, tmp_path / "kept.json")
    assert read(tmp_path / "kept.json")["sections"]["tests"] == [row]
    assert share(0, 100)["error"] > 0


@pytest.mark.exhaustive
def test_every_piece_of_work_runs():
    assert {section for section, _ in pieces(20)} == set(SECTIONS)
    rows = rejections("signal", 20)
    assert [row["law"] for row in rows] == ["χ²", "mixture"]
    assert all(0 <= row["share"] <= 1 for row in rows)
