"""`actionclip teach`, and what the other commands make of its file."""

import json
import sys
from pathlib import Path

import pytest

from actionclip.cli import main


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the program in an empty folder; give its exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actionclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return (ending.value.code or 0, *capsys.readouterr())

    return run


def test_teach_adds_clips_that_recognize_and_timeline_use(run, moving_square, tiny_clip):
    status, out, err = run("teach", "my.toml", "moving", moving_square, f"{moving_square}@0.5-1.5")
    assert (status, out) == (0, "")
    assert err == "note: my.toml: 'moving' has 2 examples (a new action)\n"
    status, out, _ = run("teach", "my.toml", "Moving", moving_square, "--json")
    assert json.loads(out) == {"action": "moving", "added": 0, "examples": 2}
    run("teach", "my.toml", "still", f"{moving_square}@1-2")
    asked = (moving_square, "--labels", "my.toml", "--model", tiny_clip, "--json")
    status, out, err = run("recognize", *asked)
    assert (status, err) == (0, "")
    [result] = json.loads(out)["results"]
    assert {each["label"] for each in result["predictions"]} == {"moving", "still"}
    status, out, _ = run("timeline", *asked, "--threshold", 0.01, "--window", 1)
    assert status == 0
    assert {moment["label"] for moment in json.loads(out)["moments"]} <= {"moving", "still"}
    status, out, err = run("watch", *asked[:-1], "--threshold", 0.01, "--no-realtime")
    assert (status, err.count("error")) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("my.toml", "jumping", "gone.mp4"), "gone.mp4: no such file"),
        (("my.toml", "jumping", "broken.mp4"), "broken.mp4: "),
        (("my.toml", "jumping", "SQUARE@7-9"), "the video ends at second 2.0; correct the part"),
        (("my.toml", "jumping", "SQUARE@2-1"), "ends before it begins"),
        (("my.toml", " ", "SQUARE"), "the name is empty"),
        (("my.txt", "jumping", "SQUARE"), "my.txt: not named as a TOML file; call it my.toml"),
        (("bad.toml", "jumping", "SQUARE"), "bad.toml: action 1 ('a'): clips: unknown"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(run, moving_square, arguments, complaint):
    Path("broken.mp4").write_bytes(b"no video")
    Path("bad.toml").write_text("[[action]]\nname = 'a'\nclips = []\n")
    given = [str(each).replace("SQUARE", str(moving_square)) for each in arguments]
    status, out, err = run("teach", *given)
    assert (status, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert not Path("my.toml").exists()
    assert "jumping" not in Path("bad.toml").read_text()


def test_commands_that_compare_words_only_refuse_a_file_of_actions(run, moving_square, tmp_path):
    run("teach", "my.toml", "moving", moving_square)
    data = moving_square.parent
    asked = ("--data", data, "--model", "mini", "--labels", "my.toml")
    status, _, err = run("evaluate", *asked)
    assert status == 2
    assert "my.toml: a file of actions" in err
