pml.plots.spectrum(pml.hessian_spectrum(fit))
