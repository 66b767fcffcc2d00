import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from actionclip.cli import main


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the program in this process and give its exit status and what it printed."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["actionclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        out, err = capsys.readouterr()
        return Outcome(ending.value.code or 0, out, err)

    return run


def test_what_the_system_refuses_is_one_line_in_our_words(run, moving_square, tmp_path):
    long_name = f"{300 * 'x'}.mp4"
    for command in ("recognize", "timeline", "watch"):
        outcome = run(command, long_name, *LABELS)
        assert outcome.status == 2
        assert outcome.err.startswith(f"error: {long_name}: the name is too long"), outcome.err
    folder = tmp_path / "folder.srt"
    folder.mkdir()
    assert run("timeline", moving_square, *LABELS, "--srt", folder).err.endswith(
        f"error: {folder}: this is a folder; give a file\n"
    )


LABELS = ("a square that moves", "cooking in a kitchen")


def test_help_imports_neither_torch_nor_transformers():
    code = (
        "import sys; sys.argv = ['actionclip', '--help']\n"
        "from actionclip.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(str({'torch', 'transformers', 'numpy', 'av'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "recognize" in ended.stdout
    assert ended.stderr.strip() == "set()"


def test_a_video_and_labels_become_a_table(run, moving_square):
    outcome = run("recognize", moving_square, *LABELS)
    assert outcome.status == 0
    assert moving_square.name in outcome.out.replace("\n", "")
    assert all(label in outcome.out for label in LABELS)
    assert "lite" in outcome.err
    assert "--model openai/clip-vit-base-patch16" in outcome.err


def test_json_is_one_document_of_the_promised_shape(run, moving_square):
    outcome = run("recognize", moving_square, *LABELS, "--json")
    document = json.loads(outcome.out)
    assert list(document) == ["results"]
    (result,) = document["results"]
    assert set(result) == {"video", "predictions"}
    assert result["video"] == str(moving_square)
    scores = [prediction["score"] for prediction in result["predictions"]]
    assert {prediction["label"] for prediction in result["predictions"]} == set(LABELS)
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)


def test_top_limits_the_answer_without_changing_it(run, moving_square):
    labels = [*LABELS, "swimming"]
    whole = json.loads(run("recognize", moving_square, *labels, "--json").out)["results"][0]
    best = json.loads(run("recognize", moving_square, *labels, "--json", "--top", 1).out)
    assert best["results"][0]["predictions"] == whole["predictions"][:1]


def test_labels_and_templates_come_from_files(run, moving_square, tmp_path):
    labels, templates = tmp_path / "labels.txt", tmp_path / "templates.txt"
    labels.write_text("# mine\nBrushHair\nswimming\n")
    templates.write_text("a person who is {}\n")
    outcome = run(
        "recognize", moving_square, "--labels", labels, "--templates", templates, "--json"
    )
    predictions = json.loads(outcome.out)["results"][0]["predictions"]
    assert {prediction["label"] for prediction in predictions} == {"BrushHair", "swimming"}


def test_a_folder_gives_each_video_the_answer_it_has_alone(run, moving_square, tmp_path):
    folder = tmp_path / "klips übung"
    (folder / "deeper").mkdir(parents=True)
    for place in ("b.mp4", "deeper/a.mp4"):
        shutil.copy(moving_square, folder / place)
    (folder / "notes.txt").write_text("not a video")
    together = json.loads(run("recognize", folder, *LABELS, "--json").out)["results"]
    alone = json.loads(run("recognize", moving_square, *LABELS, "--json").out)["results"][0]
    assert [Path(result["video"]).name for result in together] == ["b.mp4", "a.mp4"]
    for result in together:
        for one, other in zip(result["predictions"], alone["predictions"], strict=True):
            assert one["label"] == other["label"]
            assert one["score"] == pytest.approx(other["score"], abs=1e-4)


def test_a_shell_completes_the_commands():
    asked = {"_ACTIONCLIP_COMPLETE": "complete_bash", "COMP_WORDS": "actionclip re"}
    code = "import sys; sys.argv = ['actionclip']; from actionclip.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **asked, "COMP_CWORD": "1"},
    )
    assert ended.stdout.split() == ["recognize", "report"], ended.stderr


def test_one_unreadable_video_does_not_stop_the_rest(run, moving_square, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video at all")
    outcome = run("recognize", broken, moving_square, *LABELS, "--json")
    assert outcome.status == 2
    assert [result["video"] for result in json.loads(outcome.out)["results"]] == [
        str(moving_square)
    ]
    assert "broken.mp4" in outcome.err
    assert "1 of 2 videos could not be read" in outcome.err


def test_a_missing_path_is_an_answer_and_the_other_videos_follow(run, moving_square, tmp_path):
    missing = str(tmp_path / "missing.mp4")
    outcome = run("recognize", moving_square, missing, *LABELS, "--jsonl", "--top", 1)
    why = f"{missing}: no such file or folder; check the path"
    first, second = [json.loads(line) for line in outcome.out.splitlines()]
    assert first == {"video": missing, "error": why}
    assert second["video"] == str(moving_square)
    (prediction,) = second["predictions"]
    assert prediction["label"] in LABELS
    assert outcome.status == 2
    assert f"error: {why}\nerror: 1 of 2 videos could not be read\n" in outcome.err


def test_a_path_that_the_system_refuses_is_an_answer_too(run, moving_square):
    too_long = f"{300 * 'x'}.mp4"
    outcome = run("recognize", too_long, moving_square, *LABELS, "--jsonl")
    why = f"{too_long}: the name is too long for this system; choose a shorter one"
    first, second = [json.loads(line) for line in outcome.out.splitlines()]
    assert first == {"video": too_long, "error": why}
    assert second["video"] == str(moving_square)


def test_where_every_path_is_missing_each_is_named_and_no_model_is_loaded(run):
    outcome = run("recognize", "a.mp4", "b.mp4", *LABELS, "--json", "--model", "no/such-model")
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.splitlines() == [
        "error: a.mp4: no such file or folder; check the path",
        "error: b.mp4: no such file or folder; check the path",
        "error: 2 of 2 videos could not be read",
    ]


def test_lines_of_json_hold_what_the_one_document_holds(run, moving_square, tmp_path):
    other, broken = tmp_path / "other.mp4", tmp_path / "broken.mp4"
    shutil.copy(moving_square, other)
    broken.write_text("no video at all")
    videos = (moving_square, broken, other)
    lines = [
        json.loads(line) for line in run("recognize", *videos, *LABELS, "--jsonl").out.splitlines()
    ]
    assert [line["video"] for line in lines] == list(map(str, videos))
    assert str(broken) in lines.pop(1)["error"]
    assert lines == json.loads(run("recognize", *videos, *LABELS, "--json").out)["results"]


def test_two_forms_of_json_at_once_are_refused(run, moving_square):
    outcome = run("recognize", moving_square, *LABELS, "--json", "--jsonl")
    assert outcome.status == 2
    assert outcome.err == "error: --jsonl: --json is given too; give one or the other\n"


@pytest.mark.parametrize("option", ["--output", "--csv"])
def test_a_file_of_answers_is_resumed_and_a_missing_path_is_one_of_them(
    run, moving_square, tmp_path, option
):
    answers, later = tmp_path / "answers", tmp_path / "later.mp4"
    question = ("recognize", later, moving_square, *LABELS, option, answers, "--resume")
    outcome = run(*question)
    assert outcome.status == 2
    assert outcome.out == ""
    assert f"{later}: no such file" in answers.read_text()
    assert "error: 1 of 2 videos could not be read" in outcome.err
    shutil.copy(moving_square, later)
    outcome = run(*question)
    assert outcome.status == 0
    assert "error" not in answers.read_text().partition("\n")[2]
    assert str(later) in answers.read_text()
    outcome = run(*question)
    done = 2 if option == "--output" else 1  # the last video of a table is done again
    assert f"{answers} has the answers for {done} of 2 videos already" in outcome.err


def test_a_file_of_answers_holds_what_is_printed(run, moving_square, tmp_path):
    answers = tmp_path / "answers.jsonl"
    outcome = run("recognize", moving_square, *LABELS, "--jsonl", "--output", answers)
    assert outcome.out == answers.read_text()


def test_the_report_is_one_page_with_frames_and_no_outside_resource(run, moving_square, tmp_path):
    report = tmp_path / "report.html"
    outcome = run("recognize", moving_square, "a <b>bold</b> move", "swimming", "--report", report)
    page = report.read_text()
    assert outcome.status == 0
    assert page.count("data:image/jpeg;base64,") == 8
    assert "a &lt;b&gt;bold&lt;/b&gt; move" in page
    assert not any(word in page for word in ("http:", "https:", "<script", "<link", "url("))


def test_one_label_works_with_a_note(run, moving_square):
    outcome = run("recognize", moving_square, "swimming", "--json")
    assert json.loads(outcome.out)["results"][0]["predictions"] == [
        {"label": "swimming", "score": 1.0}
    ]
    assert "a single label always scores 1" in outcome.err


def test_none_of_these_is_an_answer(run, moving_square):
    outcome = run("recognize", moving_square, "swimming", "--threshold", "1", "--json")
    assert json.loads(outcome.out)["results"][0]["predictions"] == []
    outcome = run("recognize", moving_square, "swimming", "--threshold", "1")
    assert "none of these" in outcome.out


@pytest.mark.parametrize("threshold", ["2", "often", "nan"])
def test_a_threshold_that_is_no_score_is_one_line(run, moving_square, threshold):
    outcome = run("recognize", moving_square, "swimming", "--threshold", threshold)
    assert outcome.status == 2
    assert "is no score; give a number from 0 to 1, or auto" in outcome.err


def test_a_label_of_300_words_is_cut_with_a_warning(run, moving_square):
    long_label = " ".join(f"jumping{i}" for i in range(300))
    outcome = run("recognize", moving_square, long_label, "swimming", "--json")
    assert outcome.status == 0
    assert outcome.err.count("warning:") == 1
    assert "jumping0" in outcome.err


@pytest.mark.slow
def test_five_thousand_labels_work(run, moving_square, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"action number {i}" for i in range(5000)))
    outcome = run("recognize", moving_square, "--labels", labels, "--json")
    assert len(json.loads(outcome.out)["results"][0]["predictions"]) == 5000


def _empty(folder: Path) -> Path:
    (folder / "empty.mp4").write_bytes(b"")
    return folder / "empty.mp4"


def _text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("hello " * 1000)
    return folder / "text.mp4"


def _folder(folder: Path) -> Path:
    (folder / "clips").mkdir()
    return folder / "clips"


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: folder / "nowhere.mp4", "nowhere.mp4: no such file"),
        (_empty, "empty.mp4"),
        (_text, "text.mp4"),
        (_folder, "clips: the folder holds no video"),
    ],
)
def test_bad_videos_get_one_line_and_status_2(run, tmp_path, make, complaint):
    outcome = run("recognize", make(tmp_path), *LABELS)
    errors = [line for line in outcome.err.splitlines() if not line.startswith("note:")]
    assert outcome.status == 2
    assert outcome.out == ""
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert complaint in errors[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "there is no label"),
        (["swimming", ""], "label 2 is empty"),
        (["brush_hair", "brush hair"], "say the same"),
        (["swimming", "--labels", "nowhere.txt"], "nowhere.txt: no such file"),
        (["swimming", "--templates", "nowhere.txt"], "nowhere.txt: no such file"),
        (["swimming", "--model", "no-such-model"], "lite"),
        (["swimming", "--report", "no/such/folder/report.html"], "make it first"),
        (["swimming", "--csv", "no/such/folder/answers.csv"], "make it first"),
        (["swimming", "--csv", "a.csv", "--output", "a.jsonl"], "--csv: --output is given too"),
        (["swimming", "--resume"], "--resume: there is no file to resume"),
    ],
)
def test_bad_arguments_get_one_line_and_status_2_and_no_file(
    run, moving_square, tmp_path, monkeypatch, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    outcome = run("recognize", moving_square, *arguments)
    errors = [line for line in outcome.err.splitlines() if not line.startswith("note:")]
    assert outcome.status == 2
    assert outcome.out == ""
    assert len(errors) == 1
    assert complaint in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_a_template_without_a_hole_is_refused_before_the_model_is_loaded(
    run, moving_square, tmp_path
):
    templates = tmp_path / "templates.txt"
    templates.write_text("a video\n")
    outcome = run("recognize", moving_square, "swimming", "--templates", templates)
    assert outcome.status == 2
    assert "has 0 holes" in outcome.err
