import json
import logging
from pathlib import Path

import pytest

from actionclip.text import labels

NAMES = ["abseiling", "pushing something, gently", "zumba"]


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.txt", "abseiling\npushing something, gently\nzumba\n"),
        ("plain.csv", 'abseiling\n"pushing something, gently"\nzumba\n'),
        ("header.csv", 'name\nabseiling\n"pushing something, gently"\nzumba\n'),
        ("id_name.csv", 'id,name\n0,abseiling\n1,"pushing something, gently"\n2,zumba\n'),
        ("unquoted.csv", "id,name\n0,abseiling\n1,pushing something, gently\n2,zumba\n"),
        ("name_id.csv", 'name,id\nabseiling,0\n"pushing something, gently",1\nzumba,2\n'),
        ("label_is_the_id.csv", 'label,name\n0,abseiling\n1,"pushing something, gently"\n2,zumba'),
        ("label_is_the_name.csv", "label;id\nzumba;3\nabseiling;1\npushing something, gently;2\n"),
        ("pandas.csv", ',label\n0,abseiling\n1,"pushing something, gently"\n2,zumba\n'),
        ("more.csv", 'id,name,count\n2,zumba,9\n0,abseiling,7\n1,"pushing something, gently",8\n'),
        ("no_header.csv", "2,zumba\n0,abseiling\n1,pushing something, gently\n"),
        ("name_first.csv", "abseiling,1\npushing something, gently,2\nzumba,3\n"),
        ("semicolons.txt", "0;abseiling\n1;pushing something, gently\n2;zumba\n"),
        ("tabs.tsv", "id\tname\n0\tabseiling\n1\tpushing something, gently\n2\tzumba\n"),
        ("tabs.txt", "abseiling\t0\npushing something, gently\t1\nzumba\t2\n"),
        ("class_ind.txt", "1 abseiling\n2 pushing something, gently\n3 zumba\n"),
        ("spaces_after.txt", "abseiling 0\npushing something, gently 1\nzumba 2\n"),
        ("charades.txt", "c000 abseiling\nc001 pushing something, gently\nc002 zumba\n"),
        ("ntu.txt", "A1. abseiling\nA2. pushing something, gently\nA3. zumba\n"),
        ("names.yaml", "names:\n  0: abseiling\n  1: pushing something, gently\n  2: zumba\n"),
        ("flow.yml", 'nc: 3\nnames: [abseiling, "pushing something, gently", zumba]\n'),
        ("bullets.md", "* abseiling\n* pushing something, gently\n* zumba\n"),
        ("python.txt", "0: 'abseiling',\n1: 'pushing something, gently',\n2: 'zumba',\n"),
        ("arrows.txt", "0 => abseiling\n1 => pushing something, gently\n2 => zumba\n"),
        ("dashes.txt", "0 - abseiling\n1 - pushing something, gently\n2 - zumba\n"),
        ("equals.txt", "abseiling=0\npushing something, gently=1\nzumba=2\n"),
        ("brackets.txt", "(1) abseiling\n(2) pushing something, gently\n(3) zumba\n"),
        ("german.csv", "Nr.;Übung\r\n1;abseiling\r\n2;pushing something, gently\r\n3;zumba"),
        ("one_column.txt", "label\nabseiling\npushing something, gently\nzumba\n"),
        ("slowfast.json", json.dumps({f'"{n}"': i for i, n in enumerate(NAMES)})),
        ("list.yaml", "- abseiling\n- pushing something, gently\n- zumba\n"),
        (
            "comments.txt",
            "# mine\r\n1, abseiling\r\n\r\n2, pushing something, gently\r\n3, zumba\r\n",
        ),
        ("bom.csv", "\ufeffid,name\r\n0,abseiling\r\n1,pushing something, gently\r\n2,zumba\r\n"),
        ("mac.txt", "abseiling\rpushing something, gently\rzumba\r"),
        ("utf16.txt", "abseiling\npushing something, gently\nzumba".encode("utf-16")),
        (
            "utf16_without_mark.txt",
            "0;abseiling\n1;pushing something, gently\n2;zumba".encode("utf-16-be"),
        ),
        ("list.json", json.dumps(NAMES)),
        (
            "to_id.json",
            json.dumps({"zumba": "2", "abseiling": "0", "pushing something, gently": 1}),
        ),
        ("to_name.json", json.dumps(dict(enumerate(NAMES)))),
        ("nested.json", json.dumps({"id2label": dict(enumerate(NAMES)), "model": "x"})),
        ("classes.json", json.dumps({"classes": NAMES})),
        ("pairs.json", json.dumps([[1, "abseiling"], [3, "zumba"], [2, NAMES[1]]])),
        ("objects.json", json.dumps([{"id": 3 - i, "name": n} for i, n in enumerate(NAMES[::-1])])),
        (
            "coco.json",
            json.dumps({"categories": [{"id": i + 1, "name": n} for i, n in enumerate(NAMES)]}),
        ),
        ("lines.jsonl", "".join(json.dumps({"label": n}) + "\n" for n in NAMES)),
    ],
)
def test_labels_are_read_from_any_layout_in_the_order_of_their_ids(tmp_path, name, text, caplog):
    caplog.set_level(logging.INFO)
    path = write(tmp_path, name, text)
    assert labels.read(path) == NAMES
    is_plain = name in ("plain.txt", "plain.csv", "bullets.md", "mac.txt", "utf16.txt")
    assert (str(path) in caplog.text) == (not is_plain)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2 hand wave\n1 hand wave\n", ["2 hand wave", "1 hand wave"]),
        ("180 flip\n90 turn\n360 spin\n", ["180 flip", "90 turn", "360 spin"]),
        ("squat 1\nsquat 2\n", ["squat 1", "squat 2"]),
        ("[something] falls\nrun\n", ["[something] falls", "run"]),
        ("run, fast\nwalk, slowly\n", ["run, fast", "walk, slowly"]),
        ("10 m dive\nrun\n", ["10 m dive", "run"]),
    ],
)
def test_numbers_and_commas_in_plain_labels_stay(tmp_path, text, names):
    assert labels.read(write(tmp_path, "labels.txt", text)) == names


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "id,name\n0,run\n2,jump\n", "ids do not count 0, 1, 2, … \\(1 is missing\\)"),
        ("a.csv", "0,run\n0,jump\n", "0 occurs twice"),
        ("a.csv", "0,run\n1,jump\n2,swim\n3,sit\nstand\n", "'stand' has no id"),
        ("a.csv", "run,fast\nwalk,slowly\n", "every line has two columns"),
        ("a.csv", "id,name,count\n0,run\n", "2 cells under 3 columns"),
        ("a.txt", "run\tfast\nwalk\tslowly\n", "every line holds a tab"),
        ("a.txt", "run;fast\nwalk;slowly\n", "every line holds a semicolon"),
        ("a.txt", "run,jump,swim\n", "one line with several commas"),
        ("a.txt", "1 man runs\n2 men run\n", "can be a label, or an id and a label"),
        ("a.txt", "0 run\n3 jump\n4 swim\n5 sit\n8 stand\n", "ids do not count"),
        ("a.txt", "0\n1\n2\n", "the labels are numbers"),
        ("a.txt", "run/a b.mp4\njump/b.avi\n", "a list of videos"),
        ("a.csv", "path,label\na.mp4,run\nb.mp4,jump\n", "a list of videos"),
        ("a.csv", "id,name\n-1,none\n0,run\n", "'-1' in the column 'id' is no id"),
        ("a.txt", "['run', 'jump']\n", "is no label"),
        ("a.yaml", "train: images\nval: images\n", "no list of labels and no map"),
        ("a.yaml", "names: [run\n", "a.yaml: not YAML"),
        ("a.txt", "a video of {}\n", "'a video of {}' is no label"),
        ("a.txt", "<html>\n", "'<html>' is no label"),
        ("a.txt", 'item {\n  name: "bend"\n}\n', "is no label"),
        ("a.txt", "run\0\n", "a zero byte, so this is no text file"),
        ("a.json", '{"run": 0', "a.json:1: not JSON"),
        ("a.json", '{"0": "1"}', "ids and labels are both numbers"),
        ("a.json", '{"run": "fast"}', "no list of labels and no map"),
        ("a.json", "3", "no list of labels and no map"),
    ],
)
def test_a_file_that_is_no_clear_list_of_labels_is_refused_in_one_line(
    tmp_path, name, text, message
):
    path = write(tmp_path, name, text)
    with pytest.raises(ValueError, match=message) as mistake:
        labels.read(path)
    assert str(mistake.value).startswith(str(path))
    assert "\n" not in str(mistake.value)
