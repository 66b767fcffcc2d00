import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from actionclip.cli.report import report as command
from actionclip.data.annotations import Annotations, Example
from actionclip.evaluation import report
from actionclip.evaluation.report import Setting
from actionclip.evaluation.scoring import ScoredClips

SETTING = Setting(
    "zero-shot", "people", "test", "[lite]", "ab" * 32, ("{}",), 1, 1, 0, {"cpu": "x"}, "actionclip"
)


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    """Of 30 clips; the second has 12 more of them right."""
    examples = tuple(
        Example(tmp_path / f"{n:02}.mp4", ("running",), "test", f"a:{n}") for n in range(30)
    )
    for name, num_right in (("a.json", 10), ("b.json", 22)):
        scores = torch.full((30, 2), 0.5)
        scores[:, 0] = torch.where(torch.arange(30) < num_right, 0.6, 0.4)
        scored = ScoredClips(Annotations(examples, ("running", "walking")), scores)
        (tmp_path / name).write_text(report.make(scored, SETTING, tmp_path).to_json())
    return tmp_path / "a.json", tmp_path / "b.json"


def run(*arguments: object):
    return CliRunner().invoke(command, ["compare", *map(str, arguments)])


def test_it_tells_the_difference_and_the_first_clips_that_changed(reports):
    result = run(*reports)
    assert result.exit_code == 0
    assert "+40.0 points" in result.stdout
    assert "12 clips won" in result.stdout
    assert "10.mp4  running, taken for walking" in result.stdout
    assert "and 2 others" in result.stdout
    assert "0 clips lost" in result.stdout
    assert "[lite]" in result.stdout


def test_json_is_one_document(reports):
    document = json.loads(run(*reports, "--json").stdout)
    assert document["difference"]["value"] == pytest.approx(0.4)
    assert len(document["won"]) == 12


def test_html_is_written(reports, tmp_path):
    result = run(*reports, "--html", tmp_path / "page.html")
    assert result.exit_code == 0
    assert "21.mp4" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_mistakes_say_what_is_wrong(reports, tmp_path):
    (tmp_path / "c.json").write_text("{}")
    assert "no such report" in str(run(reports[0], tmp_path / "d.json").exception)
    assert "not a report" in str(run(reports[0], tmp_path / "c.json").exception)
    assert "no folder" in str(run(*reports, "--html", tmp_path / "no/page.html").exception)
