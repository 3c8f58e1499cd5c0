start = {"Vm": 150, "K": 0.15, "sigma": 20}
ways = [pml.descend(enzyme, name, starts=start, steps=300) for name in ("adam", "lbfgs", "newton")]
pml.plots.descent(*ways, minimum=fit)
