pml.plots.wilks_qq(pml.parametric_bootstrap(fit, draws=200, random_seed=1))
