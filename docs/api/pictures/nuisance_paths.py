pml.plots.nuisance_paths(pml.profile_likelihood(fit, "K"))
