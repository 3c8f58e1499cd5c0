curve = pml.confidence_intervals(fit, "curve")
pml.plots.band(curve, x=at, dt=dt, data=(conc, rate))
