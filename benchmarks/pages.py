"""Reports, and the explorer's page in a browser without a window: bytes, seconds until ready, milliseconds a control.

Seconds count from the start of the navigation; what the main thread computed in them is told beside, since a machine
that does other things at the same time, or draws without a GPU, is slower than that. A control is moved by a key, and
takes from the press to the painted frame, as the browser's own Event Timing has it.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.clocks import once
from benchmarks.isolate import Caches
from benchmarks.rows import Bar, Row, alone, at_most, median

WIDTHS = (360, 1000, 1600)
CONTROLS = ("prior", "level", "size", "map-frame")
PRESSES = 8
WATCH = """window.events = [];
new PerformanceObserver((list) => events.push(...list.getEntries()))
  .observe({ type: "event", durationThreshold: 16 });"""
TAKEN = "events.filter(({ name }) => name === 'keydown').map(({ duration }) => duration)"


def explorer_page(draws: str) -> dict[str, Any]:
    """Measure the page of CDNOW: two axes, so many draws, five walkers."""
    import pymc_landscape as pml
    from benchmarks.workloads import example

    behavior = example("user_behavior")
    model = behavior.build_model(behavior.load_customers())
    dt = behavior.sample(model, draws=int(draws) // 4, chains=4, random_seed=1, progressbar=False)
    took, explorer = once(lambda: pml.explore(model, dt, ["r", "alpha"], random_seed=1, progressbar=False), "explore")
    size = len(json.dumps(explorer.payload, ensure_ascii=False).encode())
    with tempfile.TemporaryDirectory() as folder:
        return took | {"bytes": size} | in_browser(explorer.save(Path(folder) / "page.html"))


def report(name: str) -> dict[str, Any]:
    """Time the report of a fitted model, first and again; bytes of the page, and its slowest section."""
    from threadpoolctl import threadpool_limits

    import pymc_landscape as pml
    from benchmarks.workloads import budworm, sleepstudy

    models = {"budworm": budworm, "sleepstudy": lambda: pml.Objective(sleepstudy(), latent="u")}
    with threadpool_limits(1):
        fit = pml.fit_mle(models[name](), progressbar=False)

        def work() -> Any:
            page = pml.report(fit, random_seed=1, progressbar=False)
            return page, len(page.html.encode())

        first, (page, size) = once(work, "first")
        again, _ = once(work, "again")
    slowest = max(page.seconds, key=lambda title: page.seconds[title])
    return first | again | {"bytes": size, "slowest": f"{slowest}, {page.seconds[slowest]:.1f} s"}


def in_browser(page: Path) -> dict[str, Any]:
    """Return seconds until the page is ready and milliseconds a key press takes, worst of all widths.

    Nothing where there is no Chromium.
    """
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None or importlib.util.find_spec("playwright") is None:
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        found = [_at_width(browser, page, width) for width in WIDTHS]
        browser.close()
    slowest = {name: max(each[name] for each in found) for name in ("map", "ready", "computing")}
    return slowest | {name: max(each["taken"][name] for each in found) for name in CONTROLS}


def _at_width(browser: Any, path: Path, width: int) -> dict[str, Any]:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.add_init_script(WATCH)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"file://{path}", wait_until="commit")
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    spent = {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
    map_ms, ready_ms = (float(page.get_attribute("html", f"data-{name}")) for name in ("map", "ready"))
    taken = {name: _presses(page, name) for name in CONTROLS}
    page.close()
    return {"map": map_ms / 1e3, "ready": ready_ms / 1e3, "computing": spent["ThreadTime"], "taken": taken}


def _presses(page: Any, control: str) -> float:
    page.focus(f"#{control}")
    page.wait_for_timeout(500)
    page.evaluate("events.length = 0")
    for _ in range(PRESSES):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(400)
    taken = page.evaluate(TAKEN)  # what took less than 16 ms is not told
    return float(statistics.median([*taken, *[16.0] * (PRESSES - len(taken))]))


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Open the explorer in Chromium, and move its controls; write reports of models that were fitted before."""
    found = []
    for name in ("budworm", "sleepstudy"):
        (answers,) = caches.in_turns([(report, name)], max(repeats // 2, 1))
        note = f"again {median(answers, 'again_processor'):.1f} s; slowest: {answers[0]['slowest']}"
        found.append(alone(f"`report`, {name}", median(answers, "first_processor"), note=note))
    (answers,) = caches.in_turns([(explorer_page, 2000)], max(repeats // 2, 1))
    explore, size = median(answers, "explore_processor"), median(answers, "bytes") / 1e6
    found += [
        alone("`explore`, CDNOW, 2,000 draws", explore, at_most(explore, 30)),
        alone("its page beside plotly.js", size, at_most(size, 2, "MB"), unit="MB", clock="bytes"),
    ]
    return [*found, *_in_browser_rows(answers)]


def _in_browser_rows(answers: list[dict[str, Any]]) -> list[Row]:
    work = "ready, slowest of 360, 1,000 and 1,600 px"
    if "ready" not in answers[0]:
        return [Row(work, None, bars=(Bar("≤ 2 s", None),), note="no Chromium here")]
    ready = median(answers, "ready")
    note = f"{median(answers, 'computing'):.2f} s of computing"
    found = [alone(work, ready, at_most(ready, 2), clock="wall", note=note)]
    for control, words in (("prior", "prior weight"), ("level", "water"), ("size", "size"), ("map-frame", "cursor")):
        taken = median(answers, control) / 1e3
        found.append(alone(f"{words}: from a key to the painted frame", taken, at_most(taken, 0.1), clock="wall"))
    return found
