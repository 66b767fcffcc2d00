"""Small copies of how other programs and people lay out their data."""

import json
import unicodedata
from fractions import Fraction

import av
import pytest

from actionclip.data import reading
from actionclip.text import label_sets


def content(data) -> list[tuple]:
    return sorted((e.split, e.video.name, e.labels) for e in data.examples)


def mistake_in(path, **options) -> str:
    with pytest.raises(ValueError) as mistake:  # noqa: PT011  the message is looked at
        reading.read(path, **options)
    return str(mistake.value)


SPLIT = [
    ("test", "c.mp4", ("jump",)),
    ("train", "a.mp4", ("run",)),
    ("train", "b.mp4", ("jump",)),
    ("val", "d.mp4", ("run",)),
]


@pytest.mark.parametrize(
    "names",
    [
        ("videos_train", "videos_val", "videos_test"),
        ("train_256", "val_256", "test_256"),
        ("training_set", "validation_set", "test_set"),
        ("rawframes_train", "rawframes_val", "rawframes_test"),
        ("Train", "Val", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("TrainSet", "ValSet", "TestSet"),
        ("kinetics400_train", "kinetics400_validation", "kinetics400_test"),
        ("kitchen-train", "kitchen-dev", "kitchen-test"),
        ("split1/train", "split1/val", "split1/test"),
        ("UCF-101/videos/train", "UCF-101/videos/val", "UCF-101/videos/test"),
        ("trainset/videos", "valset/videos", "testset/videos"),
    ],
)
def test_folders_named_like_splits_are_splits(tmp_path, place_videos, names):
    train, val, test = names
    place_videos(f"{train}/run/a.mp4", f"{train}/jump/b.mp4", f"{test}/jump/c.mp4")
    place_videos(f"{val}/run/d.mp4")
    data = reading.read(tmp_path)
    assert content(data) == SPLIT
    assert not data.split_drawn
    assert "split folders in" in data.layout


def test_splits_inside_the_label_folders_are_splits(tmp_path, place_videos):
    place_videos("run/train/a.mp4", "jump/train/b.mp4", "jump/test/c.mp4", "run/val/d.mp4")
    assert content(reading.read(tmp_path)) == SPLIT


@pytest.mark.parametrize(
    "names",
    [("training a dog", "testing food"), ("dog_training", "resting"), ("train ride", "tea")],
)
def test_labels_that_hold_the_word_of_a_split_stay_labels(tmp_path, place_videos, names):
    place_videos(*(f"{name}/{i}.mp4" for name in names for i in "ab"))
    data = reading.read(tmp_path)
    assert data.labels == tuple(sorted(name.replace("_", " ") for name in names))
    assert data.split_drawn


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["mytrain/a.mp4", "mytest/b.mp4"], "are named like splits, not like labels"),
        (["split1/train/run/a.mp4", "split2/train/run/a.mp4"], "several folds (split1, split2)"),
        (
            [f"{s}_{i}/run/{s}{i}.mp4" for s in ("train", "test") for i in (1, 2)],
            "several folds (test_1, test_2, train_1, train_2)",
        ),
    ],
)
def test_folders_that_can_be_splits_or_labels_are_questioned(
    tmp_path, place_videos, paths, message
):
    place_videos(*paths)
    assert message in mistake_in(tmp_path)


def test_label_folders_can_hold_folders_of_frames(tmp_path, place_frames):
    for label in ("run", "jump"):
        for clip in ("one", "two"):
            place_frames(f"{label}/{clip}", "img_{:05d}.jpg")
    data = reading.read(tmp_path)
    assert data.labels == ("jump", "run")
    assert all(example.frames and example.frames.num_frames == 5 for example in data.examples)


def test_a_link_that_leads_up_is_not_followed(tmp_path, place_videos):
    place_videos("run/a.mp4", "jump/b.mp4")
    (tmp_path / "run" / "loop").symlink_to(tmp_path)
    assert len(reading.read(tmp_path).examples) == 2


def test_one_label_in_two_unicode_forms_is_one_label(tmp_path, place_videos, write):
    composed, decomposed = (unicodedata.normalize(f, "café visit") for f in ("NFC", "NFD"))
    place_videos("train/run/a.mp4", f"train/{composed}/b.mp4", f"test/{decomposed}/c.mp4")
    assert reading.read(tmp_path).labels == (composed, "run")
    table = write("clips.csv", f"path,label\ntrain/run/a.mp4,{decomposed}\n")
    assert reading.read(table, labels=[composed]).labels == (composed,)


LISTS = {
    "path label": "a.mp4 1\nb c.mp4 0\n",
    "path frames label": "a.mp4 20 1\nb c.mp4 20 0\n",
    "frames of another program": "a.mp4 21 1\nb c.mp4 19 0\n",
    "as many frames as labels": "a.mp4 20 1\n'b c.mp4' 20 0\n",
    "commas": "a.mp4,20,1\nb c.mp4,20,0\n",
    "semicolons": "a.mp4;1\nb c.mp4;0\n",
    "tabs": "a.mp4\t20\t1\nb c.mp4\t20\t0\n",
    "words": "a.mp4 jump\nb c.mp4 run\n",
    "words and commas": "a.mp4,jump\nb c.mp4,run\n",
    "words and tabs": "a.mp4\tjump\nb c.mp4\trun\n",
    "without the ending": "a 20 1\nb c 20 0\n",
    "another ending": "a.webm 20 1\nb c.avi 20 0\n",
    "the author's folder": "/home/me/a.mp4 20 1\n/home/me/b c.mp4 20 0\n",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_a_list_is_understood_over_all_its_lines(tmp_path, place_videos, write, text):
    place_videos("a.mp4", "b c.mp4")
    write(
        "labels.txt", "run\njump\n" + "".join(f"other {word}\n" for word in "abcdefghijklmnopqrstu")
    )
    data = reading.read(write("train.txt", text))
    assert content(data) == [("train", "a.mp4", ("jump",)), ("train", "b c.mp4", ("run",))]
    assert reading.read(write("clips.csv", text)).labels == data.labels


def test_several_labels_are_no_frames(tmp_path, place_videos, write):
    place_videos("a.mp4", "b.mp4")
    write("labels.txt", "run\njump\nsing\n")
    data = reading.read(write("train.txt", "a.mp4 1 2\nb.mp4 0 1\n"))
    assert [e.labels for e in data.examples] == [("jump", "sing"), ("run", "jump")]


def test_folders_of_frames_can_be_called_like_videos(tmp_path, place_frames, write):
    place_frames("v1.mp4", "img_{:05d}.jpg")
    place_frames("v2", "img_{:05d}.jpg")
    write("labels.txt", "run\njump\n")
    first, second = reading.read(write("train.txt", "v1.mp4 5 1\nv2.avi 5 0\n")).examples
    assert (first.labels, second.labels) == (("jump",), ("run",))
    assert first.frames == second.frames
    assert first.frames.num_frames == 5


def test_a_list_with_offsets_has_parts(tmp_path, place_frames, place_videos, write):
    place_frames("frames", "img_{:05d}.jpg", num_frames=9)
    write("labels.txt", "run\njump\n")
    data = reading.read(write("train.txt", "frames 0 4 1\nframes 4 5 0\n"))
    assert [(e.frames.first, e.frames.num_frames, e.labels) for e in data.examples] == [
        (1, 4, ("jump",)),
        (5, 5, ("run",)),
    ]
    place_videos("a.mp4")  # 20 frames, 10 a second
    [example] = reading.read(write("val.txt", "a.mp4 5 10 1\n")).of_split("val").examples
    assert (example.start_seconds, example.end_seconds) == pytest.approx((0.55, 1.45))
    assert "path start frames label" in reading.read(tmp_path / "val.txt").layout


def test_frames_of_a_variable_rate_are_the_same_frames(tmp_path, square_frames, write):
    from actionclip.data import clips

    with av.open(str(tmp_path / "a.mp4"), "w") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.height, stream.width = square_frames.shape[1:3]
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for picture, ticks in zip(
            square_frames, (0, 20, 40, 60, 2000, 2500, 2520, 9000), strict=False
        ):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = ticks, Fraction(1, 1000)
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    write("labels.txt", "run\njump\n")
    data = reading.read(write("train.txt", "path start frames label\na.mp4 1 3 1\na.mp4 5 2 0\n"))
    assert [clips.span(example) for example in data.examples] == [range(1, 4), range(5, 7)]


def test_an_ambiguous_list_is_refused_and_its_first_line_can_say_what_it_is(
    tmp_path, place_videos, write
):
    place_videos("a.mp4")
    write("labels.txt", "".join(f"label {chr(97 + i)}\n" for i in range(26)))
    path = write("train.txt", "a.mp4 2 3 1\n")
    told = mistake_in(path)
    assert "can be 'path label' or 'path start frames label'" in told.replace(
        "'path frames label' or ", ""
    )
    assert "as the first line" in told
    write("train.txt", "path label\na.mp4 2 3 1\n")
    [example] = reading.read(path).examples
    assert example.labels == ("label c", "label d", "label b")
    write("train.txt", "path start frames label\na.mp4 2 3 1\n")
    [example] = reading.read(path).examples
    assert example.labels == ("label b",)


def test_a_label_file_can_count_from_one(tmp_path, place_videos, write):
    place_videos("ApplyEyeMakeup/a.mp4", "Biking/b.mp4")
    write("classInd.txt", "1 ApplyEyeMakeup\n2 Biking\n")
    from_one = write("train.txt", "ApplyEyeMakeup/a.mp4 1\nBiking/b.mp4 2\n")
    from_zero = write("other.txt", "ApplyEyeMakeup/a.mp4 0\nBiking/b.mp4 1\n")
    labels = [e.labels for e in reading.read(from_one).examples]
    assert labels == [e.labels for e in reading.read(from_zero).examples]
    assert labels == [("apply eye makeup",), ("biking",)]


def test_numbers_that_contradict_the_folders_are_questioned(tmp_path, place_videos, write):
    place_videos("run/a.mp4", "jump/b.mp4", "sit/c.mp4")
    write("labels.txt", "jump\nrun\nsit\nstand\n")
    path = write("train.txt", "run/a.mp4 2\njump/b.mp4 1\nsit/c.mp4 3\n")
    assert (
        "by the label file this is 'sit', but the video lies in the folder of 'run'"
        in mistake_in(path)
    )


def test_a_label_file_elsewhere_gives_numbers_their_words(tmp_path, place_videos, write):
    place_videos("a.mp4")
    names = label_sets.find_file(str(write("elsewhere/names.csv", "id,name\n1,jump\n0,run\n")))
    [example] = reading.read(write("train.txt", "a.mp4 1\n"), labels=names).examples
    assert example.labels == ("jump",)


TABLES = {
    "file_name.csv": "file_name,label\na.mp4,run\nb.mp4,jump\n",
    "video_path.csv": "video_path;class\na.mp4;run\nb.mp4;jump\n",
    "clip_path.tsv": "clip_path\taction\na.mp4\trun\nb.mp4\tjump\n",
    "label_name.csv": "label,label_name,filename\n0,run,a.mp4\n1,jump,b.mp4\n",
    "pandas.csv": ",Video,Category,fps\n0,a.mp4,run,25\n1,b.mp4,jump,25\n",
    "names_alone.csv": "video,label\na,run\nb,jump\n",
    "windows.csv": "path,label\nclips\\a.mp4,run\nclips\\b.mp4,jump\n",
    "list.json": json.dumps(
        [{"video": "a.mp4", "label": "run"}, {"video": "b.mp4", "label": "jump"}]
    ),
    "lines.jsonl": '{"path": "a.mp4", "label": "run"}\n{"path": "b.mp4", "label": ["jump"]}\n',
    "map.json": json.dumps({"a.mp4": "run", "b.mp4": "jump"}),
    "by_label.json": json.dumps({"run": ["a.mp4"], "jump": ["b.mp4"]}),
    "nested.json": json.dumps(
        {
            "version": 1,
            "videos": [{"path": "a.mp4", "action": "run"}, {"path": "b.mp4", "action": "jump"}],
        }
    ),
    "fiftyone.json": json.dumps({"classes": ["jump", "run"], "labels": {"a": 1, "b": 0}}),
    "fiftyone_words.json": json.dumps(
        {"classes": None, "labels": {"a": "run", "b": {"label": "jump"}}}
    ),
    "samples.json": json.dumps(
        {
            "samples": [
                {
                    "filepath": "clips/a.mp4",
                    "tags": [],
                    "truth": {"_cls": "Classification", "label": "run"},
                },
                {
                    "filepath": "clips/b.mp4",
                    "tags": [],
                    "truth": {"_cls": "Classification", "label": "jump"},
                },
            ]
        }
    ),
    "label_studio.json": json.dumps(
        [
            {
                "id": number,
                "data": {"video": f"/data/upload/1/0a1b2c3d-{name}.mp4"},
                "annotations": [{"result": [{"type": "choices", "value": {"choices": [label]}}]}],
            }
            for number, name, label in ((1, "a", "run"), (2, "b", "jump"))
        ]
    ),
    "activitynet.json": json.dumps(
        {
            "database": {
                n: {"annotations": [{"label": lb}]} for n, lb in (("a", "run"), ("b", "jump"))
            }
        }
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_and_documents_of_other_programs_are_read(tmp_path, place_videos, write, name):
    place_videos("clips/a.mp4", "clips/b.mp4")
    path = write(name, TABLES[name])
    data = reading.read(
        path, videos=tmp_path / "clips" if name.endswith((".csv", ".tsv")) else None
    )
    assert sorted((e.video.name, e.labels) for e in data.examples) == [
        ("a.mp4", ("run",)),
        ("b.mp4", ("jump",)),
    ]
    assert data.split_drawn
    in_folder = reading.read(tmp_path)
    assert {(e.video.name, e.labels) for e in in_folder.examples} == {
        (e.video.name, e.labels) for e in data.examples
    }
    assert str(path) in in_folder.layout


def test_activitynet_has_subsets_times_and_missing_videos(tmp_path, place_videos, write, caplog):
    place_videos("videos/v_one.mp4", "videos/two.mp4", "videos/three.mp4")
    entries = {
        "one": {
            "subset": "training",
            "duration": 2.0,
            "annotations": [
                {"label": "Long jump", "segment": [0.5, 2.3]},
                {"label": "Polka", "segment": [0.0, 0.5]},
            ],
        },
        "two": {"subset": "validation", "annotations": [{"label": "Polka", "segment": [0, 1]}]},
        "three": {"subset": "testing", "annotations": []},
        "gone": {"subset": "training", "annotations": [{"label": "Polka", "segment": [0, 1]}]},
    }
    write(
        "activity_net.v1-3.json",
        json.dumps({"version": "1.3", "taxonomy": [], "database": entries}),
    )
    data = reading.read(tmp_path)
    assert [
        (e.split, e.video.name, e.labels, e.start_seconds, e.end_seconds) for e in data.examples
    ] == [
        ("train", "v_one.mp4", ("Long jump",), 0.5, 2.0),
        ("train", "v_one.mp4", ("polka",), 0.0, 0.5),
        ("val", "two.mp4", ("polka",), 0.0, 1.0),
    ]
    assert data.num_missing == 1


def test_thumos_is_trained_on_its_validation_videos(tmp_path, place_videos, write):
    place_videos("a_000001.mp4", "b_000002.mp4")
    entries = {
        "a_000001": {
            "subset": "Validation",
            "annotations": [{"label": "Diving", "segment": [0, 1]}],
        },
        "b_000002": {"subset": "Test", "annotations": [{"label": "Diving", "segment": [0, 1]}]},
    }
    data = reading.read(write("thumos14.json", json.dumps({"database": entries})))
    assert data.splits == {"train": 1, "test": 1}
    assert "validation is used as train" in data.layout


def test_the_json_of_kinetics_has_whole_clips(tmp_path, place_videos, write):
    place_videos("train/abc_000010_000020.mp4")
    entry = {"annotations": {"label": "riding a bike", "segment": [10.0, 20.0]}, "subset": "train"}
    [example] = reading.read(write("train.json", json.dumps({"abc": entry}))).examples
    assert (example.labels, example.start_seconds) == (("riding a bike",), None)


def test_timelines_of_label_studio_are_parts_by_frames(tmp_path, place_videos, write):
    place_videos("a.mp4")
    value = {"ranges": [{"start": 6, "end": 15}], "timelinelabels": ["run"]}
    seconds = {"start": 0.2, "end": 0.9, "labels": ["jump"]}
    task = {
        "id": 4,
        "data": {"video": "/data/local-files/?d=a.mp4"},
        "annotations": [
            {"was_cancelled": True, "result": []},
            {"result": [{"value": value}, {"value": seconds}]},
        ],
    }
    first, second = reading.read(write("export.json", json.dumps([task]))).examples
    assert (first.start_seconds, first.end_seconds) == pytest.approx((0.55, 1.45))
    assert (second.start_seconds, second.end_seconds, second.labels) == (0.2, 0.9, ("jump",))


def test_tracks_and_tags_of_cvat_are_parts_by_frames(tmp_path, place_videos, write):
    place_videos("a.mp4")
    names = "<name>mine</name><subset>Train</subset><source>a.mp4</source>"
    meta = f"<meta><task><id>7</id>{names}</task></meta>"
    boxes = '<box frame="5" outside="0"/><box frame="15" outside="1"/>'
    track = f'<track id="0" label="run">{boxes}</track>'
    path = write("annotations.xml", f"<annotations>{meta}{track}</annotations>")
    [example] = reading.read(path).examples
    assert (example.labels, example.split) == (("run",), "train")
    assert (example.start_seconds, example.end_seconds) == pytest.approx((0.55, 1.45))
    images = "".join(
        f'<image id="{i}" name="frame_{i:06d}"><tag label="jump"/></image>' for i in (0, 1, 2, 8, 9)
    )
    write("annotations.xml", f"<annotations>{meta}{images}</annotations>")
    assert [(e.start_seconds, e.end_seconds) for e in reading.read(path).examples] == [
        pytest.approx((0.05, 0.25)),
        pytest.approx((0.85, 0.95)),
    ]


def test_an_xml_with_entities_is_refused(write):
    path = write("annotations.xml", '<!DOCTYPE a [<!ENTITY x "y">]><annotations>&x;</annotations>')
    assert "a document type is not read" in mistake_in(path)
    assert "no export of CVAT" in mistake_in(write("other.xml", "<annotation/>"))


@pytest.mark.parametrize("name", ["export.json", "export.csv", "list.txt", "fiftyone.json"])
def test_no_document_leads_out_of_the_data_folder(tmp_path, place_videos, write, name):
    place_videos("outside.mp4", "data/a.mp4")
    texts = {
        "export.json": json.dumps([{"video": "../outside.mp4", "label": "run"}]),
        "export.csv": "video,label\n../outside.mp4,run\n",
        "list.txt": "../outside.mp4 run\n",
        "fiftyone.json": json.dumps({"classes": None, "labels": {"../outside.mp4": "run"}}),
    }
    assert "leads out of the data folder" in mistake_in(write(f"data/{name}", texts[name]))


def test_annotations_beside_label_folders_decide(tmp_path, place_videos, write):
    place_videos("run/clip_a.mp4", "run/clip_b.mp4", "jump/clip_c.mp4", "jump/clip_d.mp4")
    write("train.csv", "path,label\nrun/clip_a.mp4,run\njump/clip_c.mp4,jump\n")
    write("test.csv", "path,label\nrun/clip_b.mp4,run\njump/clip_d.mp4,jump\n")
    write("README.md", "clip_a.mp4 is nice")
    data = reading.read(tmp_path)
    assert {e.video.name: e.split for e in data.examples} == {
        "clip_a.mp4": "train",
        "clip_b.mp4": "test",
        "clip_c.mp4": "train",
        "clip_d.mp4": "test",
    }
    assert "table" in data.layout


def test_lists_without_a_header_beside_label_folders_decide(tmp_path, place_videos, write):
    place_videos("run/clip_a.mp4", "run/clip_b.mp4", "jump/clip_c.mp4", "jump/clip_d.mp4")
    write("label_map.txt", "jump\nrun\n")
    write("train.csv", "run/clip_a.mp4 1\njump/clip_c.mp4 0\n")
    write("val.csv", "run/clip_b.mp4 1\njump/clip_d.mp4 0\n")
    assert reading.read(tmp_path).splits == {"train": 2, "val": 2}


def test_metadata_in_split_folders_is_read(tmp_path, place_videos, write):
    place_videos("train/clip_a.mp4", "train/clip_b.mp4", "test/clip_c.mp4", "test/clip_d.mp4")
    write("train/metadata.csv", "file_name,label\nclip_a.mp4,run\nclip_b.mp4,jump\n")
    write("test/metadata.csv", "file_name,label\nclip_c.mp4,run\nclip_d.mp4,jump\n")
    data = reading.read(tmp_path)
    assert data.labels == ("jump", "run")
    assert data.splits == {"train": 2, "test": 2}


def test_metadata_in_parquet_is_read(tmp_path, place_videos):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    place_videos("clip_a.mp4", "clip_b.mp4")
    columns = {"file_name": ["clip_a.mp4", "clip_b.mp4"], "label": ["run", "jump"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "metadata.parquet")
    assert reading.read(tmp_path).labels == ("jump", "run")


def test_of_several_folds_the_first_is_read_and_that_is_said(tmp_path, place_videos, write):
    place_videos("run/clip_a.mp4", "jump/clip_b.mp4")
    write("label_map.txt", "jump\nrun\n")
    for fold in (1, 2, 3):
        write(f"train_split_{fold}_videos.txt", "run/clip_a.mp4 1\njump/clip_b.mp4 0\n")
        write(f"val_split_{fold}_videos.txt", "jump/clip_b.mp4 0\nrun/clip_a.mp4 1\n")
    data = reading.read(tmp_path)
    assert data.splits == {"train": 2, "val": 2}
    assert "train_split_1_videos.txt" in data.layout
    assert "2 other folds" in data.layout


def test_files_that_contradict_each_other_or_are_not_understood_are_questioned(
    tmp_path, place_videos, write
):
    place_videos("run/clip_a.mp4", "jump/clip_b.mp4")
    write("extra.json", json.dumps({"run": {"clip_a.mp4": {"x": 1}}, "jump": {"clip_b.mp4": 2}}))
    assert "extra.json: this file names videos of the folder, but" in mistake_in(tmp_path)
    write("one.csv", "path,label\nrun/clip_a.mp4,run\njump/clip_b.mp4,jump\n")
    write("two.csv", "path,label\nrun/clip_a.mp4,run\njump/clip_b.mp4,jump\n")
    assert "several files say what its videos show" in mistake_in(tmp_path)


@pytest.mark.parametrize(
    ("names", "question"),
    [
        (["0", "1"], "2 of 2 labels look like numbers; give the words by --labels FILE: '0', '1'"),
        (["a.txt", "b.txt"], "2 of 2 labels look like names of files"),
    ],
)
def test_labels_that_look_like_something_else_are_questioned(
    tmp_path, place_videos, names, question, caplog
):
    place_videos(*(f"{name}/{i}.mp4" for name in names for i in "ab"))
    data = reading.read(tmp_path)
    assert any(question in one for one in data.questions), data.questions
    assert question in caplog.text


def test_a_table_in_another_encoding_is_not_passed_over(tmp_path, place_videos):
    place_videos("run/clip_a.mp4", "run/clip_b.mp4")
    text = "path,label\nrun/clip_a.mp4,café\nrun/clip_b.mp4,run\n"
    (tmp_path / "train.csv").write_bytes(text.encode("latin-1"))
    assert "train.csv:2: not UTF-8 text" in mistake_in(tmp_path)


def test_remarks_about_videos_are_no_labels(tmp_path, place_videos, write):
    place_videos("run/clip_a.mp4", "run/clip_b.mp4", "jump/clip_c.mp4")
    write("notes.txt", "clip_a.mp4 is dark\nclip_b.mp4 shakes\nclip_c.mp4 is fine\n")
    assert "notes.txt: this file names videos of the folder, but" in mistake_in(tmp_path)


def test_a_single_label_with_folders_in_it_is_questioned(tmp_path, place_videos):
    place_videos("mine/run/a.mp4", "mine/run/b.mp4", "mine/jump/c.mp4", "mine/jump/d.mp4")
    [question] = reading.read(tmp_path).questions
    assert question.endswith(f"(jump, run) are the labels, name {tmp_path / 'mine'}")
    assert reading.read(tmp_path / "mine").labels == ("jump", "run")


@pytest.mark.parametrize("around", ["tiny-Kinetics-400/raw-part/compress", "hmdb51_org"])
def test_folders_around_the_labels_are_entered(tmp_path, place_videos, around):
    place_videos(*(f"{around}/{label}/{i}.mp4" for label in ("run", "jump") for i in "ab"))
    assert reading.read(tmp_path).labels == ("jump", "run")


def test_lists_of_mmaction2_are_relative_to_the_folder_of_their_split(
    tmp_path, place_videos, write
):
    place_videos("videos_train/run/clip_a.mp4", "videos_train/jump/clip_b.mp4")
    place_videos("videos_val/run/clip_c.mp4", "videos_val/jump/clip_d.mp4")
    write("annotations/label_map_k400.txt", "jump\nrun\n")
    write("kinetics400_train_list_videos.txt", "run/clip_a.mp4 1\njump/clip_b.mp4 0\n")
    write("kinetics400_val_list_videos.txt", "run/clip_c.mp4 1\njump/clip_d.mp4 0\n")
    names = label_sets.find_file(str(tmp_path / "annotations" / "label_map_k400.txt"))
    data = reading.read(tmp_path, labels=names)
    assert data.splits == {"train": 2, "val": 2}
    assert {e.video.parent.name for e in data.examples if e.labels == ("run",)} == {"run"}


def test_labels_in_a_table_that_look_like_splits_are_questioned(place_videos, write):
    place_videos("a.mp4", "b.mp4")
    data = reading.read(write("clips.csv", "path,label\na.mp4,train\nb.mp4,val_256\n"))
    assert data.questions == ("2 of 2 labels look like names of splits: 'train', 'val 256'",)


def test_folders_of_numbers_get_words_from_a_label_file(tmp_path, place_videos):
    place_videos("0/a.mp4", "1/b.mp4")
    assert reading.read(tmp_path, labels=["run", "jump"]).labels == ("run", "jump")
    assert reading.read(tmp_path, labels=["run", "jump"]).examples[1].labels == ("jump",)


@pytest.mark.parametrize("place", ["lists", "annotations/k400", "splits/a/b"])
def test_lists_in_deeper_folders_decide(tmp_path, place_videos, write, place):
    place_videos("clips/run/a.mp4", "clips/jump/b.mp4", "clips/jump/c.mp4", "clips/run/d.mp4")
    write(f"{place}/train.txt", "run/a.mp4 0\njump/b.mp4 1\n")
    write(f"{place}/val.txt", "run/d.mp4 0\n")
    write(f"{place}/test.txt", "jump/c.mp4 1\n")
    write("labels/names.labels.csv", "id,name\n1,jump\n0,run\n")
    data = reading.read(tmp_path)
    assert content(data) == SPLIT
    assert data.labels == ("run", "jump")
    assert data.layout.endswith(f"the labels are named by {tmp_path}/labels/names.labels.csv")


def test_lists_of_frames_decide_wherever_they_and_the_frames_lie(tmp_path, place_frames, write):
    for folder in ("run/a", "jump/b", "jump/c", "run/d"):
        place_frames(f"frames/{folder}", "img_{:05d}.jpg", num_frames=3)
    write("lists/k400/train_frames.txt", "run/a 3 0\njump/b 3 1\n")
    write("lists/k400/val_frames.txt", "jump/c 3 1\nrun/d 3 0\n")
    write("lists/k400_labels.csv", "id,name\n0,run\n1,jump\n")
    data = reading.read(tmp_path)
    assert [(e.split, e.video.name, e.labels) for e in data.examples] == [
        ("train", "a", ("run",)),
        ("train", "b", ("jump",)),
        ("val", "c", ("jump",)),
        ("val", "d", ("run",)),
    ]


def test_several_label_files_are_named_and_none_is_chosen(tmp_path, place_videos, write):
    place_videos("videos/a.mp4", "videos/b.mp4", "videos/c.mp4")
    write("train.txt", "a.mp4 0\nb.mp4 1\n")
    write("val.txt", "c.mp4 1\n")
    write("one/labels.txt", "run\njump\n")
    write("two/labels.txt", "jump\nrun\n")
    assert "several files can be the label file" in mistake_in(tmp_path)


def test_annotations_beside_a_linked_folder_of_videos_are_not_passed_over(
    tmp_path, place_videos, write
):
    place_videos("disk/run/a.mp4", "disk/jump/b.mp4", "disk/run/c.mp4")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "videos").symlink_to(tmp_path / "disk")
    write("data/train.csv", "path,label\nvideos/run/a.mp4,x\nvideos/run/c.mp4,y\n")
    write("data/test.csv", "path,label\nvideos/jump/b.mp4,y\n")
    assert "leads out of the data folder" in mistake_in(tmp_path / "data")


def test_names_that_begin_with_two_underscores_are_videos(tmp_path, place_videos):
    place_videos("run/__NrybzYzUg.mp4", "run/a.mp4", "jump/b.mp4", "jump/c.mp4")
    place_videos("__MACOSX/run/x.mp4", ".cache/run/y.mp4")
    assert len(reading.read(tmp_path).examples) == 4


def test_videos_with_spaces_and_commas_in_their_names_are_found_in_lists(
    tmp_path, place_videos, write
):
    place_videos("v/my clip, 1.MP4", "v/b 2.mov", "v/c d.AVI")
    write("train.txt", "my clip, 1.MP4 0\nb 2.mov 1\n")
    write("val.txt", "c d.AVI 0\n")
    write("labels.txt", "running, fast\njumping 2 high\n")
    assert content(reading.read(tmp_path)) == [
        ("train", "b 2.mov", ("jumping 2 high",)),
        ("train", "my clip, 1.MP4", ("running, fast",)),
        ("val", "c d.AVI", ("running, fast",)),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("excel.csv", "sep=;\r\nvideo;label\r\na.mp4;run\r\nb.mp4;jump\r\n"),
        ("pandas.csv", "path,label\na.mp4,1.0\nb.mp4,0.0\n"),
        ("studio.csv", "video,choice\n/data/upload/1/0a1b2c3d-a.mp4,run\n"
         "/data/upload/1/0a1b2c3d-b.mp4,jump\n"),
        ("studio.json", json.dumps([
            {"video": f"/data/upload/1/0a1b2c3d-{v}.mp4", "choice": {"choices": [label]}}
            for v, label in (("a", "run"), ("b", "jump"))
        ])),
    ],
)  # fmt: skip
def test_tables_are_read_as_excel_pandas_and_label_studio_write_them(
    tmp_path, place_videos, write, name, text
):
    place_videos("videos/a.mp4", "videos/b.mp4")
    write("labels.txt", "jump\nrun\n")
    data = reading.read(write(name, text))
    assert sorted((e.video.name, e.labels) for e in data.examples) == [
        ("a.mp4", ("run",)),
        ("b.mp4", ("jump",)),
    ]


def test_a_label_that_is_an_object_is_refused(tmp_path, place_videos, write):
    place_videos("a.mp4", "b.mp4")
    entries = [{"video": f"{name}.mp4", "label": {"name": "run"}} for name in "ab"]
    assert "write the action in words" in mistake_in(write("a.json", json.dumps(entries)))


def test_a_link_that_leads_nowhere_is_told(tmp_path, place_videos):
    place_videos("run/a.mp4", "run/b.mp4", "jump/c.mp4")
    (tmp_path / "jump" / "d.mp4").symlink_to("/nowhere.mp4")
    assert "jump/d.mp4: the link leads nowhere" in mistake_in(tmp_path)


def test_what_folders_in_label_folders_are_taken_for_is_said(tmp_path, place_videos):
    place_videos("sports/run/a.mp4", "sports/jump/b.mp4", "music/drums/c.mp4", "music/d.mp4")
    layout = reading.read(tmp_path).layout
    assert layout.endswith("; folders in those (drums, jump, run) are recordings, not labels")


def test_two_labels_of_a_video_on_two_rows_are_questioned(place_videos, write):
    place_videos("a.mp4", "b.mp4")
    data = reading.read(write("a.csv", "path,label\na.mp4,run\nb.mp4,jump\na.mp4,jump\n"))
    [question] = data.questions
    assert question.startswith("1 videos have other labels on another row (a.mp4: 'jump' and 'run'")


def test_numbers_that_may_count_from_one_are_questioned(place_videos, write):
    place_videos("a.mp4", "b.mp4")
    names = write("labels.txt", "jump\nrun\nsit\n")
    table = write("a.csv", "path,label\na.mp4,1\nb.mp4,2\n")
    [question] = reading.read(table).questions
    assert "if the numbers count from 1" in question
    names.write_text("id,name\n1,jump\n2,run\n3,sit\n")
    assert reading.read(table).questions == ()
    assert reading.read(table).examples[0].labels == ("jump",)
