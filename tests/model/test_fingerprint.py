"""What a model was made of: a change is said in words, and a name for all of it is the same in another process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import pymc_landscape as pml
from pymc_landscape.model import Fingerprint, model_digest
from pymc_landscape.objective import objective_digest

Y = np.array([1.0, -0.0, 2.5, 3.0])


def own_density(value, mu):
    return -((value - mu) ** 2)


def made(y=Y, scale=1.0, slope=1.0, k=("a", "b"), weights=(1, 2), spread=pm.HalfNormal):
    """A model with all that a fingerprint knows."""
    with pm.Model(coords={"k": k}) as model:
        d, x = pm.Data("d", np.asarray(y)), pm.Data("x", np.array(weights))
        pm.Data("beside", [1.0])
        b, s = pm.Normal("b", 0, scale, dims="k"), spread("s", 1.0)
        pm.Deterministic("difference", b[0] - slope * b[1])
        pm.Normal("z", b[0] + x, s, observed=np.array([1.0, 2.0]))
        pm.CustomDist("own", b[1] + d.sum(), logp=own_density, observed=np.array([3.0, 4.0]))
    return model


def with_term(model):
    with model:
        pm.Normal("added", model["b"][0], 1.0, observed=1.0)


def with_potential(model):
    with model:
        pm.Potential("pot", model["s"])


def with_variable(model):
    with model:
        pm.Normal("free")


def without_transform(model):
    model.rvs_to_transforms[model["s"]] = None


CHANGES = {
    "the data 'd' were changed": lambda m: pm.set_data({"d": np.array([1.0, 0.0, 2.5, 9.0])}, model=m),
    "the data 'x' were changed": lambda m: pm.set_data({"x": [1, 3]}, model=m),
    "the data 'd' were changed ": lambda m: m["d"].get_value(borrow=True).__setitem__(0, 7.0),
    "the data 'z' were changed": lambda m: m.rvs_to_values[m["z"]].data.__setitem__(0, 7.0),
    "the observed term 'added' was added": with_term,
    "the potential 'pot' was added": with_potential,
    "the free variable 'free' was added": with_variable,
    "the transform of 's' was changed": without_transform,
    "the coordinates 'k' were changed": lambda m: m._coords.update(k=("a", "c")),
    "the length of the dim 'k' was changed": lambda m: m.set_dim("k", 3, ("a", "b", "c")),
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_change_is_said_in_words(words):
    model = made()
    before = Fingerprint(model)
    assert before.changes(model) == ()
    CHANGES[words](model)
    assert words.strip() in before.changes(model)


def test_what_is_set_back_or_is_no_part_of_the_density_is_no_change():
    model = made()
    before = Fingerprint(model)
    old = model["d"].get_value()
    pm.set_data({"d": old + 1}, model=model)
    pm.set_data({"d": old.copy(), "beside": [2.0]}, model=model)
    model.add_coord("other", ["u", "v"])
    with model:
        pm.Deterministic("later", 2 * model["s"])
        pm.Data("even later", [1.0])
    assert before.changes(model, is_thorough=True) == ()


def test_large_data_changed_in_place_are_seen_where_they_are_read():
    with pm.Model() as model:
        d = pm.Data("d", np.zeros(10_000))
        pm.Normal("y", pm.Normal("mu"), 1.0, observed=d)
    before = Fingerprint(model)
    d.get_value(borrow=True)[77] = 1.0
    assert before.changes(model, is_thorough=True) == ("the data 'd' were changed",)


@pytest.mark.parametrize(
    "other",
    [
        {"y": np.array([1.0, 0.1, 2.5, 3.0])},
        {"scale": 2.0},
        {"k": ("a", "c")},
        {"k": pd.date_range("2020", periods=2)},
        {"k": (1, 2)},
        {"weights": (1, 3)},
        {"spread": pm.HalfCauchy},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_model_has_another_name(other):
    assert model_digest(made(**other)) != model_digest(made())
    assert model_digest(made(**other)) == model_digest(made(**other))


def test_zero_has_one_sign_and_nan_one_kind_and_order_of_bytes_does_not_matter():
    other = np.array([1.0, 0.0, 2.5, 3.0])
    assert model_digest(made(other)) == model_digest(made())
    assert model_digest(made(), replaced={"d": other.astype(">f8")}) == model_digest(made())
    assert model_digest(made(), replaced={"d": other + 1}) == model_digest(made(other + 1))
    gaps = [np.array([1.0, nan]) for nan in (np.nan, -np.nan)]
    assert model_digest(made(), replaced={"d": gaps[0]}) == model_digest(made(), replaced={"d": gaps[1]})


def test_labels_of_other_kinds_are_others():
    assert model_digest(made(k=(1, 2))) != model_digest(made(k=("1", "2")))
    assert model_digest(made(k=np.array([1, 2]))) == model_digest(made(k=(1, 2)))


def test_a_deterministic_belongs_to_the_name_where_it_is_asked_about():
    one, other = made(), made(slope=2.0)
    assert model_digest(one) == model_digest(other)
    assert model_digest(one, ["difference"]) != model_digest(other, ["difference"])


def test_an_objective_has_its_choices_and_its_data_in_its_name():
    model = made([1.0, 2.0, 3.0, 4.0])
    objective = pml.Objective(model)
    names = [objective, objective.with_prior_weight(0.5), objective.with_data(d=[1.0, 2.0, 3.0, 5.0])]
    assert len({objective_digest(each) for each in names}) == 3
    pm.set_data({"d": [1.0, 2.0, 3.0, 5.0]}, model=model)
    assert objective_digest(objective) == objective_digest(names[2])


@pytest.mark.exhaustive
def test_another_process_gives_the_same_name():
    code = "from test_fingerprint import made, model_digest; print(model_digest(made()), flush=True)"
    names = {model_digest(made())}
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(__file__), env=environment, stdout=-1)
        names.add(run.stdout.decode().split()[-1])
    assert len(names) == 1
