"""docs/extending.md, followed literally: its files are written, its commands run."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest

GUIDE = Path(__file__).parents[1] / "docs" / "extending.md"
_FILE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)


def _install(project: dict, folder: Path) -> None:
    """Do what `pip install -e .` does for entry points: describe the package beside it."""
    about = folder / f"{project['name']}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [
        line
        for group, points in groups
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (about / "entry_points.txt").write_text("\n".join(lines))


def _write_video(path: Path, colour: tuple[int, int, int]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.full((48, 64, 3), colour, np.uint8)
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> dict[str, str]:
    """What each command of the guide printed."""
    folder = tmp_path_factory.mktemp("my_actions")
    for name, content in _FILE.findall(GUIDE.read_text(encoding="utf-8")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    _install(tomllib.loads((folder / "pyproject.toml").read_text())["project"], folder)
    for number in range(4):
        light = 250 - 20 * number
        _write_video(folder / "clips" / f"red-{number}.mp4", (light, 0, 0))
        _write_video(folder / "clips" / f"green-{number}.mp4", (0, light, 0))
    source = str(Path(__file__).parents[1] / "src")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, str(folder)])}
    environment["XDG_CACHE_HOME"] = str(folder / "cache")
    programs = {"actionclip": f"{sys.executable} -m actionclip.cli", "python": sys.executable}
    printed = {}
    for command in _COMMAND.findall(GUIDE.read_text(encoding="utf-8")):
        program, _, arguments = command.partition(" ")
        done = subprocess.run(
            f"{programs[program]} {arguments}",
            shell=True,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed[command] = done.stdout
    return printed


def test_the_encoder_and_the_trained_head_name_the_colour(outputs):
    answers = [json.loads(text) for command, text in outputs.items() if "recognize" in command]
    best = [answer["results"][0]["predictions"][0]["label"] for answer in answers]
    assert best == ["a red field", "a green field"]


def test_the_format_is_detected_and_the_command_counts(outputs):
    assert "8" in outputs["actionclip data check clips/all.notes"]
    counted = outputs["python -m my_actions.program count clips/all.notes"].split("\n")
    assert [line.strip() for line in counted[:2]] == ["4 a red field", "4 a green field"]
