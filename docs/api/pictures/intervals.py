ends = pml.confidence_intervals(fit, ["Vm", "K", "sigma"], method=["wald", "profile"])
pml.plots.intervals(ends, dt=dt)
