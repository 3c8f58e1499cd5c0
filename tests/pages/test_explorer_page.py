"""The explorer in a browser: each control is moved, and what the page reads then is the verb's own number."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
from page_in_browser import PageInBrowser
from scipy import stats

import pymc_landscape as pml

NAMES = ["alpha", "beta"]
CODED = {"rel": 2e-3, "abs": 2e-3}  # Δ is stored in 16 bits
HOSTILE = "</script><script>window.harm = 1</script><img src=x onerror='window.harm = 1'>"


@pytest.fixture(scope="module")
def model() -> pm.Model:
    """A line through twelve points."""
    x = np.linspace(0.0, 1.0, 12)
    y = 1 + 2 * x + 0.4 * np.sin(7 * np.arange(12))
    with pm.Model() as model:
        alpha, beta = pm.Normal("alpha", 0, 1), pm.Normal("beta", 0, 1)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", alpha + beta * pm.Data("dose", x), sigma, observed=y)
    return model


@pytest.fixture(scope="module")
def fit(model):
    return pml.fit_mle(model, progressbar=False, random_seed=1)


@pytest.fixture(scope="module")
def explorer(model, fit):
    """Few weights and nodes: the page is the same with more."""
    draws = pml.fit_map(model, progressbar=False, random_seed=1).draws(200, random_seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pymc_landscape.pages.explorer.exploration.PRIOR_WEIGHTS", (0.0, 1.0))
        patch.setattr("pymc_landscape.pages.explorer.exploration.SIZES", (1, 4))
        return pml.explore(fit, draws, NAMES, num=11, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def folder(explorer, tmp_path_factory) -> Path:
    """A folder with the page, and plotly.js beside it."""
    folder = tmp_path_factory.mktemp("pages")
    explorer.save(folder / "page.html", include_plotlyjs="directory")
    return folder


@pytest.fixture(scope="module")
def opened(browser, folder):
    context = browser.new_context(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    yield PageInBrowser(context, folder / "page.html")
    context.close()


@pytest.fixture
def page(opened):
    return opened.reset()


def other_page(browser, folder, payload, explorer, plotly: str | bool = False) -> PageInBrowser:
    """The page of another payload; without the mountain it opens sooner."""
    dataclasses.replace(explorer, payload=payload).save(folder / "other.html", include_plotlyjs=plotly)
    return PageInBrowser(browser.new_context(viewport={"width": 1000, "height": 900}), folder / "other.html")


def surface_at(page, objective, **options):
    """What `evaluate_landscape` has at the cursor."""
    here = {name: [page.number("cursor-reading", key)] for name, key in zip(NAMES, "xy", strict=True)}
    return pml.evaluate_landscape(objective, pml.regular_grid(here), progressbar=False, **options)


@pytest.mark.parametrize("treatment", ["hold", "profile"])
def test_the_cursor_reads_what_evaluate_landscape_says(page, fit, treatment):
    page.choose("treatment-0", treatment[0])
    page.keys("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft")
    options = {"at": fit} if treatment == "hold" else {"nuisance": "profile"}
    expected = surface_at(page, fit.objective, **options)["minus2ll"].item()
    assert page.number("cursor-reading", "delta") == pytest.approx(expected - fit.minus2ll, **CODED)
    assert page.number("cursor-reading", "height") == pytest.approx(expected, abs=0.02)
    assert page.number("cursor-reading", "delta") > 1


def test_home_goes_to_the_lowest_place(page, fit):
    page.keys("Shift+ArrowRight", "Shift+ArrowUp", "Home")
    values = [axis["values"] for axis in page.run("landscape.axes")]
    for name, key, nodes in zip(NAMES, "xy", values, strict=True):
        assert abs(page.number("cursor-reading", key) - fit.point[name].item()) <= np.diff(nodes).max() / 2


def test_the_mode_under_the_prior_is_that_of_fit_map(page, model):
    fitted = pml.fit_map(model, progressbar=False, random_seed=1)
    page.slide("prior", page.run("landscape.payload.prior_weights.indexOf(1)"))
    assert page.number("prior-value", "weight") == 1
    for axis, name in enumerate(NAMES):
        assert page.row(axis)["mode"] == pytest.approx(fitted.point[name].item(), abs=1e-4)
    assert "likelihood" not in page.text("#prior-value")


def test_limits_are_those_of_confidence_intervals(page, fit):
    table = pml.confidence_intervals(fit, NAMES, method=("wald", "profile"), progressbar=False)["interval"]
    for axis, name in enumerate(NAMES):
        for method in ("wald", "profile"):
            expected = table.sel(parameter=name, interval_method=method).to_numpy()
            assert page.row(axis)[method] == pytest.approx(expected, abs=1e-3)


def test_a_sample_counted_four_times_has_limits_at_a_quarter_of_the_cut_off(page, fit):
    before = page.number("cursor-reading", "delta"), page.row(0)["wald"]
    page.keys("ArrowRight", "ArrowRight")
    once = page.number("cursor-reading", "delta")
    page.slide("size", page.run("landscape.payload.sizes.indexOf(4)"))
    assert page.number("size-value", "size") == 4
    assert page.number("cursor-reading", "delta") == pytest.approx(4 * once)
    assert once > before[0]
    level = stats.chi2.cdf(stats.chi2.ppf(0.95, 1) / 4, 1)
    table = pml.confidence_intervals(fit, NAMES, level=level, method="profile", progressbar=False)["interval"]
    for axis, name in enumerate(NAMES):
        assert page.row(axis)["profile"] == pytest.approx(table.sel(parameter=name).to_numpy().squeeze(), abs=2e-3)


@pytest.mark.parametrize(("level", "df"), [(0.5, 1), (0.95, 1), (0.95, 2), (0.99, 2)])
def test_water_stands_at_the_cut_off(page, level, df):
    page.page.click(f'[data-df="df{df}"][data-level="{level}"]')
    delta = page.number("level-value", "delta")
    assert delta == pytest.approx(pml.chi2_cutoff(level, df))
    assert page.number("level-value", f"df{df}") == pytest.approx(level)
    other = 3 - df
    assert page.number("level-value", f"df{other}") == pytest.approx(stats.chi2.cdf(delta, other), abs=2e-3)
    assert page.number("lakes", "count") == 1


@pytest.mark.parametrize("where", [30, 200, 1000])
def test_the_level_reads_as_confidence(page, where):
    page.slide("level", where)
    delta = page.number("level-value", "delta")
    assert delta > 0
    for df in (1, 2):
        assert page.number("level-value", f"df{df}") == pytest.approx(stats.chi2.cdf(delta, df), abs=2e-3)


def test_heights_are_minus2ll_loss_and_likelihood(page, fit):
    page.keys("ArrowRight", "ArrowUp")
    delta, minus2ll = (page.number("cursor-reading", key) for key in ("delta", "height"))
    page.choose("height", "loss")
    assert page.number("cursor-reading", "height") == pytest.approx(minus2ll / 2 / fit.n_observations)
    page.choose("height", "likelihood")
    assert page.number("cursor-reading", "height") == pytest.approx(np.exp(-delta / 2))


def test_words_say_between_which_cut_offs_the_cursor_is(page):
    delta = 0.0
    while delta <= pml.chi2_cutoff(0.95, 1):
        page.keys("ArrowRight")
        delta = page.number("cursor-reading", "delta")
    levels = [0.5, 0.9, 0.95, 0.99]
    inside = [next((lv for lv in levels if delta <= pml.chi2_cutoff(lv, df)), None) for df in (1, 2)]
    said = page.text("#cursor-reading")
    for level, words in zip(inside, ("for one parameter", "for two"), strict=True):
        assert (f"inside {100 * level:g} % {words}" if level else f"outside 99 % {words}") in said


def test_shares_add_up_to_minus2ll_and_the_line_is_the_model_s(page, fit):
    reading = {key: page.page.get_attribute("#observations-reading", f"data-{key}") for key in ("fitted", "share")}
    fitted, share = (np.array(json.loads(each)) for each in reading.values())
    ix, iy = page.run("(() => { const { nodes } = landscape.payload.hover; return [nodes.ix, nodes.iy]; })()")
    values = [np.array(axis["values"]) for axis in page.run("landscape.axes")]
    here = [page.number("cursor-reading", key) for key in "xy"]
    near = [v[k][np.abs(v[k] - h).argmin()] for v, k, h in zip(values, (ix, iy), here, strict=True)]
    x = np.array(page.run("landscape.payload.hover.terms[0].x"))
    assert fitted == pytest.approx(near[0] + near[1] * x, abs=1e-3)
    grid = pml.regular_grid({name: [value] for name, value in zip(NAMES, near, strict=True)})
    expected = pml.evaluate_landscape(fit.objective, grid, at=fit, progressbar=False)["minus2ll"].item()
    assert share.sum() == pytest.approx(expected, abs=0.02)


def test_walkers_reach_the_minimum_from_the_nearest_start(page):
    page.keys("Shift+ArrowLeft", "Shift+ArrowDown", "Enter")
    ends = json.loads(page.page.get_attribute("#walk-reading", "data-deltas"))
    assert {"newton", "l-bfgs", "adam", "NUTS"} <= set(ends)
    assert ends["newton"] == pytest.approx(0, abs=1e-3)  # who asked for no motion sees the whole way at once
    place = [page.number("cursor-reading", key) for key in "xy"]
    spans = [np.ptp(axis["values"]) for axis in page.run("landscape.axes")]
    starts = np.array(page.run("landscape.payload.walkers.starts"))
    nearest = starts[(((starts - place) / spans) ** 2).sum(axis=1).argmin()]
    assert all(f"{value:.3g}".replace("-", "−") in page.text("#walk-message") for value in nearest)
    assert "stored start nearest" in page.text("#walk-message")


def test_walkers_step_play_and_pause(page):
    page.page.uncheck('[name="NUTS"]')
    page.keys("Shift+ArrowLeft", "Shift+ArrowDown", "Enter")
    page.page.click("#step")  # from the end back to the first evaluations
    first = page.number("walk-reading", "clock")
    page.page.click("#step")
    assert 0 < first < page.number("walk-reading", "clock")
    page.page.select_option("#speed", "250")
    page.page.click("#play")
    assert page.text("#play") == "Pause"
    page.page.wait_for_function(f"+document.querySelector('#walk-reading').dataset.clock > {first + 3}")
    assert "NUTS" not in page.text("#walk-reading")
    page.reset()
    assert page.text("#walk-reading") == ""
    page.page.check('[name="NUTS"]')


def test_the_pointer_moves_the_cursor_and_a_press_starts_walkers(page):
    box = page.page.locator("#map rect.box").bounding_box()
    page.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    for key, axis in zip("xy", page.run("landscape.axes"), strict=True):
        quarter = axis["values"][0] + 0.25 * np.ptp(axis["values"])
        assert abs(page.number("cursor-reading", key) - quarter) <= 0.51 * np.diff(axis["values"]).max()
    page.page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    assert "Started from" in page.text("#walk-message")


def test_python_is_what_made_what_is_seen(page, model, fit):
    page.keys("ArrowRight", "ArrowUp")
    page.choose("treatment-0", "p")
    names: dict = {"pml": pml, "model": model}
    code = page.text("#code")
    cursor = next(line for line in code.splitlines() if line.startswith("pml.evaluate_landscape"))
    exec("\n".join(line for line in code.splitlines() if line.startswith("objective =")), names)
    minus2ll = eval(cursor, names)["minus2ll"].item()
    assert page.number("cursor-reading", "delta") == pytest.approx(minus2ll - fit.minus2ll, **CODED)
    page.page.click("#copy")
    page.page.wait_for_function("document.querySelector('#copied').textContent")
    assert page.text("#copied").startswith(("Copied", "The code is selected"))


def test_the_theme_follows_the_system_and_its_button(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    page.page.emulate_media(color_scheme="dark")
    dark = page.run(ground)
    page.page.click("#theme")
    assert page.run(ground) == light != dark
    page.page.click("#theme")
    assert page.run(ground) == dark
    page.page.emulate_media(color_scheme="light")
    page.page.click("#theme")


def test_the_mountain_turns_and_shows_the_same_heights(page, fit):
    assert page.page.is_visible("#mountain canvas")
    eye = "JSON.stringify(document.querySelector('#mountain')._fullLayout.scene.camera.eye)"
    before = page.run(eye)
    for way in ("left", "right", "up", "down"):
        page.page.click(f'[data-turn="{way}"]')
        page.page.wait_for_function(f"{eye} !== {json.dumps(before)}")
        before = page.run(eye)
    lowest = page.run("Math.min(...document.querySelector('#mountain').data[0].z.flat())")
    assert fit.minus2ll <= lowest <= fit.minus2ll + 0.5


def test_pointing_at_the_mountain_moves_the_cursor_on_the_map(page):
    x, y = (axis["values"][2] for axis in page.run("landscape.axes"))
    point = {"x": x, "y": y, "data": {"navigable": True}}
    page.run(f"document.querySelector('#mountain').emit('plotly_hover', {{ points: [{json.dumps(point)}] }})")
    assert [page.number("cursor-reading", key) for key in "xy"] == [x, y]


def test_colours_grow_lighter_with_height(page):
    channels = np.array(page.run("Array.from({ length: 101 }, (_, i) => drawing.colour(i / 100))")) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    assert (np.diff(linear @ [0.2126, 0.7152, 0.0722]) > 0).all()


@pytest.mark.parametrize("plotly", [False, pytest.param("directory", marks=pytest.mark.exhaustive)])
def test_names_of_a_model_are_no_markup(browser, folder, explorer, plotly):
    payload = json.loads(json.dumps(explorer.payload))
    payload["title"] = payload["model_name"] = HOSTILE
    for labelled in (*payload["axes"], *payload["others"]):
        labelled["label"] = HOSTILE
    payload["hover"]["terms"][0]["name"] = payload["hover"]["terms"][0]["x_label"] = HOSTILE
    payload["notes"], payload["code"]["limits"] = [HOSTILE], HOSTILE
    page = other_page(browser, folder, payload, explorer, plotly)
    page.keys("ArrowRight", "Enter")
    page.page.wait_for_timeout(300)
    assert page.run("window.harm") is None
    assert page.text("h1") == page.page.title() == HOSTILE
    assert not page.messages
    assert "srcdoc" in dataclasses.replace(explorer, payload=payload)._repr_html_()


def test_two_lakes_join_at_the_pass(browser, folder, explorer):
    payload = json.loads(json.dumps(explorer.payload))
    (key,) = [key for key in payload["surfaces"] if key == "h"]
    at = [axis["values"][3] for axis in payload["axes"]]
    payload["valleys"][key][0] = [{"at": at, "height": 0.0}, {"at": at, "height": 1.0}]
    payload["merges"][key][0] = [{"at": at, "height": 5.0, "valleys": [0, 1]}]
    page = other_page(browser, folder, payload, explorer)
    counts = []
    for level in (0.5, 4.0, 6.0):
        page.slide("level", 1000 * np.sqrt(level / page.run("landscape.cap")))
        counts.append(page.number("lakes", "count"))
    assert counts == [1, 2, 1]


def test_without_webgl_the_page_says_so_and_the_rest_works(browser, folder, explorer):
    dataclasses.replace(explorer).save(folder / "flat.html", include_plotlyjs="directory")
    context = browser.new_context()
    context.add_init_script(
        "HTMLCanvasElement.prototype.getContext = ((of) => function (kind, ...rest) {"
        "return /webgl/.test(kind) ? null : of.call(this, kind, ...rest); })"
        "(HTMLCanvasElement.prototype.getContext)"
    )
    page = PageInBrowser(context, folder / "flat.html")
    assert "no WebGL" in page.text("#mountain-message")
    page.keys("ArrowRight")
    assert page.number("cursor-reading", "delta") > 0
    assert not page.messages


def test_without_plotly_beside_it_the_page_says_so(browser, folder, explorer):
    explorer.save(folder / "alone.html", include_plotlyjs=False)
    page = PageInBrowser(browser.new_context(), folder / "alone.html")
    assert "plotly.js, which is not with this page" in page.text("#mountain-message")
    page.keys("ArrowRight")
    assert page.number("cursor-reading", "delta") > 0


def test_a_notebook_without_plotly_shows_the_rest(explorer, monkeypatch):
    assert "id=&quot;plotlyjs&quot;" in explorer._repr_html_()
    monkeypatch.setattr("pymc_landscape.pages.explorer.explorer.find_spec", lambda name: None)
    assert "id=&quot;plotlyjs&quot;" not in explorer._repr_html_()


@pytest.mark.parametrize("width", [360, *(pytest.param(wide, marks=pytest.mark.exhaustive) for wide in (1000, 1600))])
def test_anyone_can_use_it_at_any_width(opened, width):
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="no axe: install the extra `browser`")
    opened.page.set_viewport_size({"width": width, "height": 900})
    try:
        opened.keys("Enter")
        found = axe.Axe().run(opened.page)["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
        assert opened.run("document.documentElement.scrollWidth") <= width
        small = opened.run("""[...document.querySelectorAll("button, select, input[type=range], label.choice")]
            .filter((each) => each.offsetParent).map((each) => [each.textContent, each.getBoundingClientRect()])
            .filter(([, { width, height }]) => width < 44 || height < 44)""")
        assert small == []
    finally:
        opened.page.set_viewport_size({"width": 1000, "height": 900})


def test_everything_is_reached_by_the_tab_key(page):
    page.run("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.page.keyboard.press("Tab")
        reached.add(
            page.run("document.activeElement.id || document.activeElement.name || document.activeElement.textContent")
        )
    assert {
        "prior",
        "level",
        "size",
        "height",
        "treatment-0",
        "map-frame",
        "begin",
        "speed",
        "copy",
        "reset",
        "theme",
        "Turn left",
    } <= reached
    page.keys("ArrowRight")
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_nothing_was_said_to_the_console_and_nothing_asked_of_a_network(page):
    assert page.messages == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in page.requests)


def test_the_page_is_one_file(explorer, tmp_path):
    file = explorer.save(tmp_path / "one.html")
    text = file.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [file]
    assert "plotly.js v" in text
    assert len(json.dumps(explorer.payload)) < 2e6


@pytest.mark.parametrize("choice", ["cdn", 2, None])
def test_other_ways_to_include_plotly_are_refused(explorer, tmp_path, choice):
    with pytest.raises(ValueError, match="Expected include_plotlyjs=True, False or 'directory'"):
        explorer.save(tmp_path / "page.html", include_plotlyjs=choice)
