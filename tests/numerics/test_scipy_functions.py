"""Functions of SciPy's compiled files: those of its packages, without these."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest
import scipy.linalg.lapack
import scipy.special

from pymc_landscape.numerics import lapack, scipy_functions, special_function


def functions_of_pytensor():
    """Names of special functions that an Op of PyTensor's asks SciPy for."""
    files = Path(pytensor.__file__).parent.rglob("*.py")
    names = {name for file in files for name in re.findall(r'"scipy\.special\.(\w+)"', file.read_text("utf-8"))}
    return sorted(name for name in names if isinstance(getattr(scipy.special, name), np.ufunc))


@pytest.mark.parametrize("name", functions_of_pytensor())
def test_special_functions_are_those_of_the_package_to_the_last_bit(name, rng):
    found, own = special_function(name), getattr(scipy.special, name)
    numbers = [10.0 ** rng.uniform(-3, 2, 500) for _ in range(own.nin)]
    assert found.types == own.types
    np.testing.assert_array_equal(found(*numbers), own(*numbers))


def test_routines_are_those_of_lapack_in_scipy(rng):
    matrix, right = rng.normal(size=(5, 5)), rng.normal(size=5)
    for found, own in zip(lapack("dgesv")(matrix, right), scipy.linalg.lapack.dgesv(matrix, right), strict=True):
        np.testing.assert_array_equal(found, own)


def test_without_such_files_the_packages_are_asked(monkeypatch):
    monkeypatch.setattr(scipy_functions.PathFinder, "find_spec", lambda *_: None)
    for function in (special_function, lapack, scipy_functions._compiled):
        function.cache_clear()
    try:
        assert special_function("gammaln") is scipy.special.gammaln
        assert lapack("dgesv") is scipy.linalg.lapack.dgesv
    finally:
        for function in (special_function, lapack, scipy_functions._compiled):
            function.cache_clear()


@pytest.mark.parametrize("asked", ["special", "linalg.lapack"])
def test_what_is_in_no_file_is_in_the_package_or_nowhere(asked):
    function = special_function if asked == "special" else lapack
    assert special_function("ndtri") is scipy.special.ndtri
    with pytest.raises(AttributeError, match="no_such_function"):
        function("no_such_function")


FIRST = """
import sys
from pymc_landscape import chi2_cutoff
from pymc_landscape.numerics import lapack, special_function
print(special_function("gammaln")(0.3).hex(), chi2_cutoff(0.9).hex(), lapack("dgesv")([[3.0]], [1.0])[2].item().hex())
print(*(name for name in ("scipy.special", "scipy.linalg") if name in sys.modules))
import scipy.linalg, scipy.special  # after the files
after = scipy.special.gammaln(0.3), 2.0 * scipy.special.gammaincinv(0.5, 0.9), scipy.linalg.solve([[3.0]], [1.0])[0]
print(*(float(x).hex() for x in after))
"""


def test_no_package_is_imported_for_a_function_and_each_can_be_afterwards():
    run = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    numbers, imported, after = run.stdout.splitlines()
    known = [scipy.special.gammaln(0.3), 2.0 * scipy.special.gammaincinv(0.5, 0.9), 1.0 / 3.0]
    assert [float.fromhex(x) for x in numbers.split()] == known
    assert imported == ""
    assert [float.fromhex(x) for x in after.split()] == known
