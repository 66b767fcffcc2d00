from pathlib import Path

import pytest

from actionclip.text import actions
from actionclip.text.actions import Action, Example

DESCRIBED = """
[[action]]
name = "falling  down"
words = ["somebody falls to the ground", "a person trips"]
not = ["lying down on a bed"]
examples = ["clips/one.mp4", "clips/two.mp4@3.0-5.5"]
threshold = 0.6

[[action]]
name = "reading"
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "clips").mkdir()
    for name in ("one", "two", "odd@1-2"):
        (tmp_path / "clips" / f"{name}.mp4").write_bytes(b"a video")
    return tmp_path


def test_an_action_has_words_rivals_examples_and_a_threshold(folder):
    file = folder / "my.toml"
    file.write_text(DESCRIBED)
    falling, reading = actions.read(file)
    assert falling == Action(
        "falling down",
        ("somebody falls to the ground", "a person trips"),
        ("lying down on a bed",),
        (Example(folder / "clips/one.mp4"), Example(folder / "clips/two.mp4", 3.0, 5.5)),
        0.6,
    )
    assert reading == Action("reading")
    assert reading.sentences == ("reading",)
    assert actions.thresholds([falling, reading, "walking"]) == {"falling down": 0.6}
    assert actions.names([falling, "walking"]) == ["falling down", "walking"]


def test_one_action_is_read_by_its_name(folder):
    file = folder / "my.toml"
    file.write_text(DESCRIBED)
    assert actions.read_named(file, "Falling_Down").threshold == 0.6
    with pytest.raises(
        ValueError, match=r"no action 'readng'; did you mean 'reading'\? it has fal"
    ):
        actions.read_named(file, "readng")


def test_label_sets_and_plain_files_are_found_as_before(folder):
    (folder / "labels.txt").write_text("running\nwalking\n")
    assert actions.find(str(folder / "labels.txt")) == ["running", "walking"]
    assert len(actions.find("ucf101")) == 101
    (folder / "my.toml").write_text(DESCRIBED)
    assert actions.find(str(folder / "my.toml")) == actions.read(folder / "my.toml")


def test_actions_are_made_in_python_too(folder):
    action = Action("a", words=["b", "c"], examples=[Example("clips/one.mp4", 1.0, 2.5)])
    assert (action.sentences, str(action.examples[0])) == (["b", "c"], "clips/one.mp4@1-2.5")
    with pytest.raises(ValueError, match="words: 'b' is one text; give a list of them"):
        Action("a", words="b")
    for part in ((1.0, None), (None, 1.0), (2.0, 1.0), (-1.0, 1.0), (0.0, float("nan"))):
        with pytest.raises(ValueError, match="is no part of a video"):
            Example("one.mp4", *part)


def test_a_file_whose_name_looks_like_a_part_is_a_file(folder):
    assert actions.parse_example("odd@1-2.mp4", folder / "clips").start_seconds is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", r"my\.toml: no action; add a table"),
        ("action = 3", r"my\.toml: no action; add a table"),
        ("[[actions]]\nname = 'a'", r"my\.toml: actions: unknown; write \[\[action\]\]"),
        ("[[action]\nname = 'a'", r"my\.toml: not TOML: .*line 1"),
        ("[[action]]\nwords = ['a']", "action 1: name: missing"),
        ("[[action]]\nname = 3", "action 1: name: 3 is no text"),
        ("[[action]]\nname = ''", "label 1 is empty|no words|a sentence is empty"),
        (
            "[[action]]\nname = 'a'\n[[action]]\nname = 'b'\nexample = []",
            r"action 2 \('b'\): example: unknown; did you mean 'examples'\? known: name, words",
        ),
        ("[[action]]\nname = 'a'\nwords = []", r"action 1 \('a'\): no words and no examples"),
        ("[[action]]\nname = 'a'\nwords = 'b'", r"action 1 \('a'\): words: give a list of texts"),
        ("[[action]]\nname = 'a'\nwords = [' ']", r"words: a sentence is empty"),
        ("[[action]]\nname = 'a'\nnot = ['A']", "not: 'A' describes the action, too"),
        ("[[action]]\nname = 'a'\nthreshold = 1.5", "threshold: 1.5 is no score"),
        ("[[action]]\nname = 'a'\nthreshold = true", "threshold: True is no number"),
        ("[[action]]\nname = 'a'\nthreshold = nan", "threshold: nan is no score"),
        ("[[action]]\nname = 'a b'\n[[action]]\nname = 'A_b'", "labels 1 .* and 2 .* say the same"),
        ("[[action]]\nname = 'a'\nexamples = ['clips/two.mp4@5-3']", "ends before it begins"),
        (
            "[[action]]\nname = 'a'\nexamples = ['clips']",
            r"action 1 \('a'\): examples: clips: a fo",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(folder, content, complaint):
    file = folder / "my.toml"
    file.write_text(content)
    with pytest.raises(ValueError, match=complaint) as raised:
        actions.read(file)
    assert str(raised.value).startswith(str(file))
    assert "\n" not in str(raised.value)


def test_a_missing_example_is_named_with_its_action(folder):
    file = folder / "my.toml"
    file.write_text("[[action]]\nname = 'a'\nexamples = ['clips/three.mp4@1-2']")
    with pytest.raises(FileNotFoundError, match=r"action 1 \('a'\): examples: clips/three.mp4@1-2"):
        actions.read(file)
    with pytest.raises(FileNotFoundError, match="no such file; give a TOML file"):
        actions.find(str(folder / "none.toml"))
