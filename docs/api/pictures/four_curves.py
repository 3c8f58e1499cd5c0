pml.plots.four_curves(pml.four_curves(fit, dt, "K", random_seed=1))
