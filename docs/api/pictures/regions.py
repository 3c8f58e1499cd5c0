region = pml.confidence_contour(fit, ["Vm", "K"])
pml.plots.regions(region, dt=dt)
