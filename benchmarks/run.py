"""`make bench`: every case, the reference way and ours in turn, as tables in docs/benchmarks.md.

    python benchmarks/run.py [--only clip folder] [--models lite] [--rounds 3] [--quick] [--whole]

Each way runs in a process of its own. A case replaces its section of the page, between two markers;
what is written by hand around them stays.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import measuring
import recognition_table
from recognition_table import MODELS, Sizes

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
SCRIPTS = {
    "startup": "startup.py --rounds 5",
    "timeline": "timeline.py --minutes 10",
    "cache": "feature_cache.py",
    "reading": "data_loading.py --rounds 3",
    "towers": "tower_precision.py",
    "answers": "exactness.py",
}
"""Cases that have a script of their own, which prints its table."""
RECOGNITION: dict[str, Callable[[Sizes, Path], str]] = {
    "clip": recognition_table.one_clip,
    "folder": recognition_table.folder,
    "labels": recognition_table.labels,
}
_QUICK = Sizes(rounds=1, num_labels=40, num_videos=4, seconds=2, reference_videos=2, prompts=16)


def main() -> None:
    """Measure what is asked for, and write it down as it comes."""
    parser = argparse.ArgumentParser(description="Measure, and write docs/benchmarks.md.")
    cases = [*RECOGNITION, *SCRIPTS]
    parser.add_argument("--only", nargs="+", choices=cases, default=cases, metavar="CASE")
    parser.add_argument("--rounds", type=int, default=Sizes.rounds)
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the scripts")
    parser.add_argument("--whole", action="store_true", help="extrapolate nothing; takes hours")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the tables go")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    arguments = parser.parse_args()
    sizes = _QUICK if arguments.quick else Sizes(rounds=arguments.rounds)
    sizes = dataclasses.replace(sizes, models=tuple(arguments.models))
    if arguments.whole:
        sizes = sizes.whole()
    command = f"python {shlex.join(sys.argv)}"
    with tempfile.TemporaryDirectory() as scratch:
        for case in arguments.only:
            print(f"==> {case}", file=sys.stderr)
            start = f"`{command}`, {measuring.circumstances()}."
            table = (
                RECOGNITION[case](sizes, Path(scratch))
                if case in RECOGNITION
                else _printed_by(SCRIPTS[case])
            )
            _replace_section(arguments.page, case, f"{start}\n\n{table}")


def _printed_by(script: str) -> str:
    """Run a script of this folder and give its output, as it is or framed if it is no table."""
    name, *options = script.split()
    command = [sys.executable, str(Path(__file__).with_name(name)), *options]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return told if "|--" in told else f"```\n{told}\n```"


def _replace_section(page: Path, case: str, text: str) -> None:
    """Put text between the markers of a case; a page that has none gets them at its end."""
    start, end = f"<!-- make bench: {case} -->", f"<!-- end: {case} -->"
    section = f"{start}\n{text}\n{end}"
    old = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if pattern.search(old):
        new = pattern.sub(lambda _: section, old)
    else:
        new = f"{old.rstrip()}\n\n{section}\n"
    page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
