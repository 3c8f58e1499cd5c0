pml.plots.comparison(pml.compare_with_posterior(fit, dt, random_seed=1))
