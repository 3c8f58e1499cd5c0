"""Peers in R, where it is installed; it is no part of the project's environment.

``apt-get install r-base-core r-cran-lme4 r-cran-glmmtmb`` brings them on Debian.
"""

import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("peers.R")


def r_seconds(work: str, *arguments: str) -> dict[str, float]:
    """Return seconds by both clocks of what R takes, by name; nothing where R or the package is missing."""
    if shutil.which("Rscript") is None:
        return {}
    done = subprocess.run(
        ["Rscript", "--vanilla", str(SCRIPT), work, *arguments], capture_output=True, text=True, check=False
    )
    found: dict[str, float] = {}
    for line in done.stdout.splitlines():
        name, wall, processor = line.split()
        found |= {name: float(wall), f"{name}_processor": float(processor)}
    return found
