import pytest

from actionclip.data import reading


def read(folder, **options):
    return reading.read(folder, **options)


def test_folder_names_become_words_and_the_split_is_drawn(tmp_path, place_videos):
    place_videos(*(f"riding_a_bike/{i}.mp4" for i in range(5)))
    place_videos(*(f"ApplyEyeMakeup/{i}.avi" for i in range(5)))
    data = read(tmp_path)
    assert data.labels == ("apply eye makeup", "riding a bike")
    assert data.split_drawn
    assert data.splits == {"train": 8, "val": 2}
    assert read(tmp_path) == data


def test_split_folders_are_used_under_any_usual_name(tmp_path, place_videos):
    place_videos("train/run/a.mp4", "validation/run/b.mp4", "test/jump/c.mp4")
    data = read(tmp_path)
    assert not data.split_drawn
    assert [(e.split, e.labels, e.video.name) for e in data.examples] == [
        ("test", ("jump",), "c.mp4"),
        ("train", ("run",), "a.mp4"),
        ("val", ("run",), "b.mp4"),
    ]


def test_folders_in_a_label_folder_are_groups_that_stay_together(tmp_path, place_videos):
    place_videos(*(f"{label}/ann/{i}.mp4" for label in ("run", "jump") for i in range(3)))
    place_videos(*(f"{label}/bob/{i}.mp4" for label in ("run", "jump") for i in range(3)))
    data = read(tmp_path)
    assert {e.group for e in data.examples if e.split == "train"} != {"ann", "bob"}
    assert set(data.splits.values()) == {6}


def test_other_files_are_passed_over(tmp_path, place_videos, write):
    place_videos("run/a.mp4", ".cache/b.mp4", "__MACOSX/c.mp4")
    write("run/notes.txt", "fine")
    assert [e.video.name for e in read(tmp_path).examples] == ["a.mp4"]


@pytest.mark.parametrize(
    ("paths", "empty", "message"),
    [
        (["run/a.mp4", "b.mp4"], None, "b.mp4: a video beside the label folders"),
        (["run/a.mp4"], "jump", "jump: the label has no video"),
        (["train/run/a.mp4"], "test", "test: the split is empty"),
        (["train/run/a.mp4", "jump/b.mp4"], None, "jump: a folder beside train/, val/ and test/"),
        (["Run/a.mp4", "run/b.mp4"], None, "'run' differs only by case from 'Run'"),
        ([], None, "no clip in it; give a folder per label"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, place_videos, paths, empty, message):
    place_videos(*paths)
    if empty:
        (tmp_path / empty).mkdir()
    if message.startswith("'run'"):
        (tmp_path / "jump_rope").mkdir()
        place_videos("jump_rope/c.mp4")
    with pytest.raises(ValueError) as mistake:  # noqa: PT011  the message is looked at
        read(tmp_path)
    assert message in str(mistake.value)


@pytest.mark.parametrize(
    ("name", "clips"), [("weizmann", 28), ("asl", 20), ("falls", 23), ("mixed", 15)]
)
def test_real_folders_are_data_sets_by_their_name(shared, name, clips):
    data = read(shared / "videos" / name)
    assert len(data.examples) == clips
    assert all(" " in label or label.isalpha() for label in data.labels)


def test_files_of_notes_do_not_make_a_folder_a_benchmark(tmp_path, place_videos, write):
    place_videos("train/run/a.mp4", "test/run/b.mp4")
    write("train_notes.json", "{}")
    (tmp_path / "notes.csv").write_bytes(b"caf\xe9,label\n")
    assert reading.read(tmp_path).splits == {"train": 1, "test": 1}
