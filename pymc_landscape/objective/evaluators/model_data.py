"""The data behind the engines of a model: which are replaced, how many observations they are."""

from __future__ import annotations

from pymc_landscape._typing import Array, Graph
from pymc_landscape.model import DataSwaps, ModelMetadata


class ModelData:
    """The data that a model's engines have.

    Attributes
    ----------
    metadata : ModelMetadata
        Of the model.
    """

    metadata: ModelMetadata
    _data: DataSwaps
    _integers_fixed: bool

    @property
    def data(self) -> DataSwaps:
        """Which data are replaced; all of them are at hand."""
        return self._data

    @property
    def replaced(self) -> frozenset[Graph]:
        """The model's own data that are replaced."""
        return self._data.variables

    @property
    def contents(self) -> dict[str, Array]:
        """What tells the data that are replaced from others, by name."""
        return self._data.values

    @property
    def n_observations(self) -> int:
        """Number of observations: elements of the observed terms, compositions and count vectors as one each."""
        return self.metadata.n_observations

    def observed_digests(self) -> dict[str, Array] | None:
        """Return what tells observed variables from others where their values are not at hand; None where they are."""
        return None

    def refuse_row_blocks(self, what: str = "this") -> None:
        """Refuse what needs all data at once where they are read in blocks of rows; here they are at hand."""

    def refuse_discrete(self) -> None:
        """Refuse to differentiate with respect to integers."""
        discrete = [v.name for v in self.metadata.variables if v.discrete]
        if discrete and not self._integers_fixed:
            raise ValueError(
                f"Expected continuous parameters, got the discrete {', '.join(discrete)}: they can be grid axes but "
                f"not descended; Objective(model, latent={[*self.metadata.latent, *discrete]!r}) sums them out."
            )
