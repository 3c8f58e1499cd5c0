"""Hidden Markov models as people write them in PyMC, and the recursions of the textbook in NumPy."""

import itertools
import warnings

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.pytensorf import collect_default_updates
from scipy.special import logsumexp

# Earthquakes of magnitude 7 or more in the world, 1900 to 2006 (Zucchini & MacDonald 2009, table 1.1).
EARTHQUAKES = np.array(
    [
        *(13, 14, 8, 10, 16, 26, 32, 27, 18, 32, 36, 24, 22, 23, 22, 18, 25, 21, 21, 14, 8, 11, 14, 23, 18, 17, 19),
        *(20, 22, 19, 13, 26, 13, 14, 22, 24, 21, 22, 26, 21, 23, 24, 27, 41, 31, 27, 35, 26, 28, 36, 39, 21, 17, 22),
        *(17, 19, 15, 34, 10, 15, 22, 18, 15, 20, 15, 22, 19, 16, 30, 27, 29, 23, 20, 16, 21, 21, 25, 16, 18, 15, 18),
        *(14, 10, 15, 8, 15, 6, 11, 8, 7, 18, 16, 13, 12, 13, 20, 15, 16, 12, 18, 15, 16, 13, 15, 16, 11, 11),
    ]
)
MATRIX = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.05, 0.25, 0.7]])
MEANS, FIRST = np.array([0.0, 1.5, 4.0]), np.array([0.5, 0.3, 0.2])


def series(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = [rng.choice(3, p=FIRST)]
    for _ in range(n - 1):
        z.append(rng.choice(3, p=MATRIX[z[-1]]))
    return rng.normal(MEANS[z], 1.0)


# --- by hand ---------------------------------------------------------------------------------------------------------


def forward_backward(first, matrices, emissions) -> tuple[float, np.ndarray]:
    """Log L, and the probability (T, K) of each state given all data; `matrices` (T − 1, K, K), `emissions` (T, K)."""
    with np.errstate(divide="ignore"):
        log_first, steps = np.log(first), np.log(np.asarray(matrices))
    alpha, beta = [log_first + emissions[0]], [np.zeros(emissions.shape[1])]
    for step, emission in zip(steps, emissions[1:], strict=True):
        alpha.append(logsumexp(alpha[-1][:, None] + step, axis=0) + emission)
    for step, emission in zip(steps[::-1], emissions[:0:-1], strict=True):
        beta.append(logsumexp(step + emission + beta[-1], axis=1))
    both = np.array(alpha) + np.array(beta[::-1])
    return float(logsumexp(alpha[-1])), np.exp(both - logsumexp(both, axis=1, keepdims=True))


def viterbi(first, matrices, emissions) -> np.ndarray:
    """The likeliest path (T,)."""
    with np.errstate(divide="ignore"):
        log_first, steps = np.log(first), np.log(np.asarray(matrices))
    best, back = log_first + emissions[0], []
    for step, emission in zip(steps, emissions[1:], strict=True):
        ways = best[:, None] + step
        back.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + emission
    path = [int(best.argmax())]
    for choice in back[::-1]:
        path.append(int(choice[path[-1]]))
    return np.array(path[::-1])


def all_states(counts, log_density) -> float:
    """Log of the sum of a density over all states, one after the other."""
    return float(logsumexp([log_density(np.array(z)) for z in itertools.product(*map(range, counts))]))


# --- in PyMC ---------------------------------------------------------------------------------------------------------


def chain_density(value, matrix, first, _):
    return pt.log(first)[value[0]] + pt.log(matrix)[value[:-1], value[1:]].sum()


def hand_written(name, matrix, first, n):
    """A vector with the density of a chain."""
    signature = "(k,k),(k),(t)->(t)"
    return pm.CustomDist(name, matrix, first, np.zeros(n), logp=chain_density, signature=signature, dtype="int64")


def loop(matrix, first, n):
    """A variable for each step."""
    states = [pm.Categorical("z_0", p=first)]
    for t in range(1, n):
        states.append(pm.Categorical(f"z_{t}", p=matrix[states[-1]]))
    return pt.stack(states)


def potential(matrix, first, n):
    """A vector of uniform states, tied by a potential."""
    z = pm.Categorical("z", p=np.full(3, 1 / 3), shape=n)
    own = pt.log(first)[z[0]] + pt.log(matrix)[z[:-1], z[1:]].sum()
    pm.Potential("chain", own + n * np.log(3))
    return z


def scan(matrix, first, n):
    """A vector that is drawn step by step, whose density PyMC derives."""

    def steps(start, matrix, size):
        def step(before, matrix):
            state = pm.Categorical.dist(matrix[before])
            return state, collect_default_updates(outputs=[state])

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Scan return signature will change", DeprecationWarning)
            drawn, _ = pytensor.scan(step, outputs_info=[start], non_sequences=[matrix], n_steps=n - 1, strict=True)
        return drawn

    start = pm.Categorical("z_0", p=first)
    return pt.concatenate([[start], pm.CustomDist("z", start, matrix, dist=steps, class_name="chain")])


def vector(matrix, first, n):
    return hand_written("z", matrix, first, n)


FORMS = {form.__name__: form for form in (loop, vector, potential, scan)}


def gaussian_chain(y, form="vector") -> pm.Model:
    with pm.Model() as model:
        matrix = pm.Dirichlet("matrix", np.ones((3, 3)))
        means, sigma = pm.Normal("means", 0, 10, shape=3), pm.HalfNormal("sigma", 3)
        pm.Normal("y", means[FORMS[form](matrix, FIRST, len(y))], sigma, observed=y)
    return model


def states_of(model: pm.Model) -> list[str]:
    return [rv.name for rv in model.free_RVs if rv.name.startswith("z")]


def earthquakes(n_states: int) -> pm.Model:
    """Zucchini & MacDonald's Poisson models, whose first state has the stationary distribution."""
    with pm.Model(coords={"year": 1900 + np.arange(107), "state": np.arange(n_states)}) as model:
        matrix = pm.Dirichlet("matrix", np.ones((n_states, n_states)))
        rate = pm.Uniform("rate", 0, 100, dims="state", initval=np.linspace(12, 32, n_states))
        ones = np.ones((n_states, n_states))
        stationary = pt.linalg.solve((np.eye(n_states) - matrix + ones).T, np.ones(n_states))
        z = hand_written("z", matrix, stationary, 107)
        pm.Poisson("counts", rate[z], observed=EARTHQUAKES, dims="year")
    return model
