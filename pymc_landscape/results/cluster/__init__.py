"""Work on the workers of a Dask cluster: the same results, in the same order, as those of a loop in this process."""

from pymc_landscape.results.cluster.clients import ClientLike, checked_client
from pymc_landscape.results.cluster.lazy_grid import LazyGrid
from pymc_landscape.results.cluster.range_tasks import RangeTasks, units_at_once

__all__ = ["ClientLike", "LazyGrid", "RangeTasks", "checked_client", "units_at_once"]
