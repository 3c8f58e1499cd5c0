"""One checker for the arguments of all verbs: what is wrong is refused at the door, in a sentence that names it."""

from pymc_landscape.arguments.scalars import (
    check_run_options,
    checked_array,
    checked_count,
    checked_flag,
    checked_level,
    checked_levels,
    checked_number,
    checked_seed,
)
from pymc_landscape.arguments.sentences import closest, refused, told, unknown_name, wrong_type
from pymc_landscape.arguments.words import (
    checked_choice,
    checked_choices,
    checked_group,
    checked_mapping,
    checked_names,
    checked_path,
    meant,
    repeatable,
)

__all__ = [
    "check_run_options",
    "checked_array",
    "checked_choice",
    "checked_choices",
    "checked_count",
    "checked_flag",
    "checked_group",
    "checked_level",
    "checked_levels",
    "checked_mapping",
    "checked_names",
    "checked_number",
    "checked_path",
    "checked_seed",
    "closest",
    "meant",
    "refused",
    "repeatable",
    "told",
    "unknown_name",
    "wrong_type",
]
