"""The explorer's page in a browser without a window: bytes, seconds until it answers, milliseconds a control takes.

Seconds count from the start of the navigation; what the main thread computed in them is told beside, since a machine
that does other things at the same time, or draws without a GPU, is slower than that. A control is moved by a key, and
takes from the press to the painted frame, as the browser's own Event Timing has it.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

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
    from benchmarks.fitting import example

    behavior = example("user_behavior")
    model = behavior.build_model(behavior.load_customers())
    dt = behavior.sample(model, draws=int(draws) // 4, chains=4, random_seed=1, progressbar=False)
    began, worked = time.perf_counter(), time.process_time()
    explorer = pml.explore(model, dt, ["r", "alpha"], random_seed=1, progressbar=False)
    seconds = {"explore": time.perf_counter() - began, "explore_worked": time.process_time() - worked}
    with tempfile.TemporaryDirectory() as folder:
        page = explorer.save(Path(folder) / "page.html")
        return {"bytes": len(json.dumps(explorer.payload, ensure_ascii=False).encode()), **seconds, **in_browser(page)}


def in_browser(page: Path) -> dict[str, Any]:
    """Return seconds until the page is ready and milliseconds a key press takes, worst of all widths."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("google-chrome")
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
