import dataclasses
from pathlib import Path

import numpy as np
import pytest

from actionclip import Prediction, Recognizer
from actionclip.text import prompts
from actionclip.timeline.moments import Ended
from actionclip.timeline.watch import Watching

LABELS = ["a square that moves", "cooking in a kitchen", "swimming"]


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.load("lite")


def test_predictions_are_probabilities_best_first(recognizer, moving_square):
    predictions = recognizer.recognize(moving_square, LABELS)
    scores = [prediction.score for prediction in predictions]
    assert all(isinstance(prediction, Prediction) for prediction in predictions)
    assert {prediction.label for prediction in predictions} == set(LABELS)
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)


def test_a_recognizer_that_is_closed_has_no_processes_and_can_be_asked_again(
    recognizer, moving_square
):
    before = children()
    with Recognizer(recognizer.model) as closing:
        first = closing.recognize(moving_square, LABELS)
        assert children() > before
    assert children() == before
    assert closing.recognize(moving_square, LABELS) == first
    closing.close()
    assert children() == before


def children() -> set[str]:
    """Give the ids of the processes that this one has started."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for path in lists for pid in path.read_text().split()}


def test_the_order_of_the_labels_does_not_matter(recognizer, moving_square):
    one = recognizer.recognize(moving_square, LABELS)
    other = recognizer.recognize(moving_square, LABELS[::-1])
    assert [prediction.label for prediction in one] == [prediction.label for prediction in other]
    assert [p.score for p in one] == pytest.approx([p.score for p in other], abs=1e-6)


def test_frames_in_memory_give_the_answer_of_their_file(recognizer, moving_square, square_frames):
    from_file = {p.label: p.score for p in recognizer.recognize(moving_square, LABELS)}
    from_memory = {p.label: p.score for p in recognizer.recognize(square_frames, LABELS)}
    assert from_memory == pytest.approx(from_file, abs=0.03)  # the file is lossy


def test_scores_are_the_mean_over_templates(recognizer, moving_square):
    templates = ["a video of {}", "{}, an action"]
    each = [
        {p.label: p.score for p in recognizer.recognize(moving_square, LABELS, [template])}
        for template in templates
    ]
    both = {p.label: p.score for p in recognizer.recognize(moving_square, LABELS, templates)}
    assert both == pytest.approx({label: (each[0][label] + each[1][label]) / 2 for label in LABELS})


def test_a_prompt_is_embedded_once(recognizer):
    told: list[tuple[int, int]] = []
    recognizer.embed_labels(["knitting", "juggling"], prompts.PAPER)
    recognizer.embed_labels(["juggling", "archery"], prompts.PAPER, lambda *done: told.append(done))
    assert told == [(16, 16)]


def test_label_embeddings_do_not_depend_on_what_they_are_embedded_with(recognizer):
    fresh = Recognizer(recognizer.model)
    together = fresh.embed_labels(["golf", "a very long label about " + "many " * 30 + "things"])
    alone = Recognizer(recognizer.model).embed_labels(["golf"])
    assert np.allclose(together[:, :1].numpy(), alone.numpy(), atol=1e-5)


def test_an_array_without_frames_is_refused(recognizer):
    with pytest.raises(ValueError, match="holds no frame"):
        recognizer.recognize(np.zeros((0, 4, 4, 3), np.uint8), LABELS)


def test_many_videos_get_the_answers_of_each_in_their_order(recognizer, moving_square, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    one, none, other = recognizer.recognize_all([moving_square, broken, moving_square], LABELS)
    assert one.predictions == recognizer.recognize(moving_square, LABELS)
    assert other.predictions == one.predictions
    assert (none.video, none.predictions, none.frames) == (broken, [], None)
    assert str(broken) in none.error


def test_an_answer_holds_frames_only_if_they_are_asked_for(recognizer, moving_square):
    [answer] = recognizer.recognize_all([moving_square], LABELS)
    assert answer.frames is None
    [answer] = recognizer.recognize_all([moving_square], LABELS, keep_frames=True)
    assert np.array_equal(answer.frames, recognizer.read_frames(moving_square))
    assert len(repr(answer)) < 500


def test_with_a_threshold_a_single_label_need_not_be_the_answer(recognizer, square_frames):
    [alone] = recognizer.recognize(square_frames, ["swimming"])
    assert alone.score == pytest.approx(1)
    everything = recognizer.recognize(square_frames, ["swimming"], threshold=0.0)
    assert 0 < everything[0].score < 1
    above = everything[0].score + 0.01
    assert recognizer.recognize(square_frames, ["swimming"], threshold=above) == []


def test_a_label_of_its_own_threshold_is_held_to_it(square_frames):
    recognizer = Recognizer.load("lite")
    calibration = recognizer.model.calibration
    thresholds = {"swimming": 0.0, "cooking in a kitchen": 1.0}
    recognizer.model.calibration = dataclasses.replace(calibration, thresholds=thresholds)
    named = recognizer.recognize(square_frames, [*thresholds], threshold="auto")
    assert [prediction.label for prediction in named] == ["swimming"]


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_a_threshold_that_is_no_score_is_refused(recognizer, square_frames, threshold):
    with pytest.raises(ValueError, match="is no score"):
        recognizer.recognize(square_frames, LABELS, threshold=threshold)


def test_calibration_goes_with_the_checkpoint(recognizer, tmp_path):
    model = Recognizer.load("lite").model
    fitted = dataclasses.replace(
        model.calibration, temperature=2.5, thresholds={"é": 0.25}, fitted_on="x"
    )
    model.calibration = fitted
    model.save(tmp_path / "fitted")
    assert Recognizer.load(tmp_path / "fitted").model.calibration == fitted


def test_moments_come_from_the_file_and_a_threshold_of_one_leaves_none(recognizer, moving_square):
    moments = recognizer.timeline(moving_square, LABELS, threshold=0.001)
    assert all(0 <= m.start_seconds < m.end_seconds <= 2.5 for m in moments)
    assert {moment.label for moment in moments} == set(LABELS)
    assert recognizer.timeline(moving_square, LABELS, threshold=1.0) == []


def test_a_file_that_is_watched_gives_the_moments_of_its_timeline(recognizer, moving_square):
    at_leisure = Watching(in_real_time=False)
    events = recognizer.watch(str(moving_square), LABELS, threshold=0.02, watching=at_leisure)
    ended = [event.moment for event in events if isinstance(event, Ended)]
    assert ended
    moments = recognizer.timeline(moving_square, LABELS, threshold=0.02)
    assert sorted(ended, key=lambda m: (m.start_seconds, LABELS.index(m.label))) == moments


def test_what_cannot_be_watched_is_said_before_anything_is(recognizer):
    with pytest.raises(ValueError, match="ftp"):
        recognizer.watch("ftp://somewhere/video.mp4", LABELS)
