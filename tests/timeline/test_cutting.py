import numpy as np
import pytest

from actionclip.timeline import cutting
from actionclip.timeline.moments import Moment
from actionclip.video import decode

MOMENTS = [
    Moment(1.0, 3.0, "red, then/black", 0.8),
    Moment(2.0, 5.0, "nothing?", 0.8),
    Moment(7.0, 9.5, "überholen", 0.8),
]


@pytest.fixture(scope="module")
def clips(film, tmp_path_factory):
    return cutting.cut_out(film, MOMENTS, tmp_path_factory.mktemp("cut") / "clips")


def test_names_say_what_and_when_and_sort_by_time(clips):
    assert [path.name for path in clips] == [
        "film_001_1.00s_red_then_black.mp4",
        "film_002_2.00s_nothing.mp4",
        "film_003_7.00s_überholen.mp4",
    ]


def test_clips_last_as_long_as_their_moments(clips):
    for path, moment in zip(clips, MOMENTS, strict=True):
        seconds = moment.end_seconds - moment.start_seconds
        assert decode.probe(path).duration_seconds == pytest.approx(seconds, abs=0.11)
        assert decode.probe(path).num_frames == round(10 * seconds)


def test_cuts_are_exact_to_the_frame(clips):
    frames = decode.read_frames(clips[0], range(20)).mean(axis=(1, 2))
    assert np.allclose(frames[:10], [255, 0, 0], atol=8)
    assert np.allclose(frames[10:], [0, 0, 0], atol=8)


def test_a_video_that_stands_on_its_side_is_cut_as_it_is_shown(film, tmp_path, monkeypatch):
    import av

    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.set_display_rotation(90)
        for _ in range(20):
            picture = np.zeros((32, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    [clip] = cutting.cut_out(path, [Moment(0.5, 1.5, "a", 0.8)], tmp_path)
    whole, part = decode.probe(path), decode.probe(clip)
    assert (part.width, part.height) == (whole.width, whole.height) == (32, 64)
