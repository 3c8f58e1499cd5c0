"""Run the benchmarks: ``python -m benchmarks [SECTION ...] [--repeats N] [--keep]``."""

import argparse
import importlib
import time

from benchmarks.isolate import caches
from benchmarks.results import SECTIONS, circumstances, keep, load_average, section_table


def main() -> None:
    """Measure, and print each table as it comes; keep what was measured if it was everything, or if asked to."""
    asked = _arguments()
    whole = not asked.sections
    with caches() as shared:
        for name in asked.sections or SECTIONS:
            load, start = load_average(), time.perf_counter()
            rows = importlib.import_module(f"benchmarks.{name}").rows(shared, asked.repeats)
            section = circumstances(asked.repeats, load) | {
                "seconds": round(time.perf_counter() - start),
                "rows": [row.to_json() for row in rows],
            }
            print(section_table(name, section), flush=True)
            if whole or asked.keep:
                keep(name, section)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--repeats", type=int, default=3, help="new processes for each figure")
    parser.add_argument("--keep", action="store_true", help="write sections that were asked for into the file")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.sections) - set(SECTIONS)):
        parser.error(f"expected sections among {', '.join(SECTIONS)}, got {', '.join(unknown)}")
    return asked


if __name__ == "__main__":
    main()
