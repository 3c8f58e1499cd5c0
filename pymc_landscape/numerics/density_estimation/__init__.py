"""Densities of draws: splines of the log density, by penalised likelihood of binned counts."""

from pymc_landscape.numerics.density_estimation.draws_density import (
    DrawsDensity,
    JointDensity,
    draws_density,
    joint_density,
)

__all__ = ["DrawsDensity", "JointDensity", "draws_density", "joint_density"]
