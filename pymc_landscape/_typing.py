"""The types that many rooms speak of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
# A PyTensor variable. PyTensor's own annotations do not know that its variables can be added, summed or indexed.
Graph = Any
# A place in a model's parameter space: values by name.
Point = Mapping[str, ArrayLike]
