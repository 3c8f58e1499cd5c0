pml.plots.influence(pml.influence(fit, "K"))
