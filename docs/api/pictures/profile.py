pml.plots.profile(pml.profile_likelihood(fit, ["Vm", "K"]), dt=dt)
