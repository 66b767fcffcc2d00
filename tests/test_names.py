"""Videos with every kind of name go through the commands of the program."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from actionclip import display
from actionclip.cli import main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names may be any bytes on Linux")

NAMES = [
    b"caf\xe9.mp4",
    b"new\nline.mp4",
    b"<script>alert(1)<.mp4",
    b"\"quotes'.mp4",
    b"-dash.mp4",
    b"100%s %d.mp4",
    b"[red]markup[bold].mp4",
    "\u202e4pm.mp4".encode(),
    "cafe\u0301.mp4".encode(),
    b"\x1b[31mred\r.mp4",
    b"l" * 250 + b".mp4",
]
LABELS = ["moving left", "still"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory, squares) -> list[Path]:
    """A folder for each of two labels, with a video of each name, beside a train split."""
    folder = tmp_path_factory.mktemp("names") / "data" / "test"
    for label in ("moving_left", "moving_still"):
        shutil.copytree(squares / "train" / label, folder.parent / "train" / label)
        content = (squares / "val" / label / "0.mp4").read_bytes()
        (folder / label).mkdir(parents=True)
        for name in NAMES:
            Path(os.fsdecode(os.fsencode(folder / label) + b"/" + name)).write_bytes(content)
    return sorted(folder.rglob("*.mp4"))


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actionclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return (ending.value.code or 0, *capsys.readouterr())

    return run


def one_lines(output: str) -> list[str]:
    """The lines of an output, once a terminal shows them as they are."""
    assert not any(character in output for character in "\x1b\r\u202e")
    return output.splitlines()


def test_names_are_shown_on_one_line_character_by_character():
    assert display.one_line("a\nb\x1b[0m\udce9\u202e") == "a\\nb\\x1b[0m\\udce9\\u202e"
    assert display.one_line("café ☕ 映画 e\u0301 'x' \\") == "café ☕ 映画 e\u0301 'x' \\"


def test_json_holds_names_that_open_the_same_files(run, videos, tiny_clip, tmp_path):
    page = tmp_path / "page.html"
    folder = videos[0].parent
    arguments = [f"{folder}/", *LABELS, "--json", "--report", page, "--model", tiny_clip]
    status, out, _ = run("recognize", *arguments)
    assert status == 0
    out.encode()
    assert [Path(result["video"]) for result in json.loads(out)["results"]] == [
        video for video in videos if video.parent == folder
    ]
    html = page.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "caf\\udce9.mp4" in html


def test_tables_show_each_name_on_one_line(run, videos, tiny_clip):
    folder = videos[0].parent
    status, out, _ = run("recognize", f"{folder}/", *LABELS, "--top", 1, "--model", tiny_clip)
    assert status == 0
    assert len(one_lines(out)) == 2 * len(NAMES)
    for shown in (
        "caf\\udce9.mp4",
        "new\\nline.mp4",
        "[red]markup[bold].mp4",
        "\\x1b[31mred\\r.mp4",
    ):
        assert shown in out


def test_each_mistake_is_one_line_that_names_the_file(run, tmp_path, tiny_clip):
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("no video")
    status, _, err = run("recognize", f"{tmp_path}/", *LABELS, "--model", tiny_clip)
    assert status == 2
    lines = [line for line in one_lines(err) if not line.startswith("note: ")]
    assert len(lines) == len(NAMES) + 1
    assert all(line.startswith(f"error: {tmp_path}/") for line in lines[:-1])
    status, _, err = run("recognize", tmp_path / "no\nsuch.mp4", *LABELS, "--model", tiny_clip)
    assert status == 2
    assert one_lines(err)[-1].startswith(f"error: {tmp_path}/no\\nsuch.mp4: no such file")


@pytest.mark.parametrize("number", [0, 1, 6])
def test_a_timeline_of_any_name_is_written_in_all_formats(
    run, videos, number, tiny_clip, tmp_path, monkeypatch
):
    name = os.fsdecode(NAMES[number])
    video = videos[0].parent / name
    formats = [f"--{kind}=out.{kind}" for kind in ("csv", "srt", "vtt", "html")]
    monkeypatch.chdir(tmp_path)
    shutil.copy(video, tmp_path / name)
    arguments = [name, *LABELS, "--json", *formats, "--clips", "clips", "--model", tiny_clip]
    status, out, err = run("timeline", *arguments)
    assert status == 0, err
    assert json.loads(out)["video"] == name
    one_lines(err)
    for path in tmp_path.glob("out.*"):
        path.read_text(encoding="utf-8")


def test_a_video_that_is_watched_may_have_any_name(run, videos, tiny_clip):
    [video] = [v for v in videos if v.name == "caf\udce9.mp4" and v.parent == videos[0].parent]
    status, out, err = run("watch", "--no-realtime", video, *LABELS, "--model", tiny_clip)
    assert status == 0, err
    assert all(json.loads(line) for line in out.splitlines())


def test_data_of_any_names_is_checked_and_evaluated(run, videos, tiny_clip, tmp_path):
    data = videos[0].parents[2]
    status, out, err = run("data", "check", data, "--json")
    assert (status, json.loads(out)["unreadable"]) == (0, {}), err
    status, out, err = run("data", "check", data)
    assert status == 0
    one_lines(out)
    report = tmp_path / "report.json"
    status, out, err = run(
        *("evaluate", "--model", tiny_clip, "--data", data, "--split", "test", "--workers", 0),
        *("--json", "--output", report, "--report", tmp_path / "page.html"),
    )
    assert status == 0, err
    named = {clip["clip"] for clip in json.loads(report.read_text(encoding="utf-8"))["clips"]}
    assert len(named) == len(videos)
    assert json.loads(out)["top1"]
    one_lines(err)


def test_a_table_cannot_hold_a_name_that_is_not_utf8_and_says_so(run, videos):
    data = videos[0].parents[2]
    status, _, err = run("data", "convert", data, data / "all.csv")
    assert status == 2
    [line] = [line for line in one_lines(err) if line.startswith("error: ")]
    assert line.endswith("its name is not UTF-8, which a table cannot hold; rename it")


def test_a_label_that_is_not_utf8_is_named(run, videos, tiny_clip, tmp_path):
    status, _, err = run("recognize", videos[0], "caf\udce9", "still", "--model", tiny_clip)
    assert status == 2
    assert "error: labels: label 1 ('caf\\udce9') is not UTF-8; write it in UTF-8" in err
    label = tmp_path / "data" / "caf\udce9"
    label.mkdir(parents=True)
    shutil.copy(videos[0], label / "1.mp4")
    status, out, _ = run("data", "check", tmp_path / "data", "--json")
    assert status == 1
    [problem] = json.loads(out)["problems"]
    assert "the label 'caf\\udce9' is not UTF-8" in problem
