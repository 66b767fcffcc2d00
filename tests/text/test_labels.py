from pathlib import Path

import pytest

from actionclip.text import labels


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("ApplyEyeMakeup", "apply eye makeup"),
        ("brush_hair", "brush hair"),
        ("Biking", "biking"),
        ("YoYo", "yo yo"),
        ("PlayTVGames", "play TV games"),
        ("DJing", "DJing"),
        ("2HandWave", "2 hand wave"),
        ("jump-rope", "jump-rope"),
        ("  playing   the piano ", "playing the piano"),
        ("Thai dance", "Thai dance"),
        ("跳舞", "跳舞"),
        ("écrire_une_lettre", "écrire une lettre"),
    ],
)
def test_names_of_data_sets_become_words(label: str, words: str):
    assert labels.clean(label) == words


def test_cleaning_twice_changes_nothing_more():
    for label in ("ApplyEyeMakeup", "brush_hair", "playing TV games"):
        assert labels.clean(labels.clean(label)) == labels.clean(label)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "there is no label"),
        (["swimming", " "], "label 2 is empty"),
        (["swimming", "_"], "label 2 is empty"),
        (["brush_hair", "swimming", "BrushHair"], "labels 1 .* and 3 .* say the same"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused_by_place(given: list[str], complaint: str):
    with pytest.raises(ValueError, match=complaint):
        labels.check(given)


def test_a_label_file_is_read_line_by_line_without_comments(tmp_path: Path):
    path = tmp_path / "labels.txt"
    path.write_text("\ufeff# my actions\nriding a bike\n\n  跳舞  \r\n", encoding="utf-8")
    assert labels.read(path) == ["riding a bike", "跳舞"]


def test_a_label_file_that_is_not_text_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "labels.txt"
    path.write_bytes(b"caf\xe9 latte")
    with pytest.raises(ValueError, match=r"labels\.txt:1: not UTF-8 text .*save the file as UTF-8"):
        labels.read(path)


def test_a_missing_label_file_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt: no such file"):
        labels.read(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    "label", ["cafe\u0301  visit", "caf\u00e9\u00a0visit", "\ufeffcaf\u00e9 visit "]
)
def test_a_label_is_the_same_however_its_letters_and_spaces_are_encoded(label: str):
    assert labels.check([label]) == ["caf\u00e9 visit"]
    with pytest.raises(ValueError, match="say the same"):
        labels.check(["caf\u00e9 visit", label])
