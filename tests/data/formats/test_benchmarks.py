"""Small copies of the files that benchmarks are published with."""

import json

import pytest

from actionclip.data import reading
from actionclip.text import label_sets


def content(data) -> list[tuple]:
    return [(e.split, e.video.name, e.labels) for e in data.examples]


def mistake_in(path, **options) -> str:
    with pytest.raises(ValueError) as mistake:  # noqa: PT011  the message is looked at
        reading.read(path, **options)
    return str(mistake.value)


@pytest.fixture
def ucf101(tmp_path, place_videos, write):
    lists = "ucfTrainTestlist"
    write(f"{lists}/classInd.txt", "1 ApplyEyeMakeup\n2 YoYo\n")
    write(
        f"{lists}/trainlist01.txt",
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\nYoYo/v_YoYo_g09_c01.avi 2\n",
    )
    write(f"{lists}/testlist01.txt", "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\n")
    write(f"{lists}/trainlist02.txt", "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi 1\n")
    write(f"{lists}/testlist02.txt", "YoYo/v_YoYo_g09_c01.avi\n")
    place_videos(
        "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi",
        "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.mp4",
        "UCF-101/YoYo/v_YoYo_g09_c01.avi",
    )
    return tmp_path


def test_ucf101_is_known_by_its_folder(ucf101):
    data = reading.read(ucf101)
    assert data.labels == ("apply eye makeup", "yo yo")
    assert content(data) == [
        ("train", "v_ApplyEyeMakeup_g08_c01.avi", ("apply eye makeup",)),
        ("train", "v_YoYo_g09_c01.avi", ("yo yo",)),
        ("test", "v_ApplyEyeMakeup_g01_c01.mp4", ("apply eye makeup",)),
    ]
    assert data.examples[0].group == "ApplyEyeMakeup g08"


def test_a_list_chooses_the_fold_of_ucf101(ucf101):
    lists = ucf101 / "ucfTrainTestlist"
    data = reading.read(lists / "testlist02.txt", videos=ucf101 / "UCF-101")
    assert [video for _, video, _ in content(data)] == [
        "v_ApplyEyeMakeup_g01_c01.mp4",
        "v_YoYo_g09_c01.avi",
    ]


def test_ucf101_names_what_is_missing(ucf101, write):
    (ucf101 / "UCF-101/YoYo/v_YoYo_g09_c01.avi").unlink()
    write("ucfTrainTestlist/testlist01.txt", "Archery/v_Archery_g01_c01.avi\n")
    told = mistake_in(ucf101)
    assert "trainlist01.txt:2: there is no video 'v_YoYo_g09_c01.avi'" in told
    assert "testlist01.txt:1: the label 'Archery' is not in classInd.txt" in told


@pytest.fixture
def hmdb51(tmp_path, place_videos, write):
    write("splits/brush_hair_test_split1.txt", "one.avi 1 \ntwo.avi 2 \nthree.avi 0 \n")
    write("splits/wave_test_split1.txt", "four.avi 2 \n")
    write("splits/brush_hair_test_split2.txt", "three.avi 1 \n")
    write("splits/wave_test_split2.txt", "four.avi 1 \n")
    place_videos(*(f"hmdb51/brush_hair/{name}.avi" for name in ("one", "two", "three")))
    place_videos("hmdb51/wave/four.avi")
    return tmp_path


def test_hmdb51_is_known_by_its_folder(hmdb51):
    data = reading.read(hmdb51)
    assert data.labels == ("brush hair", "wave")
    assert content(data) == [
        ("train", "one.avi", ("brush hair",)),
        ("test", "two.avi", ("brush hair",)),
        ("test", "four.avi", ("wave",)),
    ]


def test_a_list_chooses_the_fold_of_hmdb51(hmdb51):
    data = reading.read(hmdb51 / "splits" / "wave_test_split2.txt", videos=hmdb51 / "hmdb51")
    assert [video for _, video, _ in content(data)] == ["three.avi", "four.avi"]


def test_hmdb51_names_a_wrong_mark(hmdb51, write):
    write("splits/wave_test_split1.txt", "four.avi 3\n")
    assert "wave_test_split1.txt:1: '3' is none of 0, 1 (train) and 2 (test)" in mistake_in(hmdb51)


KINETICS = "label,youtube_id,time_start,time_end,split\n"


def test_kinetics_is_found_under_all_its_names(tmp_path, place_videos, write):
    write(
        "annotations/train.csv", f"{KINETICS}riding a bike,-abc,10,20,train\nzumba,def,0,10,train\n"
    )
    write("annotations/validate.csv", f"{KINETICS}riding a bike,ghi,5,15,val\n")
    write("annotations/test.csv", "youtube_id,time_start,time_end,split\njkl,1,11,test\n")
    place_videos("train/riding a bike/-abc_000010_000020.mp4", "train/def.mkv", "val/ghi.mp4")
    data = reading.read(tmp_path)
    assert data.labels == ("riding a bike", "zumba")
    assert content(data) == [
        ("train", "-abc_000010_000020.mp4", ("riding a bike",)),
        ("train", "def.mkv", ("zumba",)),
        ("val", "ghi.mp4", ("riding a bike",)),
    ]


def test_kinetics_lacks_some_videos_and_says_how_many(tmp_path, place_videos, write, caplog):
    write("val.csv", KINETICS + "".join(f"zumba,v{i},0,10,val\n" for i in range(10)))
    place_videos(*(f"v{i}.mp4" for i in range(8)))
    data = reading.read(tmp_path)
    assert (len(data.examples), data.num_missing) == (8, 2)
    assert "2 videos are missing and left out" in caplog.text
    for number in range(1, 8):
        (tmp_path / f"v{number}.mp4").unlink()
    data = reading.read(tmp_path)
    assert (len(data.examples), data.num_missing) == (1, 9)


def test_kinetics_without_any_of_its_videos_is_a_mistake(tmp_path, write):
    path = write("val.csv", KINETICS + "".join(f"zumba,v{i},0,10,val\n" for i in range(10)))
    assert f"{path}:2: this and 9 other videos are not below {tmp_path}" in mistake_in(tmp_path)


CHARADES = "id,subject,scene,quality,script,actions,length\n"


@pytest.fixture
def charades(tmp_path, place_videos, write):
    write(
        "Charades/Charades_v1_classes.txt",
        "c000 Holding some clothes\nc001 Lying on a sofa/couch\n",
    )
    write(
        "Charades/Charades_v1_train.csv",
        CHARADES + '46GP8,HR43,Kitchen,6,"A person, cooking.",c001 0.50 1.50;c000 0.00 2.40,2.0\n'
        "QUIET,HR43,Kitchen,6,Nothing.,,2.0\n",
    )
    write("Charades/Charades_v1_test.csv", f"{CHARADES}QUIET,HR43,Kitchen,6,Nothing.,,2.0\n")
    place_videos("Charades_v1_480/46GP8.mp4", "Charades_v1_480/QUIET.mp4")
    return tmp_path


def test_charades_has_an_example_for_each_action_with_its_times(charades):
    data = reading.read(charades)
    assert data.labels == ("holding some clothes", "lying on a sofa or couch")
    assert [(e.split, e.labels, e.start_seconds, e.end_seconds) for e in data.examples] == [
        ("train", ("lying on a sofa or couch",), 0.5, 1.5),
        ("train", ("holding some clothes",), 0.0, 2.0),
        ("test", (), None, None),
    ]


def test_charades_is_scored_by_whole_videos_with_all_their_labels(charades):
    whole = reading.read(charades).whole_videos()
    assert whole.is_multi_label
    assert content(whole) == [
        ("train", "46GP8.mp4", ("holding some clothes", "lying on a sofa or couch")),
        ("test", "QUIET.mp4", ()),
    ]


def test_charades_without_its_class_file_has_the_labels_of_the_set(charades):
    (charades / "Charades/Charades_v1_classes.txt").unlink()
    data = reading.read(charades)
    assert data.labels == tuple(label_sets.load("charades"))
    assert data.examples[0].labels == ("putting clothes somewhere",)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ("c999 0.0 1.0", "the label 'c999' is not in Charades_v1_classes.txt"),
        ("c000 0.0", "the action 'c000 0.0' is not `code start end`"),
    ],
)
def test_charades_names_wrong_actions(charades, write, actions, message):
    write("Charades/Charades_v1_test.csv", f"{CHARADES}QUIET,HR43,Kitchen,6,No.,{actions},2.0\n")
    assert f"Charades_v1_test.csv:2: {message}" in mistake_in(charades)


@pytest.fixture
def something(tmp_path, place_videos, write):
    name = "labels/something-something-v2"
    write(f"{name}-labels.json", json.dumps({"Holding something": "1", "Closing something": "0"}))
    entry = {"id": "78687", "label": "holding potato", "template": "Holding [something]"}
    write(f"{name}-train.json", json.dumps([entry]))
    entry = {"id": "2", "label": "closing a box", "template": "Closing [something]"}
    write(f"{name}-validation.json", json.dumps([entry]))
    write(f"{name}-test.json", json.dumps([{"id": "3"}]))
    place_videos("20bn-something-something-v2/78687.webm", "20bn-something-something-v2/2.webm")
    return tmp_path


def test_something_something_has_templates_as_labels(something):
    data = reading.read(something)
    assert data.labels == ("closing something", "holding something")
    assert content(data) == [
        ("train", "78687.webm", ("holding something",)),
        ("val", "2.webm", ("closing something",)),
    ]


def test_something_something_names_unknown_labels_and_missing_videos(something, write):
    entries = [
        {"id": "2", "template": "Eating [something]"},
        {"id": "9", "template": "Closing [it]"},
    ]
    path = write("labels/something-something-v2-train.json", json.dumps(entries))
    assert f"{path}:entry 1: the label 'eating something' is not in" in mistake_in(something)
    path.write_text("[{]")
    assert f"{path}:1: not JSON" in mistake_in(something)


def test_a_list_of_mmaction2_has_videos_and_numbers(tmp_path, place_videos, write):
    place_videos("videos/run/a b.mp4", "videos/jump/c.mp4")
    write("label_map.txt", "PlayingFlute\nrunning\njumping\n")
    train = write("kinetics_train_list_videos.txt", "run/a b.mp4 1 2\n")
    write("kinetics_val_list_videos.txt", "jump/c.mp4 2\n")
    data = reading.read(train, videos=tmp_path / "videos")
    assert data.labels == ("playing flute", "running", "jumping")
    assert content(data) == [
        ("train", "a b.mp4", ("running", "jumping")),
        ("val", "c.mp4", ("jumping",)),
    ]


def test_a_list_of_the_official_code_has_frames_and_paths_of_its_author(
    tmp_path, place_frames, write
):
    place_frames("frames/abseiling/xyz", "img_{:05d}.jpg")
    write("kinetics_labels.csv", "id,name\n1,zumba\n0,abseiling\n")
    path = write("val_frames.txt", "/mnt/author/k400/frames/abseiling/xyz 5 0\n")
    data = reading.read(path)
    assert data.labels == ("abseiling", "zumba")
    [example] = data.examples
    assert (example.split, example.video) == ("val", tmp_path / "frames/abseiling/xyz")
    assert example.frames
    assert (example.frames.template, example.frames.first, example.frames.num_frames) == (
        "img_{:05d}.jpg",
        1,
        5,
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.mp4", ":1: 'a.mp4' is neither `video label` nor `folder num_frames label`"),
        ("a.mp4 2", ":1: label 2 is not in the label file, which ends at 1"),
        ("b.mp4 0", ":1: there is no video at 'b.mp4'"),
        ("frames 5", ":1: a folder of frames needs num_frames and label"),
        ("../a.mp4 0", ":1: the path '../a.mp4' leads out of the data folder"),
    ],
)
def test_a_mistake_in_a_list_is_named_with_its_line(tmp_path, place_videos, write, line, message):
    place_videos("data/a.mp4", "a.mp4")
    (tmp_path / "data" / "frames").mkdir()
    write("data/labels.txt", "run\njump\n")
    path = write("data/list.txt", f"{line}\n")
    assert mistake_in(path).startswith(f"{path}{message}")


def test_a_list_needs_one_label_file(tmp_path, place_videos, write):
    place_videos("a.mp4")
    path = write("list.txt", "a.mp4 0\n")
    assert "the labels are numbers, and no label file is in the data folder" in mistake_in(path)
    assert reading.read(path, labels=["running"]).examples[0].labels == ("running",)


def test_a_path_to_nothing_or_to_something_else_says_what_is_understood(tmp_path, write):
    with pytest.raises(FileNotFoundError, match="no such file or folder; give a folder per label"):
        reading.read(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="name the one that holds the videos"):
        reading.read(tmp_path, videos=tmp_path / "nowhere")
    assert "not understood; give a folder per label" in mistake_in(write("clips.xlsx", "x"))
