"""A trained model is used without its training data: it stores labels, templates and sampling."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from actionclip.cli import main
from actionclip.core import encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Classifier, Task
from actionclip.recognizer import Recognizer
from actionclip.video import sampling, transforms

LABELS = ("moving left", "moving right", "moving still")


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the program in an empty folder; give its exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actionclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return (ending.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def trained(tiny_clip, tmp_path) -> Path:
    """The checkpoint of a run whose training data is gone."""
    model = ActionCLIP.load(tiny_clip)
    model.task = Task(LABELS, ("a video of {}", "{}"), "dense", "gone")
    model.save(tmp_path / "run" / "best")
    (tmp_path / "run" / "recipe.toml").write_text('[data]\npath = "gone"\n')
    return tmp_path / "run" / "best"


def test_recognize_names_the_models_own_labels_when_none_are_given(run, trained, moving_square):
    status, out, err = run("recognize", moving_square, "--model", trained, "--json")
    assert (status, err) == (0, "")
    [result] = json.loads(out)["results"]
    assert {one["label"] for one in result["predictions"]} == set(LABELS)


def test_other_labels_may_be_named(run, trained, moving_square):
    status, out, _ = run("recognize", moving_square, "a video", "--model", trained, "--json")
    assert status == 0
    assert [p["label"] for p in json.loads(out)["results"][0]["predictions"]] == ["a video"]


def test_timeline_and_watch_need_no_labels_either(run, trained, moving_square):
    asked = ("--model", trained, "--threshold", 0.01, "--window", 1)
    status, out, err = run("timeline", moving_square, *asked, "--json")
    assert (status, err) == (0, "")
    found = {moment["label"] for moment in json.loads(out)["moments"]}
    assert found
    assert found <= set(LABELS)
    status, out, err = run("watch", moving_square, *asked, "--no-realtime")
    assert status == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert {event["label"] for event in events} == found


@pytest.mark.parametrize("command", ["recognize", "timeline", "watch"])
def test_a_model_without_labels_asks_for_them_in_one_line(run, command, tiny_clip, moving_square):
    for model in ("lite", tiny_clip):
        status, out, err = run(command, moving_square, "--model", model)
        assert (status, out) == (2, "")
        assert err.startswith("error: labels: ")
        assert err.count("\n") == 1


def test_templates_and_labels_come_from_the_checkpoint_in_python_too(trained, moving_square):
    recognizer = Recognizer.load(trained)
    assert recognizer.templates == ("a video of {}", "{}")
    assert recognizer.recognize(moving_square) == recognizer.recognize(moving_square, LABELS)
    [answer] = recognizer.recognize_all([moving_square])
    assert list(answer.predictions) == recognizer.recognize(moving_square)


def test_frames_are_chosen_as_in_training(trained, square_frames):
    recognizer = Recognizer.load(trained)  # four frames, dense
    [dense] = sampling.dense(len(square_frames), 4, sampling.DENSE_STRIDE)
    assert dense.tolist() != sampling.segment_middles(len(square_frames), 4).tolist()
    expected = transforms.resize_short_side(square_frames[dense], 18)
    assert (recognizer.read_frames(square_frames) == expected).all()


def test_evaluation_reads_no_training_data(run, trained, squares):
    asked = ("--data", squares, "--split", "val", "--workers", 0, "--json")
    status, out, err = run("evaluate", "--model", trained, *asked)
    assert status == 0, err
    document = json.loads(out)
    assert document["setting"]["templates"] == ["a video of {}", "{}"]
    assert document["setting"]["protocol"] == "closed-set"
    assert "labels are unknown" not in err

    data = trained.parent.parent / "gone"  # today's data under that name is damaged
    data.mkdir()
    (data / "train.csv").write_text("path,label\nnowhere.mp4,swimming\n")
    assert json.loads(run("evaluate", "--model", trained, *asked)[1])["top1"] == document["top1"]


def test_an_old_checkpoint_loads_with_one_line_of_what_it_lacks(run, trained, moving_square):
    config = trained / "config.json"
    document = json.loads(config.read_text())
    del document["task"]
    config.write_text(json.dumps(document))
    status, _, err = run("recognize", moving_square, "still", "left", "--model", trained)
    assert status == 0
    assert err.startswith(f"warning: {trained}: from an older version, which stored no labels")
    assert err.count("\n") == 1


def test_an_old_checkpoint_whose_data_is_damaged_is_evaluated_on_other_data(run, trained, squares):
    config = trained / "config.json"
    document = json.loads(config.read_text())
    del document["task"]
    config.write_text(json.dumps(document))
    shutil.copytree(squares, "copy")
    Path("gone").mkdir()
    Path("gone", "train.csv").write_text("path,label\nnowhere.mp4,swimming\n")
    status, out, err = run("evaluate", "--model", trained, "--data", "copy", "--workers", 0)
    assert status == 0, err
    assert "zero-shot" in out
    assert "its labels are unknown; name them by --trained-on FILE" in err


@pytest.fixture
def classifier(trained) -> Path:
    model = ActionCLIP.load(trained)
    torch.manual_seed(0)
    model.classifier = Classifier(torch.randn(3, model.encoder.width), torch.randn(3))
    model.save(trained)
    return trained


def test_a_classifier_answers_with_its_own_classes(run, classifier, moving_square):
    status, out, err = run("recognize", moving_square, "--model", classifier, "--json")
    assert (status, err) == (0, "")
    recognizer = Recognizer.load(classifier)
    model = recognizer.model
    assert model.classifier is not None
    with torch.inference_mode():
        clip = encode.make_clip(model, recognizer.read_frames(moving_square))[None]
        features = model.clip_features(model.frame_features(clip))
        expected = model.classifier.logits(features).softmax(dim=-1)[0]
    scores = {p["label"]: p["score"] for p in json.loads(out)["results"][0]["predictions"]}
    assert [scores[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_classifier_refuses_labels_that_are_not_its_own(run, classifier, moving_square):
    status, _, err = run("recognize", moving_square, "swimming", "--model", classifier)
    assert status == 2
    assert "error: label 'swimming': the model is a classifier, which knows only the 3" in err


def test_a_classifier_and_labels_that_do_not_belong_together_are_refused(classifier, tmp_path):
    document = json.loads((classifier / "config.json").read_text())
    document["task"]["labels"] = ["one", "two"]
    (classifier / "config.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"scores 3 labels, but config.json lists 2"):
        ActionCLIP.load(classifier)


@pytest.mark.parametrize("command", ["recognize", "timeline", "watch"])
def test_a_file_given_as_a_label_leads_to_the_option(run, tmp_path, moving_square, command):
    (tmp_path / "mine.txt").write_text("run\njump\n")
    (tmp_path / "dancing").write_text("")  # a word, whatever files there are
    status, out, err = run(command, moving_square, "mine.txt", "dancing")
    assert (status, out) == (2, "")
    assert "error: mine.txt: a file, not a label; give labels in a file by --labels mine.txt" in err
