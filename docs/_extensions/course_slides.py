"""A deck of slides from the chapters: what was to be predicted, the pictures, and what is known at the end.

Nothing is drawn twice: pictures are those that the pages' cells made, each with its caption. The deck is one file
that needs no network; arrow keys turn its pages, and printing gives a sheet a slide.
"""

import base64
import html
from pathlib import Path

from docutils import nodes
from sphinx.builders.html import StandaloneHTMLBuilder

STYLE = """
:root { color-scheme: light; }
body { margin: 0; font: 1.35rem/1.5 system-ui, sans-serif; color: #14181f; background: #fff; }
section { min-height: 100vh; box-sizing: border-box; padding: 4vh 6vw 7vh; display: flex; flex-direction: column;
  justify-content: center; scroll-snap-align: start; position: relative; }
html { scroll-snap-type: y proximity; }
h1 { font-size: 2.6rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.6rem; margin: 0 0 1rem; }
section > * { max-width: 60rem; width: 100%; box-sizing: border-box; margin-left: auto; margin-right: auto; }
figure { margin: 0 auto; text-align: center; }
figure img { max-width: 100%; width: auto; height: 68vh; object-fit: contain; }
figcaption { font-size: 1.5rem; margin-top: 1rem; }
.predict { border-left: 0.5rem double #b35a00; padding-left: 1.5rem; box-sizing: border-box; }
footer { position: absolute; right: 2vw; bottom: 1.5vh; width: auto; font-size: 0.9rem; color: #59626f; }
a { color: inherit; }
@media (max-width: 700px) { body { font-size: 1.1rem; } h1 { font-size: 1.8rem; } figure img { height: auto; }
  figcaption { font-size: 1.1rem; } }
@media print { @page { size: A4 landscape; margin: 0; } html { scroll-snap-type: none; }
  section { height: 100vh; break-after: page; break-inside: avoid; } }
"""
SCRIPT = """
const slides = [...document.querySelectorAll("section")];
const here = () => slides.reduce((best, slide, i) =>
  Math.abs(slide.getBoundingClientRect().top) < Math.abs(slides[best].getBoundingClientRect().top) ? i : best, 0);
let target = null;
const go = (i) => {
  target = Math.max(0, Math.min(slides.length - 1, i));
  slides[target].scrollIntoView();
  history.replaceState(null, "", "#" + slides[target].id);
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const steps = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
  const to = event.key === "Home" ? 0 : event.key === "End" ? slides.length - 1 : here() + steps[event.key];
  if (Number.isNaN(to)) return;
  event.preventDefault();
  go(to);
});
"""


def picture(figure: nodes.figure, source: Path) -> str:
    """Write a picture into the deck, with its caption."""
    image = figure.next_node(nodes.image)
    caption = figure.next_node(nodes.caption)
    kind = "svg+xml" if image["uri"].endswith(".svg") else "png"
    data = base64.b64encode((source / image["uri"]).read_bytes()).decode("ascii")
    alt, words = html.escape(image.get("alt", "")), html.escape(caption.astext() if caption else "")
    return f'<figure><img alt="{alt}" src="data:image/{kind};base64,{data}"><figcaption>{words}</figcaption></figure>'


def fragment(builder: StandaloneHTMLBuilder, node: nodes.Element) -> str:
    """Write a few paragraphs; links lead nowhere from a slide, so their words stay."""
    copy = node.deepcopy()
    for reference in list(copy.findall(nodes.reference)):
        reference.replace_self(reference.children)
    return "".join(builder.render_partial(child)["fragment"] for child in copy.children)


def chapter_slides(builder: StandaloneHTMLBuilder, page: str) -> list[str]:
    """Write the slides of one chapter, in the order of the page."""
    doctree = builder.env.get_and_resolve_doctree(page, builder)
    slides = []
    for node in doctree.findall(nodes.Element):
        classes = node.get("classes", [])
        if isinstance(node, nodes.section) and isinstance(node.parent, nodes.document):
            question = next((bold.astext() for bold in node.findall(nodes.strong)), "")
            slides.append(f"<h1>{html.escape(node[0].astext())}</h1><p>{html.escape(question)}</p>")
        elif "predict" in classes:
            slides.append(f'<h2>Predict</h2><div class="predict">{fragment(builder, node)}</div>')
        elif "tag_slide" in classes:
            slides += [picture(figure, Path(builder.srcdir)) for figure in node.findall(nodes.figure)]
        elif isinstance(node, nodes.section) and node[0].astext() == "What you now know":
            points = next(node.findall(nodes.bullet_list))
            slides.append(f"<h2>What you now know</h2>{builder.render_partial(points)['fragment']}")
    return slides


def deck(title: str, slides: list[str]) -> str:
    """Put slides together to a page of its own."""
    sections = [
        f'<section id="{number}">{slide}<footer>{number} / {len(slides)}</footer></section>'
        for number, slide in enumerate(slides, start=1)
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(sections)
        + f"\n<script>{SCRIPT}</script>\n</body></html>\n"
    )


def write_slides(builder: StandaloneHTMLBuilder, pages: list[str], file: Path) -> None:
    """Write the deck of all chapters, after a slide that says how to turn its pages."""
    slides = [
        "<h1>The likelihood landscape</h1><p>Arrow keys turn the pages; Home and End go to the first and the last. "
        "Printed, every slide is a sheet.</p>"
    ]
    for page in pages:
        slides += chapter_slides(builder, page)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(deck("The likelihood landscape: slides", slides), encoding="utf-8")
