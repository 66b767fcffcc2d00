import dataclasses
import itertools

import numpy as np
import pytest

from actionclip.timeline import file
from actionclip.timeline.settings import Settings
from actionclip.video import decode
from actionclip.video.limits import Decoder

LABELS = ["red", "green", "blue"]


def test_moments_of_a_file_are_where_they_are_and_nothing_is_said_of_the_rest(model, film, score):
    found = file.find(model, film, LABELS, score, Settings())
    times = [(moment.start_seconds, moment.end_seconds, moment.label) for moment in found.moments]
    assert times == [(0.0, 2.0, "red"), (5.0, 7.5, "blue"), (7.5, 9.5, "green")]
    assert found.duration_seconds == 9.5
    assert found.scores.shape == (len(found.slot_seconds), 3)


def test_a_decoder_in_another_process_gives_the_same(model, film, score):
    with Decoder() as decoder:
        apart = file.find(model, film, LABELS, score, Settings(), decoder.stream_frames)
    here = file.find(model, film, LABELS, score, Settings())
    assert apart.moments == here.moments
    assert np.array_equal(apart.scores, here.scores)


def test_a_video_of_one_frame_gets_an_answer(model, film, score, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def first_frame(path, rate, short_side):
        return itertools.islice(decode.stream_frames(path, rate, short_side), 1)

    settings = Settings(min_seconds=0.0)
    [moment] = file.find(model, film, LABELS, score, settings, first_frame).moments
    assert (moment.start_seconds, moment.end_seconds, moment.label) == (0.0, 0.25, "red")


def test_a_model_that_cannot_be_used_is_refused_before_anything_is_decoded(model, film, score):
    model.config = dataclasses.replace(model.config, shift=True)
    with pytest.raises(ValueError, match="several frames at once"):
        file.find(model, film, LABELS, score, Settings(), lambda *_: pytest.fail("decoded"))
