landscape = pml.evaluate_landscape(fit, pml.fit_grid(fit, ["Vm", "K"]))
pml.plots.landscape(landscape, dt=dt)
