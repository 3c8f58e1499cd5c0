"""The built pages, on a phone and on a desk: nothing is wider than the window. Runs once the docs have been built."""

import shutil
from pathlib import Path

import pytest

HTML = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OF_SPHINX = {"genindex", "search", "py-modindex"}
WIDTHS = (400, 1400)

# What stands beyond the right edge, unless something around it scrolls.
SPILLS = """() => {
  const scrolls = (e) => {
    for (; e && e !== document.body; e = e.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(e).overflowX)) return true;
    return false;
  };
  const spilt = [...document.querySelectorAll('main *, header *, body > *')].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width && box.height && box.right > innerWidth + 1
      && getComputedStyle(e).visibility !== 'hidden' && !scrolls(e);
  });
  const words = (e) => `${e.tagName} to ${Math.round(e.getBoundingClientRect().right)}: ${e.textContent.slice(0, 60)}`;
  return spilt.map(words);
}"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_window(width):
    if not HTML.exists():
        pytest.skip("the docs have not been built: python -m sphinx docs docs/_build/html")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `browser`")
    spilt = {}
    pages = [path for path in sorted(HTML.rglob("*.html")) if path.stem not in OF_SPHINX and path.parts[-2][0] != "_"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": width, "height": 900})
        for path in pages:
            window.goto(path.as_uri())
            scrolled = window.evaluate("document.documentElement.scrollWidth")
            found = window.evaluate(SPILLS) + ([f"the page scrolls to {scrolled}"] if scrolled > width else [])
            if found:
                spilt[path.relative_to(HTML).as_posix()] = found[:3]
        browser.close()
    assert len(pages) > 20
    assert not spilt
