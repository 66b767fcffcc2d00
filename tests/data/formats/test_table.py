import dataclasses

import pytest

from actionclip.data import reading
from actionclip.data.formats import table


def mistake_in(path, **options) -> str:
    with pytest.raises(ValueError) as mistake:  # noqa: PT011  the message is looked at
        reading.read(path, **options)
    return str(mistake.value)


def test_every_column_is_understood(place_videos, write, tmp_path):
    place_videos("clips/a.mp4", "clips/b.mp4")
    path = write(
        "clips.csv",
        "path,label,start,end,split,group,#note\n"
        'clips/a.mp4,"shooting a bow, archery",0.5,1.5,train,ann,fine\n'
        "clips/b.mp4,run|jump_rope,,,validation,,\n",
    )
    first, second = reading.read(path).examples
    assert (first.labels, first.split, first.group) == (
        ("shooting a bow, archery",),
        "train",
        "ann",
    )
    assert (first.start_seconds, first.end_seconds) == (0.5, 1.5)
    assert first.source == f"{path}:2"
    assert (second.labels, second.split, second.group) == (("run", "jump rope"), "val", None)
    assert (second.start_seconds, second.end_seconds) == (None, None)


def test_tab_separated_and_parquet_tables_read_the_same(place_videos, write, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    place_videos("a.mp4", "b.mp4")
    csv = write("clips.csv", "path,label,start,split\na.mp4,run,0.5,train\nb.mp4,jump,,test\n")
    tsv = write("clips.tsv", csv.read_text().replace(",", "\t"))
    columns = {
        "path": ["a.mp4", "b.mp4"],
        "label": ["run", "jump"],
        "start": [0.5, None],
        "split": ["train", "test"],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "clips.parquet")

    def content(path):
        return [(e.video, e.labels, e.start_seconds, e.split) for e in reading.read(path).examples]

    assert content(csv) == content(tsv) == content(tmp_path / "clips.parquet")


def test_a_byte_order_mark_as_spreadsheets_write_it_is_no_column_name(place_videos, tmp_path):
    place_videos("a.mp4")
    path = tmp_path / "clips.csv"
    path.write_bytes("\ufeffpath,label\r\na.mp4,running\r\n".encode())
    assert reading.read(path).labels == ("running",)


def test_without_a_split_column_files_that_stand_side_by_side_are_the_splits(place_videos, write):
    place_videos("a.mp4", "b.mp4")
    train = write("train.csv", "path,label\na.mp4,run\n")
    write("test.csv", "path,label\nb.mp4,run\n")
    assert reading.read(train).splits == {"train": 1, "test": 1}


def test_a_folder_of_frames_is_a_video(place_frames, write):
    place_frames("clips/a", "frame{:d}.png", first=0)
    [example] = reading.read(write("clips.csv", "path,label\nclips/a,run\n")).examples
    assert example.frames
    assert (example.frames.template, example.frames.first, example.frames.num_frames) == (
        "frame{:d}.png",
        0,
        5,
    )


def test_what_is_written_is_read_again(place_videos, write, tmp_path):
    place_videos("clips/a.mp4", "clips/b.mp4")
    data = reading.read(
        write(
            "clips.csv",
            "path,label,start,end,split,group\n"
            'clips/a.mp4,"a, b|c",0.25,1,train,g1\nclips/b.mp4,run,,,test,\n',
        )
    )
    table.write(data, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "clips.csv").read_text()


def test_a_table_is_not_written_where_its_paths_would_lead_out(place_videos, write, tmp_path):
    place_videos("a.mp4")
    data = reading.read(write("clips.csv", "path,label\na.mp4,run\n"))
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ValueError, match="write it where the videos are"):
        table.write(data, tmp_path / "elsewhere" / "clips.csv")


def test_what_a_table_cannot_hold_is_told(place_videos, tmp_path, caplog):
    place_videos("run|jump/a.mp4")
    data = reading.read(tmp_path)
    with pytest.raises(ValueError, match=r"a\.mp4: a label holds '\|'; rename it"):
        table.write(data, tmp_path / "clips.csv")
    [example] = data.examples
    table.write(data.with_examples([dataclasses.replace(example, labels=())]), tmp_path / "no.csv")
    assert "a.mp4 is left out: it has no label" in caplog.text
    assert (tmp_path / "no.csv").read_text() == "path,label\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\nb.mp4,run\n", ":2: there is no video at 'b.mp4'"),
        ("path,lable\na.mp4,run\n", ":1: unknown column 'lable'; did you mean 'label'?"),
        ("path,lable\na.mp4,run\n", ":1: there is no column 'label'; the header is path,lable"),
        (
            "path,label,mood\na.mp4,run,good\n",
            ":1: unknown column 'mood'; if it is a note, call it '#mood'",
        ),
        ("path,label,path\na.mp4,run,a.mp4\n", ":1: two columns have the same name"),
        ("path,label\na.mp4,\n", ":2: the label '' is empty"),
        ("path,label\na.mp4,run||jump\n", ":2: the label 'run||jump' is empty"),
        ("path,label\n,run\n", ":2: the path is empty"),
        ("path,label,split\na.mp4,run,tset\n", ":2: 'tset' is no split; write one of train, val"),
        ("path,label,split\na.mp4,run,\n", ":2: '' is no split"),
        (
            "path,label,start,end\na.mp4,run,1,0.5\n",
            ":2: the end, 0.5 s, is not after the start, 1 s",
        ),
        ("path,label,start\na.mp4,run,soon\n", ":2: the start 'soon' is not a time"),
        ("path,label,start\na.mp4,run,nan\n", ":2: the start 'nan' is not a time"),
        ("path,label,start\na.mp4,run,-1\n", ":2: the start '-1' is not a time"),
        (
            "path,label,start\na.mp4,run,2.5\n",
            ":2: the part from 2.5 s to the end is not in the video",
        ),
        (
            "path,label,end\na.mp4,run,9\n",
            ":2: the part from 0 s to 9 s is not in the video, which",
        ),
        (
            "path,label\na.mp4,Run\na.mp4,run\n",
            ":3: the label 'run' differs only by case from 'Run'",
        ),
        ("path,label\n../a.mp4,run\n", ":2: the path '../a.mp4' leads out of the data folder"),
        (
            "path,label\n/etc/passwd,run\n",
            ":2: the path '/etc/passwd' leads out of the data folder",
        ),
        ("path,label\nlink.mp4,run\n", ":2: the path 'link.mp4' leads out of the data folder"),
        ("path,label\na.mp4,run,jump\n", ":2: 3 cells under 2 columns"),
        ('path,label\n"a.mp4,run\n', "not a table"),
        ("path,label\n", "no row below its header"),
        ("", "no row below its header"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(place_videos, write, tmp_path, text, message):
    place_videos("data/a.mp4", "a.mp4")
    (tmp_path / "data" / "link.mp4").symlink_to(tmp_path / "a.mp4")
    path = write("data/clips.csv", text)
    told = mistake_in(path)
    assert message in told
    assert all(line.startswith(str(path)) for line in told.splitlines())


def test_all_mistakes_are_told_at_once_and_the_many_are_counted(place_videos, write):
    place_videos("a.mp4")
    rows = "".join(f"{i}.mp4,run\n" for i in range(30))
    told = mistake_in(write("clips.csv", f"path,label\n{rows}")).splitlines()
    assert len(told) == 21
    assert told[-1] == "… and 10 more like these"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_any_unicode_encoding_is_read(place_videos, tmp_path, encoding):
    place_videos("a.mp4")
    path = tmp_path / "clips.csv"
    path.write_bytes("path,label\r\na.mp4,café\r\n".encode(encoding))
    assert reading.read(path).labels == ("café",)


def test_another_encoding_is_refused_with_the_line(place_videos, tmp_path):
    place_videos("a.mp4")
    path = tmp_path / "clips.csv"
    path.write_bytes("path,label\na.mp4,café\n".encode("latin-1"))
    assert f"{path}:2: not UTF-8 text" in mistake_in(path)


def test_labels_must_be_in_the_list_that_is_given(place_videos, write):
    place_videos("a.mp4")
    path = write("clips.csv", "path,label\na.mp4,runing\n")
    told = mistake_in(path, labels=["walking", "running"])
    assert (
        told
        == f"{path}:2: the label 'runing' is not in the list of labels; did you mean 'running'?"
    )


def test_the_order_of_given_labels_is_kept(place_videos, write):
    place_videos("a.mp4")
    path = write("clips.csv", "path,label\na.mp4,running\n")
    assert reading.read(path, labels=["walking", "running"]).labels == ("walking", "running")


def test_columns_that_plainly_tell_of_something_else_are_left_out_and_named(shared):
    data = reading.read(shared / "videos" / "manifest.csv")
    assert data.splits == {"train": 63, "test": 23}
    assert data.layout.endswith("not used: 'seconds', 'source', 'licence'")
