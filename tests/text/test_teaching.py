from pathlib import Path

import pytest

from actionclip.text import actions, teaching
from actionclip.text.actions import Example

COMMENTED = """\
# my actions
[[action]]   # the first
name = "falling down"   # in the hall
examples = [
    "a.mp4",   # a good one
    "b.mp4@3-5.5",
]

# the second
[[action]]
name = "reading"
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(b"a video")
    return tmp_path


def test_comments_and_layout_stay(folder):
    file = folder / "my.toml"
    file.write_text(COMMENTED)
    taught = teaching.add_examples(file, "Falling_Down", [Example(folder / "c.mp4")])
    assert (taught.num_added, taught.is_new, len(taught.action.examples)) == (1, False, 3)
    assert file.read_text() == COMMENTED.replace('5.5",\n', '5.5",\n    "c.mp4",\n')


def test_an_action_and_its_file_are_made_if_they_are_absent(folder, monkeypatch):
    monkeypatch.chdir(folder)
    file = Path("my.toml")
    new = [Example(folder / "a.mp4"), Example(Path("b.mp4"), 1.25, 3.0)]
    assert teaching.add_examples(file, "jumping", new).is_new
    assert (
        file.read_text() == '[[action]]\nname = "jumping"\nexamples = ["a.mp4", "b.mp4@1.25-3"]\n'
    )
    teaching.add_examples(file, "running", [Example(folder / "c.mp4")])
    assert file.read_text().endswith('\n\n[[action]]\nname = "running"\nexamples = ["c.mp4"]\n')
    assert [action.name for action in actions.read(file)] == ["jumping", "running"]


def test_paths_start_from_the_folder_of_the_file(folder):
    (folder / "lists").mkdir()
    file = folder / "lists" / "my.toml"
    teaching.add_examples(file, "jumping", [Example(folder / "a.mp4")])
    assert 'examples = ["../a.mp4"]' in file.read_text()
    assert actions.read(file)[0].examples[0].video.samefile(folder / "a.mp4")


def test_an_example_is_added_once(folder):
    file = folder / "my.toml"
    file.write_text(COMMENTED)
    again = [Example(folder / "a.mp4"), Example(folder / "b.mp4", 3.0, 5.5)]
    before = file.stat()
    assert teaching.add_examples(file, "falling down", again).num_added == 0
    assert file.read_text() == COMMENTED
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert teaching.add_examples(file, "reading", [again[0], again[0]]).num_added == 1


def test_other_ways_of_writing_an_action_are_followed(folder):
    file = folder / "my.toml"
    file.write_bytes(b'action = [{name = "one"}]\r\n# the end\r\n')
    teaching.add_examples(file, "one", [Example(folder / "a.mp4")])
    teaching.add_examples(file, "two", [Example(folder / "b.mp4")])
    assert [len(action.examples) for action in actions.read(file)] == [1, 1]
    assert file.read_bytes().endswith(b"\r\n# the end\r\n")


def test_what_cannot_be_taught_leaves_the_file_as_it_is(folder):
    file = folder / "my.toml"
    file.write_text("[[action]]\nname = 'a'\nexamples = 'b'\n")
    with pytest.raises(ValueError, match="give a list of texts"):
        teaching.add_examples(file, "a", [Example(folder / "a.mp4")])
    assert "examples = 'b'" in file.read_text()
    with pytest.raises(ValueError, match=r"not named as a TOML file; call it labels\.toml"):
        teaching.add_examples(folder / "labels.txt", "a", [])
    with pytest.raises(ValueError, match="the name is empty"):
        teaching.add_examples(file, " ", [])
    file.write_bytes("[[action]]\nname = 'a'\n".encode("utf-16"))
    with pytest.raises(ValueError, match="not UTF-8, as TOML has to be"):
        teaching.add_examples(file, "a", [Example(folder / "a.mp4")])
    with pytest.raises((FileNotFoundError, ValueError), match="nowhere"):
        teaching.add_examples(folder / "nowhere" / "my.toml", "a", [])
