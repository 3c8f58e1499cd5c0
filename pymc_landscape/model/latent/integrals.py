"""What is integrated and summed out of a model's likelihood: random effects and discrete variables, and how."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast, override

import numpy as np
import pymc as pm
from numpy.typing import NDArray

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Engine
from pymc_landscape.model import DataSwaps, Density, FreeVariable, Made, PotentialRoles, model_density, shared_data
from pymc_landscape.model.latent.discrete_sums import TOGETHER, SumOut, Sums
from pymc_landscape.model.latent.gauss_hermite import Quadrature
from pymc_landscape.model.latent.joint_density import density_of_states, joint_density
from pymc_landscape.model.latent.laplace import Build, Laplace
from pymc_landscape.model.latent.mixture_integral import StateIntegral

# Numba needs long for third derivatives: seconds of interpreting before it is asked.
PATIENCE = 60.0


class LatentIntegrals(DataSwaps):
    """A model's integrals and sums, made when first asked for and shared by all objectives of it.

    Parameters
    ----------
    model : pm.Model
        The model; later changes of its data are seen.
    parts : PotentialRoles
        What its potentials count as.
    backend : str or None
        As in :class:`~pymc_landscape.engine.engine.Engine`.
    compile_kwargs : mapping or None
        As in PyMC.
    latent : tuple of str
        Names of the random effects that are integrated out, and of the discrete variables that are summed out.
    quadrature : int
        Nodes for each of them; 1 is Laplace's approximation.
    """

    def __init__(
        self,
        model: pm.Model,
        parts: PotentialRoles,
        backend: str | None,
        compile_kwargs: Mapping[str, Any] | None,
        *,
        latent: tuple[str, ...] = (),
        quadrature: int = 1,
    ):
        super().__init__(model, latent)
        self.parts, self.quadrature = parts, quadrature
        self.backend, self.compile_kwargs = backend, dict(compile_kwargs or {})

    def engine(self, kind: Any, unconstrained: frozenset[str] = frozenset()) -> Engine:
        """Return an engine of the model."""
        raise NotImplementedError

    def kept(self, key: Hashable, build: Callable[[], Made]) -> Made:
        """Return what `build` makes of the model, made once for each `key` until the model changes."""
        options = (self.parts, self.latent, self.quadrature, self.backend, _hashable(self.compile_kwargs))
        whole = (key, self._fingerprint(), frozenset(self._data), self._indices(), options)
        if whole not in self._store:
            self._store[whole] = build()
        made: Made = self._store[whole]
        return made

    def _engine_of(self, vector: Graph, graphs: dict[str, Graph], patience: float | None = None) -> Engine:
        return Engine(
            vector,
            graphs,
            check_bounds=self.model.check_bounds,
            backend=self.backend,
            compile_kwargs=self.compile_kwargs,
            patience=patience,
        )

    def density(self, unconstrained: frozenset[str]) -> Density:
        """Return the graphs of the density, on this model's data."""
        self.refuse_latent()
        out = self.sum_out(unconstrained)
        return model_density(
            self.model,
            self.layout(unconstrained),
            self.parts,
            self.swaps,
            summed=self.summed_names,
            marginalize=out.marginalize if out else None,
        )

    # --- random effects ----------------------------------------------------------------------------------------------

    @property
    def laplace(self) -> Laplace:
        """The integral over the random effects, shared by all kinds and scales."""
        return self.kept("laplace", lambda: self.integral(self.quadrature))

    def integral(self, nodes: int) -> Laplace:
        """Return a new integral over the random effects: Laplace's, or by quadrature for more than one node."""
        density = joint_density(
            self.model, self.variables, self.effects, self.parts, self.swaps, self.sum_out(frozenset())
        )
        if nodes == 1:
            return Laplace(density, *self._around)
        return Quadrature(density, *self._around, nodes)

    @property
    def _around(self) -> tuple[Array, NDArray[np.intp], Build]:
        """What an integral is told beside its density: a place, a guess at groups, and how engines are made."""
        reference = self.layout().join(self.initial_point())
        return reference, groups_of(self.effects), partial(self._engine_of, patience=PATIENCE)

    @property
    def marginal(self) -> Laplace:
        """The integral that is the marginal likelihood: over effects, and discrete variables beside them."""
        return self.kept("marginal", self._state_integral) if self.summed else self.laplace

    def _state_integral(self) -> Laplace:
        """Return the integral state by state where effects come in blocks with states of their own."""
        out = cast(SumOut, self.sum_out(frozenset()))
        found = density_of_states(self.model, self.variables, self.effects, self.parts, self.swaps, out)
        if found is not None:
            with suppress(ValueError):  # crossed effects have no blocks
                whole = StateIntegral(found[0], *self._around, self.quadrature, *found[1:])
                if np.isfinite(whole.value(whole.reference)[0]):
                    return whole
        return self.laplace

    @property
    def term_names(self) -> list[str]:
        """Names of the observed variables, and of the potentials that count as likelihood."""
        return [*(rv.name for rv in self.model.observed_RVs), *self.parts.likelihood]

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the terms of the log-likelihood; an integral is one term."""
        if self.effects:
            return (TOGETHER.join(self.term_names),)
        return self.sums.merged(self.term_names) if self.summed else tuple(self.term_names)

    def refuse_latent(self) -> None:
        """Refuse what single observations are needed for, where random effects tie them together."""
        if self.effects:
            raise ValueError(
                f"Expected a likelihood of single observations, got one in which "
                f"{', '.join(v.name for v in self.effects)} is integrated out, which ties observations together: use "
                f"Objective(model, latent={self.summed_names!r}), given it."
            )

    # --- discrete variables ------------------------------------------------------------------------------------------

    @property
    def summed_names(self) -> tuple[str, ...]:
        """Names of the discrete variables that are summed out."""
        return tuple(v.name for v in self.summed)

    @property
    def sums(self) -> Sums:
        """The sums over the discrete variables, shared by all kinds and scales."""
        effects = [v.name for v in self.effects]
        return self.kept("sums", lambda: Sums(self.model, self.summed, effects, self.parts.likelihood))

    def sum_out(self, unconstrained: frozenset[str]) -> SumOut | None:
        """Return the sums, with numbers for a vector in which `unconstrained` variables stand on that scale."""
        if not self.summed:
            return None
        self.use_data()  # which observations belong together is read off them
        point = self.layout().join(self.initial_point())
        if unconstrained:
            moved = self.engine("unconstrained", unconstrained).one(point)
            point = np.concatenate([np.ravel(value) for value in moved])
        effects = sum(int(np.prod(v.value_shape)) for v in self.effects)
        return SumOut(self.sums, np.concatenate([point, np.zeros(effects)]))

    def _indices(self) -> Hashable:
        """Return what of the data decides which observations belong to which element of a discrete variable."""
        if not self.summed:
            return None
        now = {d.name: self._data.get(d.name, d.get_value(borrow=True)) for d in shared_data(self.model)}
        return tuple((name, value.tobytes()) for name, value in now.items() if np.asarray(value).dtype.kind in "iub")

    def refuse_unsummable(self) -> None:
        """Refuse discrete variables that cannot be summed out, before anything is asked of them."""
        if self.summed:
            self.kept("sums are possible", lambda: bool(self.laplace if self.effects else self.density(frozenset())))

    @override
    def term_dims(self, term: str, size: int) -> tuple[list[str], dict[str, Any], tuple[int, ...]]:
        group = self.sums.named(term) if self.summed else None
        if group is None or self.effects:
            return super().term_dims(term, size)
        by = self.sums.labelled_by(group)
        if by is None:
            return [f"{term}_dim_0"], {}, (size,)
        discrete = next((v for v in self.summed if v.name == by), None)
        if discrete is None:
            return super().term_dims(by, size)
        return list(discrete.dims), dict(zip(discrete.dims, discrete.coords, strict=True)), discrete.shape


def groups_of(effects: Sequence[FreeVariable]) -> NDArray[np.intp]:
    """Guess which elements of the effects belong together: those at one place along their first axes."""
    sizes = [(v.value_shape[0] if v.value_shape else 1, int(np.prod(v.value_shape))) for v in effects]
    alike = len({n for n, _ in sizes}) == 1
    firsts = [0] * len(sizes) if alike else np.cumsum([0, *(n for n, _ in sizes)]).tolist()
    return np.concatenate(
        [f + np.repeat(np.arange(n), size // max(n, 1)) for f, (n, size) in zip(firsts, sizes, strict=False)]
    )


def _hashable(compile_kwargs: Mapping[str, Any]) -> Hashable:
    """Return a key for compile options; modes do not hash, so such options are known by their identity."""
    return tuple(sorted((k, v if isinstance(v, str) else id(v)) for k, v in compile_kwargs.items()))
