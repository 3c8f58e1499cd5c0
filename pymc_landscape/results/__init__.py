"""How results are reported, labelled, stored and gathered. Knows nothing of the rest."""

from pymc_landscape.results.checkpoint import Checkpoint
from pymc_landscape.results.datatree import to_datatree
from pymc_landscape.results.labelled_dataset import labelled_dataset
from pymc_landscape.results.messages import (
    chosen_methods,
    closest,
    require_chunks,
    require_probability,
    unknown_name,
    wrong_type,
)
from pymc_landscape.results.progress import DelayedProgressBar
from pymc_landscape.results.provenance import provenance_attributes
from pymc_landscape.results.status_meanings import FIT_STATUSES, INTERVAL_STATUSES, TEST_REFERENCES, Meaning
from pymc_landscape.results.zarr_store import (
    IN_MEMORY,
    Memory,
    ZarrStore,
    open_store,
    other_store,
    require_zarr,
)
from pymc_landscape.results.zarr_store import ROOT as STORE_ROOT

__all__ = [
    "FIT_STATUSES",
    "INTERVAL_STATUSES",
    "IN_MEMORY",
    "STORE_ROOT",
    "TEST_REFERENCES",
    "Checkpoint",
    "DelayedProgressBar",
    "Meaning",
    "Memory",
    "ZarrStore",
    "chosen_methods",
    "closest",
    "labelled_dataset",
    "open_store",
    "other_store",
    "provenance_attributes",
    "require_chunks",
    "require_probability",
    "require_zarr",
    "to_datatree",
    "unknown_name",
    "wrong_type",
]
