"""What arrays free stays with the process, also where the environment of a worker says that it goes back at once."""

import os
import subprocess
import sys

import pytest

# Sixty arrays of 2 MiB, one after the other, once that limit is known: how many pages the system had to clear for them.
PAGES = """
import resource
import numpy as np
import pymc as pm
import pymc_landscape as pml

with pm.Model() as model:
    pm.Normal("y", pm.Normal("mu", 0, 1), 1, observed=[1.0, 2.0])
if {first}:
    pml.Objective(model).value(np.zeros(1))
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**18)
before = faults()
for _ in range(60):
    np.ones(2**18)
print(faults() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rule is glibc's")
def test_arrays_are_not_cleared_anew_on_a_worker():
    """Dask sets MALLOC_TRIM_THRESHOLD_ for its workers, with which glibc no longer adapts its limit."""

    def pages(first):
        environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536"}
        command = [sys.executable, "-c", PAGES.format(first=first)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return int(done.stdout)

    without = pages(False)
    if without < 50 * 2**18 * 8 // os.sysconf("SC_PAGE_SIZE"):
        pytest.skip("this C library, or these large pages, clear nothing anew")
    assert pages(True) < without / 20
