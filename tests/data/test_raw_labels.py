"""How a data set writes its labels is kept beside the words that are made of them."""

import pytest

from actionclip.data import reading


@pytest.fixture
def ucf101(place_videos, write):
    write("classInd.txt", "1 ApplyEyeMakeup\n2 YoYo\n")
    write("trainlist01.txt", "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\n")
    write("testlist01.txt", "YoYo/v_YoYo_g01_c01.avi\n")
    place_videos("v_ApplyEyeMakeup_g08_c01.avi", "v_YoYo_g01_c01.avi")


@pytest.fixture
def hmdb51(place_videos, write):
    for name in ("brush_hair", "cartwheel"):
        write(f"{name}_test_split1.txt", f"{name}.avi 1\n")
        place_videos(f"{name}.avi")


@pytest.fixture
def folders(place_videos):
    place_videos("train/ApplyEyeMakeup/a.mp4", "test/yo yo/b.mp4")


@pytest.fixture
def table(place_videos, write):
    write("annotations.csv", "path,label,split\na.mp4,ApplyEyeMakeup,train\nb.mp4,yo yo,test\n")
    place_videos("a.mp4", "b.mp4")


@pytest.fixture
def lists(place_videos, write):
    write("label_map.txt", "ApplyEyeMakeup\nyo yo\n")
    write("train.txt", "a.mp4 0\n")
    write("test.txt", "b.mp4 1\n")
    place_videos("a.mp4", "b.mp4")


@pytest.mark.parametrize(
    ("made", "data", "words", "raw"),
    [
        ("ucf101", "", ["apply eye makeup", "yo yo"], ["ApplyEyeMakeup", "YoYo"]),
        ("hmdb51", "", ["brush hair", "cartwheel"], ["brush_hair", "cartwheel"]),
        ("folders", "", ["apply eye makeup", "yo yo"], ["ApplyEyeMakeup", "yo yo"]),
        ("table", "", ["apply eye makeup", "yo yo"], ["ApplyEyeMakeup", "yo yo"]),
        ("lists", "train.txt", ["apply eye makeup", "yo yo"], ["ApplyEyeMakeup", "yo yo"]),
    ],
)
def test_labels_are_words_and_are_known_as_they_were_written(
    request, tmp_path, made, data, words, raw
):
    request.getfixturevalue(made)
    annotations = reading.read(tmp_path / data)
    assert list(annotations.labels) == words
    assert annotations.written(annotations.labels) == raw
    assert {label for example in annotations.examples for label in example.labels} == {*words}
    assert annotations.of_split("train").written(words) == raw


def test_a_label_file_of_ones_own_says_how_labels_are_written(lists, tmp_path):
    given = ["Apply_Eye_Makeup", "YoYo"]
    annotations = reading.read(tmp_path / "train.txt", labels=given)
    assert annotations.written(annotations.labels) == given
