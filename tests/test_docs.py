"""What the documents name exists."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_the_page_on_faults_names_exists():
    file, missing = None, []
    for path, name in re.findall(r"`([\w/]+\.py)?(?:::(\w+))?`", _faults()):
        if not path and not name:
            continue
        file = ROOT / "tests" / path if path else file
        if not file.is_file() or (name and f"def {name}(" not in file.read_text("utf-8")):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_every_fault_has_its_row():
    rows = re.findall(r"^\| ([VDOR]\d+) \|", _faults(), re.MULTILINE)
    assert rows == [
        *(f"V{number}" for number in range(1, 13)),
        *(f"D{number}" for number in range(1, 26)),
        *(f"O{number}" for number in range(1, 10)),
        *(f"R{number}" for number in range(1, 17)),
    ]


def test_every_step_of_the_architecture_names_a_file_and_a_name_in_it():
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    steps = re.findall(r"^\| \d+ \| .+ \| (.+) \|$", text, re.MULTILINE)
    checked, missing = 0, []
    for where in steps:
        code = ""
        for word in re.findall(r"`([^`]+)`", where):
            if word.endswith(".py"):
                code = (ROOT / "src/actionclip" / word).read_text("utf-8")
                continue
            checked += 1
            name = word.rsplit(".", 1)[-1]
            if not re.search(rf"^\s*(def|class) {name}\b", code, re.MULTILINE):
                missing.append(f"{where}: {word}")
    assert (len(steps), missing) == (26, [])
    assert checked > 25


def test_the_chart_of_speed_shows_the_figures_of_the_page_on_benchmarks():
    script = runpy.run_path(str(ROOT / "docs/images/make_speed_chart.py"))
    drawn = (ROOT / "docs/images/speed.svg").read_text("utf-8")
    assert drawn == script["chart"](), "run docs/images/make_speed_chart.py"


def _faults() -> str:
    return (ROOT / "docs/faults.md").read_text("utf-8")
