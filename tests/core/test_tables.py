import csv
import io
import json
from pathlib import Path

import pytest

from actionclip import rows
from actionclip.core.scoring import Answer, Prediction
from actionclip.core.tables import COLUMNS, AnswerFile, to_document
from actionclip.timeline.moments import Moment

LABELS = ("riding a bike", 'saying "hi", twice')


def answer(name: str) -> Answer:
    return Answer(Path(name), [Prediction(LABELS[0], 0.75), Prediction(LABELS[1], 0.25)])


ANSWERS = (answer("a.mp4"), Answer(Path("b.mp4"), [], error="b.mp4: broken"), answer("c, d.mp4"))


def write(path: Path, format: str, answers, labels=LABELS, *, resume: bool = False) -> None:
    """Write the answers that are not in the file, as `recognize` does."""
    with AnswerFile(path, format, labels, resume=resume) as file:
        for one in answers:
            if one.video not in file:
                file.add(one)


def test_each_prediction_is_a_row_and_a_video_without_any_is_one():
    table = rows([ANSWERS[0], ANSWERS[1], Answer(Path("none.mp4"), [])])
    assert [tuple(row.values()) for row in table] == [
        ("a.mp4", 1, LABELS[0], 0.75, None),
        ("a.mp4", 2, LABELS[1], 0.25, None),
        ("b.mp4", None, None, None, "b.mp4: broken"),
        ("none.mp4", None, None, None, None),
    ]
    assert {tuple(row) for row in table} == {COLUMNS}


def test_moments_are_rows_that_a_csv_writer_takes():
    table = rows([Moment(1.25, 5.25, "driving a taxi", 0.7)], video="bikes.mp4")
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, table[0])
    writer.writeheader()
    writer.writerows(table)
    assert buffer.getvalue().split() == [
        "video,start_seconds,end_seconds,label,score",
        "bikes.mp4,1.25,5.25,driving",
        "a",
        "taxi,0.7",
    ]


def test_a_csv_holds_the_rows(tmp_path):
    write(tmp_path / "a.csv", "csv", ANSWERS)
    with (tmp_path / "a.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    expected = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in rows(ANSWERS)
    ]
    assert table == expected


def test_json_lines_hold_the_documents(tmp_path):
    write(tmp_path / "a.jsonl", "jsonl", ANSWERS)
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [to_document(one) for one in ANSWERS]


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_file_that_was_cut_anywhere_is_resumed_to_the_same_answers(tmp_path, format):
    path = tmp_path / "answers"
    good = [ANSWERS[0], ANSWERS[2], answer("grüße.mp4")]
    write(path, format, good)
    content = path.read_bytes()
    header = content.find(b"\n") + 1 if format == "csv" else 0
    for size in range(header, len(content) + 1):
        path.write_bytes(content[:size])
        write(path, format, good, resume=True)
        assert path.read_bytes() == content, size


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_what_is_done_is_skipped_and_errors_are_tried_again(tmp_path, format):
    path = tmp_path / "answers"
    write(path, format, ANSWERS)
    with AnswerFile(path, format, LABELS, resume=True) as file:
        assert ANSWERS[0].video in file
        assert ANSWERS[1].video not in file
    assert "broken" not in path.read_text()


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_names_of_any_bytes_and_lines_are_found_again(tmp_path, format):
    path, names = tmp_path / "answers", ("\udcff.mp4", "two\nlines\u2028or three.mp4", "last.mp4")
    write(path, format, [answer(name) for name in names])
    with AnswerFile(path, format, LABELS, resume=True) as file:
        assert all(Path(name) in file for name in names[:2])


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_without_resume_the_file_begins_anew_and_an_absent_one_is_no_mistake(tmp_path, format):
    path = tmp_path / "answers"
    write(path, format, ANSWERS, resume=True)
    once = path.read_text()
    write(path, format, ANSWERS)
    assert path.read_text() == once


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_another_file_is_refused_and_stays_as_it_is(tmp_path, format):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\n")
    with pytest.raises(ValueError, match=r"notes\.txt: .*choose another file"):
        AnswerFile(path, format, LABELS, resume=True)
    write(path, format, [*ANSWERS, answer("e.mp4")])
    before = path.read_text()
    with pytest.raises(ValueError, match=r"answers about 'saying .* none of the labels"):
        AnswerFile(path, format, LABELS[:1], resume=True)
    assert path.read_text() == before
