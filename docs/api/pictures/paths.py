start = {"Vm": 150, "K": 0.15, "sigma": fit.point["sigma"].item()}
landscape = pml.evaluate_landscape(fit, pml.regular_grid({"Vm": (140, 260, 81), "K": (0.02, 0.16, 81)}))
ways = [pml.descend(enzyme, name, starts=start, steps=300) for name in ("adam", "newton")]
pml.plots.paths(landscape, *ways)
