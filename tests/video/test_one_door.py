"""Files from outside are decoded in limited processes and nowhere else."""

import ast
import json
import sys
from pathlib import Path

import av
import pytest

import actionclip
from actionclip.cli import main
from actionclip.data import reading
from actionclip.data.clips import Sampling
from actionclip.data.dataset import Cropped, TrainingClips
from actionclip.data.loading import Loader

PACKAGE = Path(actionclip.__file__).parent
ENCODE = {"cameras/clips.py", "data/stick_figures/dataset.py", "timeline/export.py"}
"""What writes videos."""
DOOR = {"connection", "decoder", "files", "sampling", "transforms"}
"""Modules of `video` for the rest of the package; the others run in the limited process."""
DEFINED = {"Frame", "Frames", "Geometry", "Indices", "Keyframes", "Limits", "Picture", "Times"} | {
    "USUAL",
    "VideoInfo",
    "VideoPath",
}
"""What modules of the limited process define of its requests and answers."""


def imports(path: Path) -> set[tuple[str, str]]:
    """Which names a file imports of which modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", alias.name) for alias in node.names}
    return found


def test_no_module_outside_of_video_imports_what_opens_files():
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        if place.startswith("video/"):
            continue
        for module, name in imports(path):
            assert module.split(".")[0] != "av" or place in ENCODE, place
            if module.startswith("actionclip.video"):
                assert f"{module}.{name}".split(".")[2] in DOOR, f"{place}: {module} {name}"


def test_the_limited_process_is_asked_without_what_opens_files():
    for name in ("child_process", "connection", "decoder"):
        for module, imported in imports(PACKAGE / "video" / f"{name}.py"):
            assert module.split(".")[0] != "av" or imported == "formats_available"
            if module.startswith("actionclip.video"):
                is_door = f"{module}.{imported}".split(".")[2] in DOOR | {"child_process"}
                assert is_door or imported in DEFINED, f"{name}: {module} {imported}"


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the program where this process cannot open a video to read it."""
    opened = av.open

    def write_only(file: object, mode: str | None = None, *arguments: object, **options: object):
        assert mode == "w", f"{file} is opened in this process"
        return opened(file, mode, *arguments, **options)

    monkeypatch.setattr(av, "open", write_only)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["actionclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        out, err = capsys.readouterr()
        assert (ending.value.code or 0) == 0, err
        return out

    return run


def test_the_commands_decode_in_other_processes(run, squares, tiny_clip):
    report = json.loads(run("data", "check", squares, "--json"))
    assert (report["ok"], report["unreadable"]) == (True, {})
    arguments = ("--model", tiny_clip, "--data", squares, "--split", "val", "--workers", 0)
    assert json.loads(run("evaluate", *arguments, "--report", "page.html", "--json"))["top1"]
    video = next(squares.rglob("*.mp4"))
    run("timeline", video, "moving left", "still", "--clips", "clips", "--model", tiny_clip)


def test_clips_to_train_on_are_decoded_in_other_processes(run, squares):
    dataset = TrainingClips(reading.read(squares), Sampling(2), Cropped(16), short_side=16)
    [batch] = Loader(dataset).read([[(place, 0) for place in range(4)]])
    assert len(batch.clips) == 4
