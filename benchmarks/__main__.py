"""Run the benchmarks: ``python -m benchmarks [SECTION ...] [--repeats N]``."""

import argparse
from pathlib import Path

from benchmarks.isolate import caches
from benchmarks.sections import SECTIONS
from benchmarks.table import header, section

RESULTS = Path(__file__).with_name("results.md")


def main() -> None:
    """Measure, print each table as it comes, and write the file when everything was measured."""
    asked = _arguments()
    names = asked.sections or list(SECTIONS)
    tables = []
    with caches() as shared:
        for name in names:
            title, measure = SECTIONS[name]
            tables.append(section(title, measure(shared, asked.repeats)))
            print(tables[-1], flush=True)
    if not asked.sections:
        command = f"python -m benchmarks --repeats {asked.repeats}"
        RESULTS.write_text("\n".join([header(command, asked.repeats), *tables]), encoding="utf-8")
        print("wrote", RESULTS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of {list(SECTIONS)}")
    parser.add_argument("--repeats", type=int, default=5, help="new processes for each figure")
    asked = parser.parse_args()
    unknown = sorted(set(asked.sections) - set(SECTIONS))
    if unknown:
        parser.error(f"expected sections among {list(SECTIONS)}, got {unknown}")
    return asked


if __name__ == "__main__":
    main()
