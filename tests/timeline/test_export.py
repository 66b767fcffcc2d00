import csv
import io
import json

from actionclip.timeline import export
from actionclip.timeline.moments import Moment

MOMENTS = [
    Moment(0.0, 2.5, "driving a taxi", 0.75),
    Moment(1.9996, 3725.25, 'a "b", <i>c</i> & d --> e\n\nf', 0.5),
]


def test_json_has_the_public_shape():
    assert json.loads(export.to_json("a.mp4", MOMENTS)) == {
        "video": "a.mp4",
        "moments": [
            {"start_seconds": 0.0, "end_seconds": 2.5, "label": "driving a taxi", "score": 0.75},
            {
                "start_seconds": 1.9996,
                "end_seconds": 3725.25,
                "label": MOMENTS[1].label,
                "score": 0.5,
            },
        ],
    }


def test_csv_gives_back_what_went_in_whatever_the_label():
    rows = list(csv.DictReader(io.StringIO(export.to_csv(MOMENTS), newline="")))
    assert [row["label"] for row in rows] == [moment.label for moment in MOMENTS]
    assert float(rows[1]["end_seconds"]) == 3725.25


def test_srt_counts_cues_and_writes_times_with_a_comma():
    assert export.to_srt(MOMENTS) == (
        "1\n00:00:00,000 --> 00:00:02,500\ndriving a taxi\n\n"
        '2\n00:00:02,000 --> 01:02:05,250\na "b", <i>c</i> & d --> e f\n'
    )


def test_vtt_escapes_what_would_be_read_as_markup_or_time():
    assert export.to_vtt(MOMENTS) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\ndriving a taxi\n"
        '\n00:00:02.000 --> 01:02:05.250\na "b", &lt;i&gt;c&lt;/i&gt; &amp; d --&gt; e f\n'
    )


def test_nothing_found_is_a_valid_file_of_each_kind():
    assert json.loads(export.to_json("a.mp4", [])) == {"video": "a.mp4", "moments": []}
    assert export.to_csv([]) == "start_seconds,end_seconds,label,score\n"
    assert export.to_srt([]) == ""
    assert export.to_vtt([]) == "WEBVTT\n"
