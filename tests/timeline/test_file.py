import dataclasses
import itertools

import av
import numpy as np
import pytest

from actionclip.timeline import file
from actionclip.timeline.settings import Settings
from actionclip.video import decode
from actionclip.video.decoder import Decoder

LABELS = ["red", "green", "blue"]


def test_moments_of_a_file_are_where_they_are_and_nothing_is_said_of_the_rest(model, film, score):
    found = file.find(model, film, LABELS, score, Settings())
    times = [(moment.start_seconds, moment.end_seconds, moment.label) for moment in found.moments]
    assert times == [(0.0, 2.0, "red"), (5.0, 7.5, "blue"), (7.5, 9.5, "green")]
    assert found.duration_seconds == 9.5
    assert found.scores.shape == (len(found.slot_seconds), 3)


def test_moments_of_pictures_that_begin_later_are_where_players_show_them(
    model, film, score, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "late.mkv"
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(film)) as old, av.open(str(path), "w", options=options) as new:
        video = new.add_stream_from_template(old.streams.video[0])
        sound = new.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.rate, frame.pts = 8000, 0
        new.mux(sound.encode(frame))
        for packet in old.demux(video=0):
            if packet.size:
                ticks = round(5 / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = video
                new.mux(packet)
    for _ in range(2):  # the second time its features come from the cache
        found = file.find(model, path, LABELS, score, Settings())
        times = [(moment.start_seconds, moment.end_seconds) for moment in found.moments]
        assert times == [(5.0, 7.0), (10.0, 12.5), (12.5, 14.5)]
        assert found.slot_seconds[0, 0] == 5.0


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
