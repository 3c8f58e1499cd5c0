"""The page of a report: head, verdict, a way to each section, the sections."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pymc_landscape.pages.model_report.html_elements import bullets, code, fold, paragraph
from pymc_landscape.pages.model_report.section import Section

# On a phone and a wide screen, in light and in dark, and black on white on paper.
STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --paper: #ffffff; --soft: #566273; --line: #d5dbe3; --tint: #f3f6f9;
  --link: #1a5fb4; --good: #1d6b3a; --bad: #a5341f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9f0; --paper: #14181e; --soft: #a5b1c0; --line: #39424f; --tint: #1d232c; --link: #8ab8ff;
    --good: #7fd39a; --bad: #ff9b85; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 clamp(0.9rem, 4vw, 2.5rem); }
header { padding-top: 2rem; }
h1 { font-size: clamp(1.5rem, 1.2rem + 1.6vw, 2.2rem); line-height: 1.2; margin: 0 0 0.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 0.6rem; }
section { margin: 2.6rem 0; padding-top: 1.4rem; border-top: 1px solid var(--line); }
p, ul, dl { margin: 0.6rem 0; max-width: 68ch; overflow-wrap: break-word; }
li { margin: 0.3rem 0; }
a { color: var(--link); }
.made { color: var(--soft); margin: 0 0 1.2rem; }
.verdict { background: var(--tint); border-left: 4px solid var(--link); padding: 0.7rem 1.1rem; max-width: 76ch; }
.verdict p { margin: 0.4rem 0; max-width: none; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; padding: 0; max-width: none; }
nav li { margin: 0; }
nav a { display: inline-block; padding: 0.25rem 0; }
nav .refused { color: var(--soft); }
.note, figcaption, caption { color: var(--soft); font-size: 0.9rem; }
.refusal { border-left: 4px solid var(--soft); padding-left: 0.8rem; }
.sentences li { margin: 0.6rem 0; }
.status { border: 1px solid var(--line); border-left: 4px solid var(--bad); padding: 0.5rem 1.1rem; max-width: 76ch; }
.status.good { border-left-color: var(--good); }
.status p { max-width: none; }
.status strong { font-size: 1.1rem; color: var(--bad); }
.status.good strong { color: var(--good); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 0.5rem 1.4rem;
  max-width: none; }
.facts dt { color: var(--soft); font-size: 0.88rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; max-width: 100%; margin: 1rem 0; }
.scroll:focus-visible, pre:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--link);
  outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.3rem; }
th, td { padding: 0.3rem 0.9rem 0.3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th.n, td.n { text-align: right; white-space: nowrap; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 600; white-space: nowrap; }
td.w { min-width: 9rem; max-width: 34rem; }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
figcaption { margin-top: 0.3rem; max-width: 60ch; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 0.5rem 1.6rem;
  align-items: start; }
details { margin: 0.8rem 0; }
summary { cursor: pointer; color: var(--link); padding: 0.25rem 0; }
pre { background: var(--tint); padding: 0.8rem 1rem; overflow-x: auto; font-size: 0.86rem; line-height: 1.5;
  border-radius: 4px; }
footer { color: var(--soft); font-size: 0.9rem; padding-bottom: 2.5rem; }
.graph svg { display: block; max-width: none; height: auto; }
.graph text { fill: var(--ink); font: 13px system-ui, sans-serif; }
.graph .name { font-weight: 600; }
.graph .law, .graph .dims { fill: var(--soft); font-size: 11.5px; }
.graph .dims { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.graph .edge { fill: none; stroke: var(--soft); stroke-width: 1.3; }
.graph .head { fill: var(--soft); }
.graph .plate { fill: none; stroke: var(--line); stroke-width: 1.4; }
.node ellipse, .node rect, .node polygon { fill: var(--paper); stroke: var(--ink); stroke-width: 1.4; }
.node.effect ellipse, .node.summed ellipse, .node.fixed ellipse { stroke-dasharray: 6 3; }
.node.likelihood ellipse, .node.potential polygon { fill: var(--line); }
.node.data rect { fill: var(--tint); stroke: var(--soft); }
.node.deterministic rect { stroke: var(--soft); }
.roles { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.2rem 1.3rem; font-size: 0.9rem;
  max-width: none; }
.roles li { display: flex; align-items: center; gap: 0.45rem; margin: 0; }
.roles span { width: 1.5rem; height: 0.95rem; border: 1.4px solid var(--ink); border-radius: 50%;
  background: var(--paper); }
.roles .effect span, .roles .summed span, .roles .fixed span { border-style: dashed; }
.roles .likelihood span { background: var(--line); }
.roles .potential span { background: var(--line); }
.roles .potential span, .roles .prior_potential span { border-radius: 0; border-width: 1.4px 5px; }
.roles .deterministic span { border-radius: 0; }
.roles .data span { background: var(--tint); border-color: var(--soft); border-radius: 0.4rem; }
@media print {
  :root { color-scheme: light; --ink: #000000; --paper: #ffffff; --soft: #333333; --line: #999999; --tint: #ffffff;
    --link: #000000; --good: #000000; --bad: #000000; }
  @page { margin: 16mm 15mm; }
  body { font-size: 10.5pt; }
  header, main, footer { max-width: none; padding: 0; }
  nav { display: none; }
  section { margin: 1.2rem 0; }
  h2, caption, .lead { break-after: avoid; }
  figure, .status, .verdict, tr, .facts div { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; }
  table { font-size: 8.6pt; }
  th, td { padding-right: 0.5rem; }
  td.w { min-width: 0; }
  th.n, td.n, tbody th { white-space: normal; }
  .figures { grid-template-columns: 1fr 1fr; }
  .graph svg { max-width: 100%; }
  .node.likelihood ellipse, .node.potential polygon, .roles .likelihood span, .roles .potential span { fill: #e4e4e4;
    background: #e4e4e4; }
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; font-weight: 600; color: #000000; }
  pre { white-space: pre-wrap; border: 1px solid #999999; }
}
"""


def report_page(title: str, made: str, verdict: Sequence[str], sections: Sequence[Section]) -> str:
    """Return the whole document.

    Parameters
    ----------
    title, made : str
        What the report is about, and by what and when it was made.
    verdict : sequence of str
        Sentences for those who read no further.
    sections : sequence of Section
        In their order.
    """
    links = "".join(f'<li><a href="#{s.key}"{_refused(s)}>{escape(s.title)}</a></li>' for s in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<header><h1>{escape(title)}</h1><p class="made">{escape(made)}</p></header><main>'
        f'<div class="verdict">{"".join(map(paragraph, verdict))}</div>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>'
        f"{''.join(map(_section, sections))}</main>"
        "<footer><p>Made with pymc_landscape.</p></footer></body></html>\n"
    )


def _refused(section: Section) -> str:
    return ' class="refused"' if section.refusal else ""


def _section(section: Section) -> str:
    inside = "".join(section.content.html) + paragraph(section.refusal, "refusal")
    remarks = bullets(section.remarks, "note")
    made_by = fold("How this was made", code(section.content.code)) if section.content.code else ""
    return (
        f'<section id="{section.key}" aria-labelledby="{section.key}-title"><h2 id="{section.key}-title">'
        f"{escape(section.title)}</h2>{inside}{remarks}{made_by}</section>"
    )
