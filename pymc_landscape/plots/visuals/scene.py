"""The scene of a surface in three dimensions: its box, its colours, and where one stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import PowerNorm, to_rgba
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from pymc_landscape._typing import Array

TALL = 0.8  # height of the box, in its widths
PLATEAU = "#d4d4d4"  # where the walls are cut: no colour of the map, so that it is no height
ELEVATIONS = (32.0, 42.0, 52.0)
AZIMUTHS = (-58.0, -122.0, 58.0, 122.0, -32.0, -148.0, 32.0, 148.0)  # no edge hides another
MOST_TRIED = 300
Ground = tuple[Array, Array, Array]  # x, y and the heights over them, cut at the cap


@dataclass(frozen=True)
class Scene:
    """What every part of the picture must know of the whole.

    Attributes
    ----------
    x, y : tuple of float
        Limits of the two axes.
    floor, cap : float
        Lowest and highest z.
    elev, azim : float
        Direction of the eye, in degrees.
    cmap : str
        Colour map of the heights.
    ticks, names : sequence
        Heights named on the colour bar, and their names.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    floor: float
    cap: float
    elev: float
    azim: float
    cmap: str
    ticks: Sequence[float]
    names: Sequence[str]

    @property
    def eye(self) -> Array:
        """Unit vector towards the eye."""
        up, round_ = np.deg2rad([self.elev, self.azim])
        return np.array([np.cos(up) * np.cos(round_), np.cos(up) * np.sin(round_), np.sin(up)])


def shades(z: Array, scene: Scene) -> Array:
    """Colours (RGBA) by √height, evenly spaced over a quadratic valley; grey on the plateau."""
    colours = colormaps[scene.cmap](PowerNorm(0.5, vmin=0.0, vmax=scene.cap)(z))
    colours[np.asarray(z) >= scene.cap] = to_rgba(PLATEAU)
    return np.asarray(colours)


def stand(scene: Scene, ground: Ground, low: float) -> Scene:
    """Stand where most of the ground below ``low`` is in sight; higher up only if that helps."""
    x, y, z = ground
    below = np.argwhere(z < low)
    below = below[:: -(-len(below) // MOST_TRIED)]
    places = x[below[:, 0]], y[below[:, 1]], z[below[:, 0], below[:, 1]]
    views = [replace(scene, elev=e, azim=a) for e in ELEVATIONS for a in AZIMUTHS]

    def merit(view: Scene) -> float:
        return round(float(in_sight(*places, ground, view).mean()) - 0.01 * view.elev, 2)

    return max(views, key=merit) if len(below) else views[0]


def in_sight(x: Array, y: Array, z: Array, ground: Ground, of: Scene) -> NDArray[np.bool_]:
    """Which points on the surface the eye can see: nothing rises above the ray to it."""
    height = RegularGridInterpolator(ground[:2], ground[2], bounds_error=False)
    steps = np.linspace(0.01, 1.6, 100)[:, None]
    tall = (of.cap - of.floor) / TALL
    rays_x = x + steps * of.eye[0] * (of.x[1] - of.x[0])
    rays_y = y + steps * of.eye[1] * (of.y[1] - of.y[0])
    with np.errstate(invalid="ignore"):
        above = height(np.stack([rays_x, rays_y], axis=-1)) - (z + steps * of.eye[2] * tall)
    return ~np.any(above > 0.01 * of.cap, axis=0)
