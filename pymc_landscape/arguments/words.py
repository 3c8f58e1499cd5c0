"""Checks of arguments that are words: choices, names, paths and options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from os import PathLike
from typing import Any

from pymc_landscape.arguments.sentences import refused, told, unknown_name, wrong_type


def checked_choice(name: str, value: Any, choices: Sequence[str], *, advice: str = "") -> str:
    """Return an argument that is one of some words; refuse all else, with the closest word.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : Any
        What was given.
    choices : sequence of str
        The words.
    advice : str
        What to do instead; left out, the closest word.

    Examples
    --------
    >>> checked_choice("nuisance", "profil", ["fix", "profile"])
    Traceback (most recent call last):
    ValueError: Expected nuisance='fix' or 'profile', got 'profil': did you mean 'profile'?
    """
    if isinstance(value, str) and value in choices:
        return value
    *first, last = map(repr, choices)
    words = " or ".join([", ".join(first), last]) if first else last
    raise ValueError(f"Expected {name}={words}, got {told(value)}: {advice or meant(name, value, choices)}")


def checked_choices(name: str, value: Any, choices: Sequence[str]) -> list[str]:
    """Return an argument that is one or several of some words as a list, each once, in their order.

    Examples
    --------
    >>> checked_choices("method", ("wald", "profile"), ["profile", "wald"])
    ['wald', 'profile']
    """
    asked = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    wrong = [word for word in asked if not (isinstance(word, str) and word in choices)]
    if not asked or wrong:
        hint = meant(name, (wrong or [""])[0], choices)
        raise ValueError(f"Expected {name} to be one or several of {', '.join(choices)}, got {told(value)}: {hint}")
    return list(dict.fromkeys(asked))


def meant(name: str, value: Any, choices: Sequence[str]) -> str:
    """Ask whether a known word was meant; where none is near, say how one is given."""
    near = get_close_matches(value, choices, n=1) if isinstance(value, str) else []
    return f"did you mean {near[0]!r}?" if near else f"write for example {name}={choices[0]!r}."


def checked_names(
    name: str, value: Any, *, of: str = "names", known: Iterable[str] | None = None, empty: bool = False
) -> list[str]:
    """Return an argument that is one name or several as a list, in their order.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : Any
        A str, or an iterable of them.
    of : str
        What the names are of.
    known : iterable of str, optional
        The names that there are; left out, whoever looks them up refuses others.
    empty : bool
        Whether there may be none.

    Examples
    --------
    >>> checked_names("var_names", "mu"), checked_names("var_names", ("mu", "sigma"))
    (['mu'], ['mu', 'sigma'])
    >>> checked_names("var_names", [])
    Traceback (most recent call last):
    ValueError: Expected var_names to be one of the names or several, got []: leave it out for all.
    """
    several = isinstance(value, Iterable) and not isinstance(value, bytes | Mapping)
    names = [value] if isinstance(value, str) else list(value) if several else []
    if not several or not all(isinstance(one, str) for one in names):
        raise refused(f"{name} to be one of the {of} or several", value, "write each as a str", by_type=True)
    if (not names and not empty) or "" in names:
        raise refused(f"{name} to be one of the {of} or several", value, "leave it out for all", by_type=False)
    known = names if known is None else list(known)
    for one in names:
        if one not in known:
            raise unknown_name(f"{of} in {name}", one, known, limit=len(known))
    return names


def repeatable[Names](names: Names) -> Names | list[str]:
    """Return names as they are, and as a list where they can be read only once.

    Examples
    --------
    >>> repeatable(iter(["a", "b"])), repeatable("mu")
    (['a', 'b'], 'mu')
    """
    return list(names) if isinstance(names, Iterator) else names


def checked_group(value: Any, name: str = "group") -> str:
    """Return the name of a group of a tree as it is; refuse what is no name.

    Examples
    --------
    >>> checked_group(None)
    Traceback (most recent call last):
    TypeError: Expected group to be the name of a group, got None: write it as a str, for example 'posterior'.
    """
    if isinstance(value, str) and value:
        return value
    advice = "write it as a str, for example 'posterior'"
    raise refused(f"{name} to be the name of a group", value, advice, by_type=not isinstance(value, str))


def checked_path(name: str, value: Any) -> Any:
    """Return the path of a file or a folder as it is; refuse what is none.

    Examples
    --------
    >>> checked_path("store", 5)
    Traceback (most recent call last):
    TypeError: Expected store to be a path, got 5: write for example store='result.zarr', or a pathlib.Path.
    """
    if (isinstance(value, str) and value) or isinstance(value, PathLike):
        return value
    example = f"write for example {name}='result.zarr', or a pathlib.Path"
    raise refused(f"{name} to be a path", value, example, by_type=not isinstance(value, str))


def checked_mapping(name: str, value: Any, *, example: str) -> Mapping[Any, Any]:
    """Return an argument that is a mapping by names as it is; refuse all else.

    Examples
    --------
    >>> checked_mapping("coords", 5, example="{'group': ['a']}")
    Traceback (most recent call last):
    TypeError: Expected coords to be a mapping, got int: write for example coords={'group': ['a']}.
    """
    if not isinstance(value, Mapping):
        raise wrong_type(f"{name} to be a mapping", value, f"write for example {name}={example}")
    if not all(isinstance(key, str) for key in value):
        other = next(key for key in value if not isinstance(key, str))
        raise refused(f"{name} to be a mapping by name", other, f"write for example {name}={example}", by_type=True)
    return value
