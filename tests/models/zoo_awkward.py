"""What breaks engines: swapped data, black boxes, moving bounds, user transforms, other types."""

import numpy as np
import pymc as pm
import pymc.dims as pmd
import pytensor.tensor as pt
from pymc.distributions import transforms
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from scipy import stats
from zoo_registry import Specimen, specimen

X = np.linspace(-1.5, 1.5, 14)
Y = 0.4 + 1.1 * X + np.sin(7 * X) / 3
WAITS = np.array([0.4, 1.9, 3.0, 0.8, 3.0, 2.2, 1.1, 3.0])


@specimen()
def mutable_data() -> Specimen:
    with pm.Model() as model:
        x, y = pm.Data("x", X), pm.Data("y_data", Y)
        slope = pm.Normal("slope", 0, 2)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", slope * x, sigma, observed=y, shape=x.shape)

    def by_hand(p):
        data = {k: model[k].get_value() for k in ("x", "y_data")}
        prior = stats.norm(0, 2).logpdf(p["slope"]) + stats.halfnorm().logpdf(p["sigma"])
        y = stats.norm(p["slope"] * data["x"], p["sigma"])
        return {"y": y.logpdf(data["y_data"])}, prior

    axes = {"slope": np.linspace(0, 2, 3), "sigma": np.array([0.3, 0.6, 1.5])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def named_dims() -> Specimen:
    with pm.Model(coords={"row": np.arange(14), "kind": ["base", "tilt"]}) as model:
        x = pmd.Data("x", X, dims="row")
        b = pmd.Normal("b", 0, 2, dims="kind")
        sigma = pmd.HalfNormal("sigma", 1)
        line = b.isel(kind=0) + b.isel(kind=1) * x
        pmd.Normal("y", line, sigma, observed=pmd.as_xtensor(Y, dims=("row",)))

    def by_hand(p):
        prior = stats.norm(0, 2).logpdf(p["b"]).sum() + stats.halfnorm().logpdf(p["sigma"])
        return {"y": stats.norm(p["b"][0] + p["b"][1] * X, p["sigma"]).logpdf(Y)}, prior

    axes = {"b[tilt]": np.linspace(0, 2, 3), "sigma": np.array([0.3, 0.6, 1.5])}
    return Specimen(model, axes, {"b": np.array([0.3, 1.0])}, by_hand)


class Decay(Op):
    """A simulator PyTensor knows nothing about: no gradient, no compiled code."""

    def make_node(self, rate):
        return Apply(self, [pt.as_tensor(rate, dtype="float64")], [pt.dvector()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.exp(-inputs[0] * np.arange(1.0, 9.0))


@specimen("blackbox")
def black_box() -> Specimen:
    with pm.Model() as model:
        rate = pm.HalfNormal("rate", 1)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", Decay()(rate), sigma, observed=WAITS / 4)

    def by_hand(p):
        prior = stats.halfnorm().logpdf(p["rate"]) + stats.halfnorm().logpdf(p["sigma"])
        curve = np.exp(-p["rate"] * np.arange(1, 9))
        return {"y": stats.norm(curve, p["sigma"]).logpdf(WAITS / 4)}, prior

    axes = {"rate": np.array([0.1, 0.5, 1.5]), "sigma": np.array([0.2, 0.6, 1.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def nested_names() -> Specimen:
    with pm.Model() as model:
        shift = pm.Normal("shift", 0, 1)
        with pm.Model(name="sub"):
            scale = pm.HalfNormal("scale", 2)
            pm.Normal("y", shift, scale, observed=Y)

    def by_hand(p):
        prior = stats.norm().logpdf(p["shift"]) + stats.halfnorm(scale=2).logpdf(p["sub::scale"])
        return {"sub::y": stats.norm(p["shift"], p["sub::scale"]).logpdf(Y)}, prior

    axes = {"shift": np.linspace(-1, 2, 3), "sub::scale": np.array([0.6, 1.0, 2.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen("edge")
def dependent_bounds() -> Specimen:
    """The support of one parameter moves with another: part of the grid lies outside."""
    with pm.Model() as model:
        low = pm.Normal("low", 0, 1)
        high = pm.Uniform("high", low, low + 3)
        pm.Normal("y", high, 1.2, observed=Y)

    def by_hand(p):
        inside = p["low"] <= p["high"] <= p["low"] + 3
        prior = stats.norm().logpdf(p["low"]) + (-np.log(3) if inside else -np.inf)
        return {"y": stats.norm(p["high"], 1.2).logpdf(Y)}, prior

    axes = {"low": np.array([-3.1, -0.5, 0.6]), "high": np.array([-0.2, 0.4, 1.3])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen("random")
def minibatch() -> Specimen:
    xs, ys = pm.Minibatch(X, Y, batch_size=5)
    with pm.Model() as model:
        slope = pm.Normal("slope", 0, 2)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", slope * xs, sigma, observed=ys, total_size=14)

    def by_hand(p):
        prior = stats.norm(0, 2).logpdf(p["slope"]) + stats.halfnorm().logpdf(p["sigma"])
        return {"y": stats.norm(p["slope"] * X, p["sigma"]).logpdf(Y)}, prior

    axes = {"slope": np.linspace(0, 2, 3), "sigma": np.array([0.3, 0.6, 1.5])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def flat_priors() -> Specimen:
    with pm.Model() as model:
        mu = pm.Flat("mu")
        sigma = pm.HalfFlat("sigma")
        pm.Normal("y", mu, sigma, observed=Y)

    def by_hand(p):
        return {"y": stats.norm(p["mu"], p["sigma"]).logpdf(Y)}, 0.0

    axes = {"mu": np.linspace(-1, 2, 3), "sigma": np.array([0.6, 1.0, 2.0])}
    return Specimen(model, axes, {"sigma": 0.8}, by_hand)


@specimen()
def transforms_by_user() -> Specimen:
    """A normal kept positive by the user's log transform, and one squeezed into an interval."""
    with pm.Model() as model:
        scale = pm.Normal("scale", 1, 1, transform=transforms.log, initval=0.8)
        shift = pm.Normal("shift", 0, 2, transform=transforms.Interval(-3, 3))
        pm.Normal("y", shift, scale, observed=Y)

    def by_hand(p):
        prior = stats.norm(1, 1).logpdf(p["scale"]) + stats.norm(0, 2).logpdf(p["shift"])
        return {"y": stats.norm(p["shift"], p["scale"]).logpdf(Y)}, prior

    axes = {"scale": np.array([0.5, 1.0, 2.0]), "shift": np.linspace(-2, 2, 3)}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def idle_parameter() -> Specimen:
    """A parameter that no data speak of, and one the engine might drop with it."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        idle = pm.Gamma("idle", 3, 1)
        pm.Deterministic("both", mu + idle)
        pm.Normal("y", mu, 1.0, observed=Y)

    def by_hand(p):
        prior = stats.norm().logpdf(p["mu"]) + stats.gamma(3).logpdf(p["idle"])
        return {"y": stats.norm(p["mu"], 1).logpdf(Y)}, prior

    axes = {"mu": np.linspace(-1, 2, 3), "idle": np.array([0.5, 2.0, 6.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def unchecked_bounds() -> Specimen:
    with pm.Model(check_bounds=False) as model:
        p = pm.Beta("p", 1.5, 2.5)
        pm.Binomial("k", n=20, p=p, observed=[3, 8, 5])

    def by_hand(point):
        prior = stats.beta(1.5, 2.5).logpdf(point["p"])
        return {"k": stats.binom(20, point["p"]).logpmf([3, 8, 5])}, prior

    return Specimen(model, {"p": np.array([0.05, 0.3, 0.6])}, by_hand=by_hand)


@specimen("float32")
def single_precision() -> Specimen:
    """Variables of single precision by their own dtype, in a session of double precision."""
    with pm.Model() as model:
        slope = pm.Normal("slope", 0, 2, dtype="float32")
        sigma = pm.HalfNormal("sigma", 1, dtype="float32")
        pm.Normal("y", slope * X.astype("float32"), sigma, observed=Y.astype("float32"))

    def by_hand(p):
        prior = stats.norm(0, 2).logpdf(p["slope"]) + stats.halfnorm().logpdf(p["sigma"])
        return {"y": stats.norm(p["slope"] * X, p["sigma"]).logpdf(Y)}, prior

    axes = {"slope": np.linspace(0, 2, 3), "sigma": np.array([0.25, 0.5, 1.5])}
    return Specimen(model, axes, by_hand=by_hand)
