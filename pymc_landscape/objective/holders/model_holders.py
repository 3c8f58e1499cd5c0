"""The ``pm.Model`` inside an object of another package: a bambi model, a CLV or MMM model, an experiment.

An object is asked for what it holds by attributes, so that none of these packages is imported: its ``backend``
(bambi), or its ``model``, which may be another such object (HSSM's is a bambi model, that of CausalPy's experiments a
``pm.Model``). Nothing is built and nothing changed: an object that has no model yet is refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pymc as pm

from pymc_landscape.arguments import wrong_type

# Where an object keeps its model, in the order in which one looks, and verbs that make it.
PLACES = ("backend", "model")
BUILDERS = ("build", "build_model")
# An experiment holds a bambi model, that a backend, that the pm.Model.
DEEPEST = 4
# Names of bambi's components that have a linear predictor, the present one first.
COMPONENTS = ("conditional_parameters", "distributional_components", "components")


def pymc_model(holder: Any, name: str = "") -> pm.Model:
    """Return the ``pm.Model`` that an object is or holds; of None, that of the surrounding ``with`` block.

    Parameters
    ----------
    holder : Any
        The model, or what holds it.
    name : str
        What the argument is called, for the message; left out, it is the first.

    Raises
    ------
    TypeError
        If there is none, or the object has not built it yet.
    """
    if holder is None:
        found = pm.Model.get_context(error_if_none=False)
        if found is None:
            raise TypeError(
                f"Expected a pm.Model, an Objective or a Fit{_role(name)}, got none: pass one first, or call in the "
                "model's with block."
            )
        return found
    found = next((each for each in _inside(holder) if isinstance(each, pm.Model)), None)
    if found is None:
        raise _no_model(holder, name)
    return found


def _role(name: str) -> str:
    return f" as {name}" if name else ""


def _no_model(holder: Any, name: str) -> TypeError:
    """Return the refusal of an object in which there is no ``pm.Model``; where it can build one, tell how."""
    expected = (
        "a pm.Model, an Objective, a Fit, or an object that holds a built pm.Model (of bambi, pymc-marketing, "
        f"CausalPy){_role(name)}"
    )
    if isinstance(holder, type):
        return TypeError(f"Expected {expected}, got the class {holder.__name__}: pass an instance of it.")
    builder = next((verb for verb in BUILDERS if callable(_attribute(holder, verb))), None)
    if builder is None:
        return wrong_type(expected, holder, "pass one of these first")
    kind = f"{type(holder).__module__.split('.')[0]}.{type(holder).__name__}"
    return TypeError(f"Expected {expected}, got a {kind} that has not built its model yet: call its {builder}() first.")


def group_terms(holder: Any) -> tuple[str, ...]:
    """Return the names of the group-specific and Gaussian process terms of a bambi model, as its ``pm.Model`` has them.

    Of any other object, none.
    """
    terms = []
    for component in components(holder).values():
        for kind in ("group_specific_terms", "hsgp_terms"):
            of_kind = _attribute(component, kind)
            if isinstance(of_kind, Mapping):
                terms += [_attribute(term, "alias") or name for name, term in of_kind.items()]
    return tuple(terms)


def components(holder: Any) -> Mapping[str, Any]:
    """Return the components of a bambi model that have a linear predictor, by name; of any other object, none."""
    if isinstance(holder, pm.Model):
        return {}
    for each in _inside(holder):
        if _attribute(each, "backend") is None:
            continue
        for name in COMPONENTS:
            found = _attribute(each, name)
            if isinstance(found, Mapping):
                return found
    return {}


def _inside(holder: Any) -> Iterator[Any]:
    """Give an object and what it holds, the outermost first, down to the first ``pm.Model``.

    What says of itself that it is not built may still hold a model of older settings.
    """
    level = [holder]
    for _ in range(DEEPEST):
        yield from level
        if any(isinstance(each, pm.Model) for each in level):
            return
        built = [each for each in level if _attribute(each, "built") is not False]
        level = [held for each in built for place in PLACES if (held := _attribute(each, place)) is not None]


def _attribute(holder: Any, name: str) -> Any:
    """Return an attribute, or None where there is none, or none yet: properties may raise, or warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(holder, name, None)
        except Exception:
            return None
