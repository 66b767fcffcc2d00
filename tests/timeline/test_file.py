import dataclasses
import itertools
import logging
import os
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from actionclip.core import context
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


RED, BLACK, BLUE = [0.7, -0.3, -0.3], [-0.3, -0.3, -0.3], [-0.3, -0.3, 0.7]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(context, "STEPS_PER_PART", 16)


def read(model, video, rate=4.0, stream_frames=decode.stream_frames) -> torch.Tensor:
    parts = list(file.vision_features(model, video, rate, stream_frames))
    ends = [step + len(features) for step, features in parts]
    assert [step for step, _ in parts] == [0, *ends[:-1]]
    return torch.cat([features for _, features in parts])


def test_every_step_has_the_features_of_the_frame_on_screen_then(model, film):
    features = read(model, film)
    assert features.shape == (38, 3)
    expected = torch.tensor([RED] * 8 + [BLACK] * 12 + [BLUE] * 10)
    assert torch.allclose(features[:30], expected, atol=0.02)


@pytest.mark.usefixtures("small_parts")
def test_parts_join_to_the_same_features(model, film, monkeypatch):
    in_parts = read(model, film)
    monkeypatch.setattr(context, "STEPS_PER_PART", 256)
    assert torch.equal(read(model, film), in_parts)


def test_what_was_looked_at_once_is_not_looked_at_again(model, film):
    first = read(model, film)

    def nothing(*_: object):
        raise AssertionError("the video was decoded again")

    assert torch.equal(read(model, film, stream_frames=nothing), first)
    assert model.encoder.num_seen == len(first)


@pytest.mark.usefixtures("small_parts")
def test_a_video_that_fills_its_last_part_is_known_to_be_over(model, film):
    def first_half(path, rate, short_side):
        return itertools.islice(decode.stream_frames(path, rate, short_side), 32)

    for _ in range(2):
        assert len(read(model, film, stream_frames=first_half)) == 32
    assert model.encoder.num_seen == 32


def test_another_rate_is_another_question(model, film):
    assert len(read(model, film, 4.0)) == 38
    assert len(read(model, film, 2.0)) == 19
    assert model.encoder.num_seen == 38 + 19


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_run_goes_on_after_its_last_whole_part(model, film):
    def breaks_off(path, rate, short_side):
        yield from itertools.islice(decode.stream_frames(path, rate, short_side), 20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(model, film, stream_frames=breaks_off)
    model.encoder.num_seen = 0
    assert len(read(model, film)) == 38
    assert model.encoder.num_seen == 38 - 16


@pytest.mark.usefixtures("small_parts")
def test_leaving_early_ends_the_reading(model, film):
    is_closed = []

    def endless(*_: object):
        try:
            for number in itertools.count():
                yield number / 4, np.zeros((16, 16, 3), np.uint8)
        finally:
            is_closed.append(True)

    parts = file.vision_features(model, film, 4.0, endless)
    assert next(parts)[0] == 0
    parts.close()
    assert is_closed == [True]


def test_without_a_place_to_keep_them_features_are_given_all_the_same(model, film, cache, caplog):
    cache.write_text("a file where the folder would be")
    with caplog.at_level(logging.WARNING):
        assert len(read(model, film)) == 38
    [record] = caplog.records
    assert "not cached" in record.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told_once(model, film, cache, caplog):
    cache.mkdir(mode=0o500)
    with caplog.at_level(logging.WARNING):
        read(model, film)
    assert len(caplog.records) == 1


def test_a_file_that_is_no_video_is_refused_as_the_decoder_does(model, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="not a video"):
        read(model, tmp_path / "text.mp4")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read(model, tmp_path / "nowhere.mp4")


def test_progress_counts_steps_also_of_what_is_known(model, film):
    for _ in range(2):
        told: list[int] = []
        list(file.vision_features(model, film, 4.0, decode.stream_frames, told.append))
        assert told[-1] == 38


@pytest.mark.usefixtures("small_parts")
def test_a_video_replaced_while_it_is_read_leaves_nothing_behind(model, film, tmp_path, caplog):
    video = tmp_path / "film.mp4"
    video.write_bytes(film.read_bytes())

    def replaced_meanwhile(path, rate, short_side):
        frames = decode.stream_frames(path, rate, short_side)
        yield next(frames)
        (tmp_path / "other").write_bytes(b"\0" + film.read_bytes())
        (tmp_path / "other").replace(video)
        yield from frames

    assert len(read(model, video, stream_frames=replaced_meanwhile)) == 38
    assert "changed while it was read" in caplog.text

    def nothing(*_: object):
        raise AssertionError("decoded")

    for content in (video.read_bytes(), film.read_bytes()):
        video.write_bytes(content)
        with pytest.raises(AssertionError, match="decoded"):
            read(model, video, stream_frames=nothing)
