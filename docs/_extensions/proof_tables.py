"""Tables of what was simulated and of what was asked of the zoo of models: ``{coverage-table}`` and ``{zoo-table}``."""

import json
import sys
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.coverage_results import FILE, is_off, read, table

ZOO = Path(__file__).resolve().parents[2] / "tests" / "data" / "zoo.json"


def zoo_table() -> str:
    """Return the table of models and verbs: a dot for an answer, else the number of a sentence."""
    zoo = json.loads(ZOO.read_text(encoding="utf-8"))
    verbs, models, sentences = zoo["verbs"], zoo["models"], dict[str, int]()
    head = ["model", "likelihood", "fit", *(f"`{verb}`" for verb in verbs)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, found in models.items():
        cells = [
            str(sentences.setdefault(found["refused"][verb], len(sentences) + 1)) if verb in found["refused"] else "·"
            for verb in verbs
        ]
        lines.append(f"| {name} | {', '.join(found['covers'])} | {found['status']} | {' | '.join(cells)} |")
    told = [f"{number}. {sentence} …" for sentence, number in sentences.items()]
    return "\n".join([*lines, "", "Sentences, without the numbers and names of the model:", "", *told])


def coverage_remarks() -> str:
    """Say when it was simulated, and which shares are further off than chance explains."""
    found = read()
    off = [row for rows in found["sections"].values() for row in rows if is_off(row)]
    words = "; ".join(f"{row['model']}, {row.get('parameter', row.get('law', ''))}" for row in off) or "none"
    return f"Simulated on {found['date']}, {found['minutes']} minutes on {found['cores']} cores. Off theory: {words}."


class Generated(SphinxDirective):
    """Markdown from a file, in place."""

    optional_arguments = 1
    file = FILE

    def markdown(self) -> str:
        """Return what is shown."""
        return table(self.arguments[0]) if self.arguments else coverage_remarks()

    def run(self) -> list[nodes.Node]:
        """Parse what the file says now."""
        self.env.note_dependency(str(self.file))
        holder = nodes.section()
        holder.document = self.state.document
        self.state.nested_parse(
            StringList(self.markdown().splitlines(), source=str(self.file)), self.content_offset, holder
        )
        return holder.children


class Zoo(Generated):
    """The zoo."""

    file = ZOO

    def markdown(self) -> str:
        """Return what is shown."""
        return zoo_table()


def setup(app: Sphinx) -> dict[str, bool]:
    """Add both directives."""
    app.add_directive("coverage-table", Generated)
    app.add_directive("zoo-table", Zoo)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
