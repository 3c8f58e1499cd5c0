grid = pml.regular_grid({"mu[A]": (-4, 4, 61), "mu[B]": (-4, 4, 61)})
pml.plots.surface(pml.evaluate_landscape(mixture, grid))
