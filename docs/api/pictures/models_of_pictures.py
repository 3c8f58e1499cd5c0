"""The two models that the pictures of the reference show, fitted and sampled once."""

import numpy as np
import pymc as pm

import pymc_landscape as pml

# An enzyme's rate against the concentration of its substrate (Bates & Watts 1988, Puromycin, treated cells).
conc = np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.10], 2)
rate = np.array([76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200])
at = np.linspace(0, 1.2, 25)

with pm.Model(coords={"at": at}) as enzyme:
    Vm, K = pm.HalfNormal("Vm", 500), pm.Gamma("K", 4, 40)
    sigma = pm.HalfNormal("sigma", 20)
    pm.Deterministic("curve", Vm * at / (K + at), dims="at")
    pm.Normal("rate", Vm * conc / (K + conc), sigma, observed=rate)
    dt = pm.sample(500, tune=500, chains=2, cores=1, random_seed=1, quiet=True)

fit = pml.fit_mle(enzyme)

# Two groups, and nobody wrote down which is which: two valleys.
rng = np.random.default_rng(3)
y = np.concatenate([rng.normal(-2, 1, 24), rng.normal(2, 1, 8)])
with pm.Model(coords={"group": ["A", "B"]}) as mixture:
    mu = pm.Normal("mu", 0, 3, dims="group")
    pm.NormalMixture("y", w=[0.75, 0.25], mu=mu, sigma=1.5, observed=y)
