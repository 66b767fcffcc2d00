import pytest

from actionclip.timeline.settings import Settings


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"frames_per_second": 0.0}, "frames_per_second: 0.0"),
        ({"frames_per_second": float("nan")}, "frames_per_second: nan"),
        ({"window_seconds": ()}, "at least one length"),
        ({"window_seconds": (2.0, -1.0)}, "window_seconds: -1.0"),
        ({"window_seconds": (0.2,)}, "shorter than the stride"),
        ({"stride_seconds": 0.1}, "take longer strides or more frames"),
        ({"smoothing_seconds": -1.0}, "smoothing_seconds: -1.0"),
        ({"min_seconds": float("inf")}, "min_seconds: inf"),
        ({"start_score": 0.0}, "start_score: 0.0"),
        ({"start_score": 0.4, "end_score": 0.5}, "end_score: 0.5"),
        ({"start_scores": {"jumping": 1.5}}, "jumping: 1.5"),
    ],
)
def test_what_is_impossible_is_refused_with_its_name(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        Settings(**changes)


def test_seconds_become_whole_slots():
    settings = Settings(4.0, window_seconds=(1.0, 2.2, 0.5), stride_seconds=0.5)
    assert settings.stride_steps == 2
    assert settings.window_slots == (2, 4, 1)


def test_a_label_with_a_score_of_its_own_lasts_as_long_in_proportion():
    settings = Settings(start_score=0.5, end_score=0.3, start_scores={"jumping": 0.2})
    assert settings.end_score_of("running") == pytest.approx(0.3)
    assert settings.end_score_of("jumping") == pytest.approx(0.12)


@pytest.mark.parametrize("rate", [0.5, 4.0, 30.0])
def test_a_window_begins_at_every_frame_unless_a_stride_is_given(rate):
    assert Settings(rate).stride_steps == 1
    assert Settings(rate).window_slots == (round(2 * rate),)
