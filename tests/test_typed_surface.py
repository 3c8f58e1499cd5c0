"""What the types of the public surface say to a user whose own code is checked."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")
USAGE = Path(__file__).parent / "models" / "typed_usage.py"


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mypy",
        str(path),
    ]  # as the package is: what was found then is kept
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)


@pytest.mark.exhaustive
def test_what_a_user_writes_has_the_types_that_are_documented():
    result = checked(USAGE)
    assert result.returncode == 0, result.stdout


@pytest.mark.exhaustive
def test_what_is_no_verb_s_argument_is_found_by_the_type_checker(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import pymc_landscape as pml\n"
        "pml.chi2_cutoff(0.95, df=None)\n"
        "pml.fit_mle(None, starts=1.5, progressbar=False)\n"
        "pml.confidence_intervals(None, level='high')\n"
        "pml.evaluate_landscape(None, nuisance='drop')\n"
    )
    lines = {
        int(line.split(":")[1]) for line in checked(wrong).stdout.splitlines() if "error" in line and ":" in line[9:]
    }
    assert {2, 3, 4, 5} <= lines
