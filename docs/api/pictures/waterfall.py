pml.plots.waterfall(pml.fit_mle(mixture, starts=20, random_seed=1))
