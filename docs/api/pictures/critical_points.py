grid = pml.regular_grid({"mu[A]": (-4, 4, 61), "mu[B]": (-4, 4, 61)})
points = pml.critical_points(mixture, starts=12, random_seed=1)
pml.plots.critical_points(pml.evaluate_landscape(mixture, grid), points)
