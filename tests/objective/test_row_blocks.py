"""Rows in blocks: the numbers of all rows in memory, a few blocks in memory at a time, and what is no sum over rows."""

import copy

import cloudpickle
import dask.array
import numpy as np
import pymc as pm
import pytest
import zarr

import pymc_landscape as pml
from pymc_landscape.numerics import at_most_threads

N, B = 2_350, 500
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, 2))
CLICKED = (RNG.random(N) < 1 / (1 + np.exp(-0.2 - X @ [0.5, -1.0]))).astype(int)
DATA = {"x": X, "clicked_data": CLICKED}


def clicks(x, clicked, *, effect=True):
    """A logistic regression on some rows."""
    with pm.Model() as model:
        x, clicked = pm.Data("x", x), pm.Data("clicked_data", clicked)
        level, slope = pm.Normal("level", 0, 5), pm.Normal("slope", 0, 5, shape=2) if effect else np.zeros(2)
        pm.Bernoulli("clicked", logit_p=level + x @ slope, observed=clicked)
    return model


@pytest.fixture(scope="module")
def whole():
    return pml.Objective(clicks(X, CLICKED))


@pytest.fixture(scope="module")
def block_model():
    return clicks(X[:B], CLICKED[:B])


@pytest.fixture(scope="module")
def blocks(block_model):
    return pml.sum_over_blocks(block_model, DATA)


@pytest.fixture(scope="module")
def block_fit(blocks):
    return pml.fit_mle(blocks, progressbar=False)


@pytest.fixture(scope="module")
def whole_fit(whole):
    return pml.fit_mle(whole, progressbar=False)


def in_chunks():
    """All rows, 333 at a time, as lists and arrays of other types."""
    for a in range(0, N, 333):
        yield {"x": X[a : a + 333].tolist(), "clicked_data": CLICKED[a : a + 333].astype("int8")}


def on_disk(tmp_path):
    arrays = {
        name: zarr.create_array(tmp_path / f"{name}.zarr", data=v, chunks=(300, *v.shape[1:]))
        for name, v in DATA.items()
    }
    memory = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=float, shape=X.shape)
    memory[:] = X
    return arrays, memory


class Counted:
    """An array that counts how often it is cut, and in how large parts."""

    def __init__(self, array):
        self.array, self.shape, self.cuts = array, array.shape, []

    def __getitem__(self, rows):
        self.cuts.append(rows.stop - rows.start)
        return self.array[rows]


@pytest.mark.parametrize(
    "kind", ["numpy", "zarr", "dask", "memmap", "unaligned", "chunks", "a list of chunks", "one block"]
)
def test_values_and_derivatives_are_those_of_all_rows(kind, whole, block_model, tmp_path):
    arrays, memory = on_disk(tmp_path)
    data = {
        "numpy": DATA,
        "zarr": arrays,
        "dask": {name: dask.array.from_array(values, chunks=400) for name, values in DATA.items()},
        "memmap": {**DATA, "x": memory},
        "unaligned": {**DATA, "x": np.frombuffer(b"." + X.tobytes(), dtype=np.uint8)[1:].view(float).reshape(X.shape)},
        "chunks": in_chunks,
        "a list of chunks": list(in_chunks()),
        "one block": DATA,
    }[kind]
    model = clicks(X[:3_000], CLICKED[:3_000]) if kind == "one block" else block_model
    objective = pml.sum_over_blocks(model, data)
    points = np.random.default_rng(1).normal(size=(4, 3))
    assert objective.n_observations == N
    np.testing.assert_allclose(objective.minus2ll(points), whole.minus2ll(points), rtol=1e-13)
    for weight in (0.0, 1.0, 0.3):
        mine, theirs = objective.with_prior_weight(weight), whole.with_prior_weight(weight)
        np.testing.assert_allclose(mine.value(points), theirs.value(points), rtol=1e-13)
        np.testing.assert_allclose(mine.gradient(points), theirs.gradient(points), rtol=1e-11)
        np.testing.assert_allclose(mine.hessian(points), theirs.hessian(points), rtol=1e-11, atol=1e-9)
    product = objective.hessian_product(points[0], points[1])
    np.testing.assert_allclose(product, whole.hessian_product(points[0], points[1]), rtol=1e-11)
    np.testing.assert_array_equal(objective.log_prior(points), whole.log_prior(points))


def test_the_fit_is_that_of_all_rows(block_fit, whole_fit):
    assert block_fit.status == whole_fit.status == "converged"
    assert block_fit.n_observations == N
    assert block_fit.bic == pytest.approx(whole_fit.bic, rel=1e-12)
    for column in ("estimate", "se"):
        np.testing.assert_allclose(block_fit.summary()[column], whole_fit.summary()[column], rtol=1e-7)


def test_intervals_tests_and_landscapes_are_those_of_all_rows(block_fit, whole_fit, block_model):
    ends = [pml.confidence_intervals(fit, progressbar=False)["interval"] for fit in (block_fit, whole_fit)]
    np.testing.assert_allclose(*ends, rtol=1e-6)
    lands = [
        pml.evaluate_landscape(fit, pml.fit_grid(whole_fit, num=5), progressbar=False) for fit in (block_fit, whole_fit)
    ]
    np.testing.assert_allclose(*(land["minus2ll"] for land in lands), rtol=1e-12)
    null = pml.sum_over_blocks(clicks(X[:B], CLICKED[:B], effect=False), DATA)
    test = pml.likelihood_ratio_test(null, block_fit)
    plain = pml.likelihood_ratio_test(clicks(X, CLICKED, effect=False), whole_fit)
    assert test.statistic == pytest.approx(plain.statistic, rel=1e-9)
    assert test.df == 2
    assert pml.wald_test(null, block_fit).statistic == pytest.approx(
        pml.wald_test(plain.null, whole_fit).statistic, rel=1e-6
    )


def test_other_rows_are_other_data(block_fit, block_model, tmp_path):
    other = {**DATA, "clicked_data": 1 - CLICKED}
    null = pml.sum_over_blocks(clicks(X[:B], CLICKED[:B], effect=False), other)
    with pytest.raises(ValueError, match="Expected two models of the same data, got different values of 'clicked'"):
        pml.likelihood_ratio_test(null, block_fit)
    grid = pml.fit_grid(block_fit, ["level"], num=3)
    pml.evaluate_landscape(block_fit, grid, store=tmp_path / "land.zarr", progressbar=False)
    with pytest.raises(ValueError, match="other data"):
        pml.evaluate_landscape(
            pml.sum_over_blocks(block_model, other),
            grid,
            at=block_fit.point,
            store=tmp_path / "land.zarr",
            progressbar=False,
        )


def test_the_contents_have_one_name_whatever_the_blocks(blocks):
    mine = blocks.evaluators.row_blocks.digests()
    other = pml.sum_over_blocks(clicks(X[:77], CLICKED[:77]), in_chunks).evaluators.row_blocks.digests()
    for name in DATA:
        np.testing.assert_array_equal(mine[name], other[name])


def test_numbers_do_not_depend_on_threads(blocks):
    points = np.random.default_rng(2).normal(size=(3, 3))
    several = blocks.gradient(points)
    with at_most_threads(1):
        np.testing.assert_array_equal(blocks.gradient(points), several)


def test_a_value_takes_one_pass_and_one_block_at_a_time(block_model):
    counted = {name: Counted(values) for name, values in DATA.items()}
    objective = pml.sum_over_blocks(block_model, counted)
    counted["x"].cuts.clear()
    objective.gradient(np.zeros((100, 3)))  # of 100 points in one pass
    assert counted["x"].cuts == [B, B, B, B, N - 4 * B]


def test_data_of_the_model_and_of_its_twins_stay_as_they_are(block_model, blocks):
    plain = pml.Objective(block_model, backend="numba")
    twin = plain.with_data(clicked_data=1 - CLICKED[:B])
    theta = np.array([0.1, 0.2, -0.3])
    points = np.repeat(theta[None], 40_000, axis=0)
    before = plain.minus2ll(theta), twin.minus2ll(theta)
    blocks.gradient(theta)
    np.testing.assert_allclose(plain.minus2ll(points), before[0], rtol=1e-12)
    np.testing.assert_allclose(twin.minus2ll(points), before[1], rtol=1e-12)
    assert twin.minus2ll(theta) == pytest.approx(before[1], rel=1e-13)


def test_another_process_and_a_copy_have_the_same_rows(blocks):
    theta = np.array([0.1, 0.2, -0.3])
    for twin in (copy.deepcopy(blocks), cloudpickle.loads(cloudpickle.dumps(blocks))):
        assert twin.n_observations == N
        np.testing.assert_array_equal(twin.minus2ll(theta), blocks.minus2ll(theta))


def test_rows_that_fill_the_last_block_count_nothing_where_they_are_impossible():
    rows = np.array([0.5, 0.1, 0.2, 0.3, 0.9])  # blocks of two: the last holds 0.9, and once more
    with pm.Model() as model:
        pm.Uniform("y", 0, pm.Uniform("top", 0, 2), observed=pm.Data("rows", rows[:2]))
    objective = pml.sum_over_blocks(model, {"rows": rows})
    values = objective.natural_log_likelihood({"top": np.array([0.8, 0.9, 1.8])})
    np.testing.assert_allclose(values, [-np.inf, -5 * np.log(0.9), -5 * np.log(1.8)], rtol=1e-12)


def test_so_they_do_in_each_of_two_terms():
    first, second = np.array([0.5, 0.1, 0.2]), np.array([0.1, 0.2, 0.95])
    with pm.Model() as model:
        top = pm.Uniform("top", 0, 2)
        pm.Uniform("y", 0, top, observed=pm.Data("first", first[:2]))
        pm.Uniform("z", 0, top, observed=pm.Data("second", second[:2]))
    objective = pml.sum_over_blocks(model, {"first": first, "second": second})
    values = objective.natural_log_likelihood({"top": np.array([0.9, 1.8])})
    np.testing.assert_allclose(values, [-np.inf, -6 * np.log(1.8)], rtol=1e-12)


def test_a_likelihood_of_potentials_has_its_test_too():
    rows = np.random.default_rng(7).normal(0.3, 1.0, size=90)

    def model(center):
        with pm.Model() as made:
            scale, mean = pm.HalfNormal("scale", 3), pm.Normal("mean", 0, 3) if center else 0.0
            pm.Potential("rows_logp", pm.logp(pm.Normal.dist(mean, scale), pm.Data("rows", rows[:20])))
        return pml.fit_mle(pml.sum_over_blocks(made, {"rows": rows}), progressbar=False)

    test = pml.likelihood_ratio_test(model(False), model(True))
    expected = 90 * np.log(np.mean(rows**2) / np.var(rows))
    assert test.statistic == pytest.approx(expected, rel=1e-6)


# --- what is no sum over rows ----------------------------------------------------------------------------------------


def series(rows):
    pm.AR("y", rho=[pm.Normal("rho", 0, 1)], sigma=1.0, init_dist=pm.Normal.dist(0, 1), observed=rows)


def standardised(rows):
    pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=(rows - rows.mean()) / rows.std())


def constant_beside(rows):
    pm.Normal("y", pm.Normal("mu", 0, 1) * np.arange(6.0), 1.0, observed=rows)


def an_effect_a_row(rows):
    pm.Normal("y", pm.Normal("mu", 0, 1, shape=6), 1.0, observed=rows)


def total_size(rows):
    pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=rows, total_size=60)


def deterministic(rows):
    pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=rows)
    pm.Deterministic("residual", rows - 1.0)


def random_effects(rows):
    scale = pm.HalfNormal("scale", 1)
    pm.Normal("y", pm.Normal("effect", 0, scale, shape=2)[np.array([0, 0, 0, 1, 1, 1])], 1.0, observed=rows)


def other_rows(rows):
    mu = pm.Normal("mu", 0, 1)
    pm.Normal("y", mu, 1.0, observed=rows)
    pm.Normal("survey", mu, 1.0, observed=np.arange(4.0))


REFUSED = {
    series: "got 'y'",
    standardised: "stand on their own, got 'y'",
    constant_beside: "one entry a row beside rows: name all such data",
    an_effect_a_row: "stand on their own, got 'y'",
    total_size: "got total_size in y: leave it out",
    deterministic: "Expected Deterministics of parameters alone, got residual, which the rows move",
    random_effects: "a sum over rows, got effect integrated or summed out",
    other_rows: "Expected terms with 6 rows, as the data have in the model, got 'survey' with 4 numbers",
}


@pytest.mark.parametrize("term", REFUSED, ids=lambda term: term.__name__)
def test_terms_that_are_no_sums_over_rows_are_refused(term):
    rows = np.random.default_rng(4).normal(size=20)
    with pm.Model() as model:
        term(pm.Data("rows", rows[:6]))
    with pytest.raises(ValueError, match=REFUSED[term]):
        pml.sum_over_blocks(model, {"rows": rows})


BAD = {
    "an iterator": (
        lambda: in_chunks(),
        ValueError,
        "got an iterator that ends: give a function that returns a new one",
    ),
    "lengths": (lambda: {"x": X, "clicked_data": CLICKED[:7]}, ValueError, "x of 2,350, clicked_data of 7: cut them"),
    "no such data": (lambda: {"z": X}, ValueError, "Expected data of the model, got 'z'"),
    "no data": (lambda: {}, ValueError, "Expected data to be a mapping of names to arrays, got {}"),
    "no rows": (lambda: {"x": X[:0], "clicked_data": CLICKED[:0]}, ValueError, "Expected data with rows, got none"),
    "a number": (
        lambda: 5,
        TypeError,
        "Expected data to be a mapping of names to arrays, or an iterable of chunks, got int",
    ),
    "numbers": (lambda: [1, 2], ValueError, "Expected data to be a mapping of names to arrays, got 1"),
    "columns": (
        lambda: {"x": X[:, :1], "clicked_data": CLICKED},
        RuntimeError,
        r"rows of x of shape \(2,\), as in the",
    ),
    "halves": (lambda: {"x": X, "clicked_data": CLICKED / 2}, RuntimeError, "Expected whole numbers for clicked_data"),
    "a name": (lambda: [{"x": X, "clicked_data": CLICKED}, {"x": X}], RuntimeError, "got one without clicked_data"),
    "uneven": (
        lambda: [{"x": X, "clicked_data": CLICKED[:5]}],
        RuntimeError,
        "same rows of all data, got 2350 of x, 5",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_data_are_refused_in_a_sentence(kind, block_model):
    make, error, sentence = BAD[kind]
    with pytest.raises(error, match=sentence):
        pml.sum_over_blocks(block_model, make())


def test_missing_values_are_named_and_never_fitted(block_model):
    holes = X.copy()
    holes[1_777, 1] = np.nan
    objective = pml.sum_over_blocks(block_model, {**DATA, "x": holes})
    sentence = "Expected data without missing values, got NaN in row 1777 of 'x'"
    with pytest.raises(RuntimeError, match=sentence):
        objective.minus2ll(np.zeros(3))
    with pytest.raises(RuntimeError, match=sentence):
        pml.fit_mle(objective, progressbar=False)


class Torn(Counted):
    """An array of which later rows cannot be read any more, after some cuts."""

    def __getitem__(self, rows):
        if len(self.cuts) > 12 and rows.start >= 2 * B:
            raise OSError("the disk is gone")
        return super().__getitem__(rows)


def test_rows_that_cannot_be_read_end_the_work_with_what_the_system_said(block_model):
    torn = Torn(X)
    objective = pml.sum_over_blocks(block_model, {**DATA, "x": torn})
    sentence = r"Expected rows 1000 to 1500 of the data, got OSError\('the disk is gone'\)"
    with pytest.raises(RuntimeError, match=sentence):
        pml.fit_mle(objective, progressbar=False)
    before = len(torn.cuts)
    with pytest.raises(RuntimeError, match="the disk is gone"):
        objective.minus2ll(np.zeros((50, 3)))
    assert len(torn.cuts) < before + 5  # not once more for each part of the points


def test_chunks_that_are_fewer_the_second_time_are_refused(block_model):
    times = []

    def fewer():
        times.append(0)
        yield from list(in_chunks())[: 8 if len(times) < 4 else 3]

    with pytest.raises(RuntimeError, match="as the first time, got 999: give a function"):
        pml.sum_over_blocks(block_model, fewer).minus2ll(np.zeros(3))


VERBS = {
    "pointwise landscape": lambda f: pml.evaluate_landscape(f, pml.fit_grid(f, ["level"], num=3), pointwise=True),
    "bootstrap": lambda f: pml.parametric_bootstrap(f, draws=2, progressbar=False),
    "coverage": lambda f: pml.coverage_study(f, draws=2, progressbar=False),
    "influence": pml.influence,
    "losses": pml.loss_table,
    "batches": lambda f: pml.descend(f.objective, "adam", batch_size=5, steps=2),
    "other data": lambda f: f.objective.with_data(clicked_data=CLICKED[:B]),
    "other rows": lambda f: pml.sum_over_blocks(f.objective, DATA),
    "penalty": lambda f: f.objective.with_penalty("firth"),
    "scores": lambda f: f.objective.scores(np.zeros(3)),
    "information": lambda f: f.objective.fisher(np.zeros(3)),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_needs_all_rows_at_once_is_refused(verb, block_fit):
    with pytest.raises(
        ValueError, match=r"Expected all data in memory .*got an objective that reads 2,350 rows in blocks"
    ):
        VERBS[verb](block_fit)
