"""What a PyMC model says: variables, roles, log densities and their derivatives, as graphs."""

from pymc_landscape.model.data import DataSwaps
from pymc_landscape.model.density import (
    Density,
    GraphInputs,
    LogDensities,
    Marginalize,
    PotentialRoles,
    ReducedTerm,
    derived_graphs,
    discrete_values,
    is_inside,
    model_density,
    natural_graphs,
    summed_rows,
    unconstrained_graphs,
    without,
    write_log_densities,
)
from pymc_landscape.model.derivatives import (
    Differentiated,
    NoDerivativeError,
    combination_graph,
    foreign_operations,
    gradient_graph,
    hessian_graph,
    hessian_product_graph,
    in_one_vector,
    jacobian_graph,
    joined,
    product_graph,
    refuse_second_derivatives,
    refuse_written_out,
)
from pymc_landscape.model.distributions import aligned, constant_value, kind_of, name_of, without_dims
from pymc_landscape.model.engine_factory import EngineFactory
from pymc_landscape.model.fingerprint import Fingerprint, model_digest
from pymc_landscape.model.layout import Element, FreeVariable, Layout, element_labels
from pymc_landscape.model.losses import LOSS_FAMILIES, Affine, Family, add_up, quantile_of
from pymc_landscape.model.metadata import ModelMetadata, shared_data
from pymc_landscape.model.missing_data import kept_positions
from pymc_landscape.model.missing_densities import refuse_missing_densities
from pymc_landscape.model.observation_families import Described, describe
from pymc_landscape.model.piecewise_derivatives import places_read
from pymc_landscape.model.roles import (
    PotentialRole,
    check_model,
    find_latent,
    is_added_up,
    n_rows,
    on_all_data,
    resolve_latent,
    roles_of_potentials,
)
from pymc_landscape.model.transforms import VALUE_TRANSFORMS, plain
from pymc_landscape.model.written_out import is_written_out

__all__ = [
    "LOSS_FAMILIES",
    "VALUE_TRANSFORMS",
    "Affine",
    "DataSwaps",
    "Density",
    "Described",
    "Differentiated",
    "Element",
    "EngineFactory",
    "Family",
    "Fingerprint",
    "FreeVariable",
    "GraphInputs",
    "Layout",
    "LogDensities",
    "Marginalize",
    "ModelMetadata",
    "NoDerivativeError",
    "PotentialRole",
    "PotentialRoles",
    "ReducedTerm",
    "add_up",
    "aligned",
    "check_model",
    "combination_graph",
    "constant_value",
    "derived_graphs",
    "describe",
    "discrete_values",
    "element_labels",
    "find_latent",
    "foreign_operations",
    "gradient_graph",
    "hessian_graph",
    "hessian_product_graph",
    "in_one_vector",
    "is_added_up",
    "is_inside",
    "is_written_out",
    "jacobian_graph",
    "joined",
    "kept_positions",
    "kind_of",
    "model_density",
    "model_digest",
    "n_rows",
    "name_of",
    "natural_graphs",
    "on_all_data",
    "places_read",
    "plain",
    "product_graph",
    "quantile_of",
    "refuse_missing_densities",
    "refuse_second_derivatives",
    "refuse_written_out",
    "resolve_latent",
    "roles_of_potentials",
    "shared_data",
    "summed_rows",
    "unconstrained_graphs",
    "without",
    "without_dims",
    "write_log_densities",
]
