"""How results are reported, labelled, stored and gathered. Knows nothing of the rest."""

from pymc_landscape.results.checkpoint import Checkpoint
from pymc_landscape.results.datatree import to_datatree
from pymc_landscape.results.interruption import STOPS, ClusterLost, Stop, warn_of_part, why_stopped
from pymc_landscape.results.labelled_dataset import (
    array_dataset,
    array_variable,
    assembled_dataset,
    axis_variable,
    labelled_array,
    labelled_axis,
    labelled_dataset,
)
from pymc_landscape.results.memory_rows import IN_MEMORY, Memory, RowsInMemory
from pymc_landscape.results.pickling import MadeAnew, Portable, dumps_without, loads_with
from pymc_landscape.results.progress import DelayedProgressBar
from pymc_landscape.results.provenance import provenance_attributes
from pymc_landscape.results.reserved_names import (
    OF_CONTOURS,
    OF_DRAWS,
    OF_LANDSCAPES,
    refuse_doubled_labels,
    refuse_reserved_names,
)
from pymc_landscape.results.status_meanings import FIT_STATUSES, INTERVAL_STATUSES, TEST_REFERENCES, Meaning
from pymc_landscape.results.store_directory import StoreDirectory
from pymc_landscape.results.store_record import ROOT as STORE_ROOT
from pymc_landscape.results.store_record import Origin, StoreRecord, other_store
from pymc_landscape.results.stored_labels import text_labels
from pymc_landscape.results.zarr_store import ZarrStore, record_in, require_zarr

__all__ = [
    "FIT_STATUSES",
    "INTERVAL_STATUSES",
    "IN_MEMORY",
    "OF_CONTOURS",
    "OF_DRAWS",
    "OF_LANDSCAPES",
    "STOPS",
    "STORE_ROOT",
    "TEST_REFERENCES",
    "Checkpoint",
    "ClusterLost",
    "DelayedProgressBar",
    "MadeAnew",
    "Meaning",
    "Memory",
    "Origin",
    "Portable",
    "RowsInMemory",
    "Stop",
    "StoreDirectory",
    "StoreRecord",
    "ZarrStore",
    "array_dataset",
    "array_variable",
    "assembled_dataset",
    "axis_variable",
    "dumps_without",
    "labelled_array",
    "labelled_axis",
    "labelled_dataset",
    "loads_with",
    "other_store",
    "provenance_attributes",
    "record_in",
    "refuse_doubled_labels",
    "refuse_reserved_names",
    "require_zarr",
    "text_labels",
    "to_datatree",
    "warn_of_part",
    "why_stopped",
]
