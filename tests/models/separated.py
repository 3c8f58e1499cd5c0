"""Models of data in which predictors tell outcomes apart, and of cells without a count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm

DATA = Path(__file__).parents[1] / "data"
# Heinze & Schemper (2002), Statistics in Medicine 21, 2409-2419; 79 cases of endometrial cancer (E. Asseryanis). All 13
# with neovasculization have a high grade.
ENDOMETRIAL = pd.read_csv(DATA.parents[1] / "examples" / "data" / "endometrial.csv")
PREDICTORS = ["NV", "PI", "EH"]
LINKS = {"logit": pm.math.invlogit, "probit": pm.math.invprobit, "cloglog": lambda x: 1 - pm.math.exp(-pm.math.exp(x))}


def endometrial_design() -> np.ndarray:
    """Return intercept, NV, PI, EH."""
    return np.column_stack([np.ones(len(ENDOMETRIAL)), ENDOMETRIAL[PREDICTORS]])


def endometrial(link: str = "logit") -> pm.Model:
    """Histology grade on three risk factors, one free variable a coefficient."""
    with pm.Model() as model:
        coefficients = [pm.Normal(name, 0, 10) for name in ("intercept", *PREDICTORS)]
        eta = sum(b * x for b, x in zip(coefficients, endometrial_design().T, strict=True))
        observed = ENDOMETRIAL["HG"].to_numpy()
        if link == "logit":
            pm.Bernoulli("HG", logit_p=eta, observed=observed)
        else:
            pm.Bernoulli("HG", p=LINKS[link](eta), observed=observed)
    return model


COUNTS = {"y": np.array([0, 3, 7, 0, 2, 9]), "x": np.array([-1, 0, 1, -1, 0.5, 2]), "g": np.repeat([0, 1], 3)}


def counts() -> pm.Model:
    """Counts on a line, in two groups."""
    with pm.Model() as model:
        a, b, c = (pm.Normal(name, 0, 10) for name in "abc")
        pm.Poisson("y", mu=pm.math.exp(a + b * COUNTS["x"] + c * COUNTS["g"]), observed=COUNTS["y"])
    return model
