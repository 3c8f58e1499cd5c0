"""What the tests of inference share: one fit of the budworm data, with what is asked of it."""

import numpy as np
import published
import pymc as pm
import pytest
from verbs import fit

import pymc_landscape as pml


@pytest.fixture(scope="session")
def budworm() -> pml.Fit:
    with pm.Model(coords={"term": ["constant", "male", "dose"]}) as model:
        b = pm.Normal("b", 0, 10, dims="term")
        pm.Deterministic("ld50", -b[0] / b[2])
        pm.Deterministic("curve", pm.math.invlogit(b[0] + b[2] * np.array([0.0, 2.5, 5.0])))
        pm.Binomial(
            "dead",
            published.TRIED,
            logit_p=b[0] + b[1] * published.MALE + b[2] * published.DOSE,
            observed=published.DEAD,
        )
    return fit(model)
