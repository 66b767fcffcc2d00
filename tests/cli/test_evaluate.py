import json
import shutil
import sys
from pathlib import Path

import pytest

from actionclip.cli import main


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the program in an empty folder; give its exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actionclip", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return (ending.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def data(tmp_path, moving_square) -> Path:
    """Four clips: two labels, in val."""
    for label in ("moving_a_square", "cooking"):
        for index in range(2):
            video = tmp_path / "data" / "val" / label / f"{index}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            video.write_bytes(moving_square.read_bytes())
    return tmp_path / "data"


def test_json_is_one_document_with_the_headlines_on_top(run, data):
    status, out, _ = run("--model", "lite", "--data", data, "--workers", 0, "--json")
    document = json.loads(out)
    assert status == 0
    assert set(document["top1"]) == {"value", "low", "high"}
    assert document["top1"]["value"] == 0.5
    assert document["setting"]["protocol"] == "zero-shot"
    assert document["setting"]["command"].startswith("actionclip evaluate --model lite")


def test_the_table_tells_value_interval_and_what_was_evaluated(run, data, tmp_path):
    (tmp_path / "labels.txt").write_text("cooking\nmoving a square\nswimming\n")
    status, out, _ = run(
        *("--model", "lite", "--data", data, "--labels", "labels.txt", "--workers", 0),
        *("--trained-on", "labels.txt", "--output", "report.json"),
    )
    assert status == 0
    assert "lite on" in out
    assert "closed-set · 4 clips · 3 labels · 1 template · 1 view of each clip · split val" in out
    assert "top-1 accuracy" in out
    assert "labels seen in training: 3 of 3: cooking, moving a square, swimming" in out
    assert json.loads((tmp_path / "report.json").read_text())["labels"][2] == "swimming"


def test_page_and_markdown_are_written_where_they_are_wanted(run, data, tmp_path):
    wanted = ("--report", "page.html", "--markdown", "numbers.md")
    status, _, _ = run("--model", "lite", "--data", data, "--workers", 0, *wanted)
    assert status == 0
    page = (tmp_path / "page.html").read_text()
    assert "top-1 accuracy" in page
    assert page.count("data:image/jpeg") == 2 * 8  # two clips are wrong, eight frames of each
    assert "top-1 accuracy" in (tmp_path / "numbers.md").read_text()


@pytest.mark.slow
def test_lite_is_evaluated_on_real_clips_that_it_never_saw(run, shared):
    clips, labels = shared / "videos" / "mixed", shared / "labels-mixed.txt"
    status, out, _ = run(
        "--model", "lite", "--data", clips, "--labels", labels, "--json", "--workers", 0
    )
    top1, top5 = (json.loads(out)[name] for name in ("top1", "top5"))
    assert status == 0
    assert top1["value"] >= 8 / 15
    assert top5["value"] >= 11 / 15
    assert 0.2 < top1["low"] < top1["value"] < top1["high"] < 0.9


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give a recipe, or --model and --data"),
        (["--model", "lite"], "give a recipe, or --model and --data"),
        (["nowhere.toml"], "nowhere.toml: no such recipe"),
        (["small.toml"], "runs/small/best: no such checkpoint; make it by `actionclip train"),
        (["--model", "lite", "--data", "nowhere"], "nowhere: no such file or folder"),
        (["--model", "nothing", "--data", "data"], "nothing: no such model"),
        (["--model", "lite", "--data", "data", "--protocol", "all"], "no protocol is called 'all'"),
        (["--model", "lite", "--data", "data", "--split", "none"], "--split: 'none' is none of"),
        (["--model", "lite", "--data", "data", "--split", "test"], "the split 'test' is empty"),
        (["--model", "lite", "--data", "data", "--crops", "2"], "2 crops: a view is the middle"),
        (["--model", "lite", "--data", "data", "--labels", "one.txt"], "not among those to choose"),
        (["--model", "lite", "--data", "data", "--report", "no/x.html"], "there is no folder no"),
        (["--model", "lite", "--data", "single"], "the only label is 'cooking'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, data, tmp_path, arguments, complaint):
    (tmp_path / "one.txt").write_text("cooking\n")
    (tmp_path / "small.toml").write_text('[data]\npath = "data"\n')
    shutil.copytree(data / "val" / "cooking", tmp_path / "single" / "cooking")
    status, out, err = run(*arguments, *(["--workers", 0] if arguments else []))
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (status, out) == (2, "")
    assert len(errors) == 1
    assert complaint in errors[0]


def test_a_report_says_whether_clips_were_tested_like_the_official_code(run, data, tiny_clip):
    arguments = ("--model", tiny_clip, "--data", data, "--workers", 0)
    _, out, _ = run(*arguments, "--like", "official")
    assert "16 templates · 1 view of each clip · like the official code · split val" in out
    _, out, _ = run(*arguments, "--like", "official", "--json")
    assert json.loads(out)["setting"]["like"] == "official"
    _, out, _ = run(*arguments, "--json")
    assert json.loads(out)["setting"]["like"] == "default"


def test_lite_gets_the_sixteen_templates_where_it_is_tested_like_the_official_code(run, data):
    _, out, _ = run(
        *("--model", "lite", "--data", data, "--workers", 0, "--like", "official", "--json")
    )
    assert len(json.loads(out)["setting"]["templates"]) == 16


def test_conventions_that_do_not_exist_are_one_line_and_status_2(run, data):
    status, out, err = run("--model", "lite", "--data", data, "--like", "oficial")
    assert (status, out) == (2, "")
    assert "--like: unknown 'oficial'; known: ['default', 'official']" in err


def test_what_was_trained_like_the_official_code_is_tested_so_unless_told_otherwise(
    run, data, tiny_clip, tmp_path
):
    model = tmp_path / "run" / "best"
    shutil.copytree(tiny_clip, model)
    recipe = f'like = "official"\n[data]\npath = "{data}"\n[prompts]\ntemplates = ["a {{}}"]\n'
    (tmp_path / "run" / "recipe.toml").write_text(recipe)
    arguments = ("--model", model, "--data", data, "--workers", 0, "--json")
    for more, expected in (((), "official"), (("--like", "default"), "default")):
        _, out, _ = run(*arguments, *more)
        assert json.loads(out)["setting"]["like"] == expected
        assert json.loads(out)["setting"]["templates"] == ["a {}"]
