import csv
import io
import json
from fractions import Fraction

import av
import numpy as np
import pytest

from actionclip.timeline import export
from actionclip.timeline.moments import Moment
from actionclip.video import decode
from actionclip.video.decoder import Decoder, Limits

MOMENTS = [
    Moment(0.0, 2.5, "driving a taxi", 0.75),
    Moment(1.9996, 3725.25, 'a "b", <i>c</i> & d --> e\n\nf', 0.5),
]


def test_json_has_the_public_shape():
    assert json.loads(export.to_json("a.mp4", MOMENTS)) == {
        "video": "a.mp4",
        "moments": [
            {"start_seconds": 0.0, "end_seconds": 2.5, "label": "driving a taxi", "score": 0.75},
            {
                "start_seconds": 1.9996,
                "end_seconds": 3725.25,
                "label": MOMENTS[1].label,
                "score": 0.5,
            },
        ],
    }


def test_csv_gives_back_what_went_in_whatever_the_label():
    rows = list(csv.DictReader(io.StringIO(export.to_csv(MOMENTS), newline="")))
    assert [row["label"] for row in rows] == [moment.label for moment in MOMENTS]
    assert float(rows[1]["end_seconds"]) == 3725.25


def test_srt_counts_cues_and_writes_times_with_a_comma():
    assert export.to_srt(MOMENTS) == (
        "1\n00:00:00,000 --> 00:00:02,500\ndriving a taxi\n\n"
        '2\n00:00:02,000 --> 01:02:05,250\na "b", <i>c</i> & d --> e f\n'
    )


def test_vtt_escapes_what_would_be_read_as_markup_or_time():
    assert export.to_vtt(MOMENTS) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\ndriving a taxi\n"
        '\n00:00:02.000 --> 01:02:05.250\na "b", &lt;i&gt;c&lt;/i&gt; &amp; d --&gt; e f\n'
    )


def test_nothing_found_is_a_valid_file_of_each_kind():
    assert json.loads(export.to_json("a.mp4", [])) == {"video": "a.mp4", "moments": []}
    assert export.to_csv([]) == "start_seconds,end_seconds,label,score\n"
    assert export.to_srt([]) == ""
    assert export.to_vtt([]) == "WEBVTT\n"


OF_THE_FILM = [
    Moment(1.0, 3.0, "red, then/black", 0.8),
    Moment(2.0, 5.0, "nothing?", 0.8),
    Moment(7.0, 9.5, "überholen", 0.8),
]


@pytest.fixture(scope="module")
def clips(film, tmp_path_factory):
    return export.write_clips(film, OF_THE_FILM, tmp_path_factory.mktemp("cut") / "clips")


def test_names_say_what_and_when_and_sort_by_time(clips):
    assert [path.name for path in clips] == [
        "film_001_1.00s_red_then_black.mp4",
        "film_002_2.00s_nothing.mp4",
        "film_003_7.00s_überholen.mp4",
    ]


def test_clips_last_as_long_as_their_moments(clips):
    for path, moment in zip(clips, OF_THE_FILM, strict=True):
        seconds = moment.end_seconds - moment.start_seconds
        assert decode.probe(path).duration_seconds == pytest.approx(seconds, abs=0.11)
        assert decode.probe(path).num_frames == round(10 * seconds)


def test_cuts_are_exact_to_the_frame(clips):
    frames = decode.read_frames(clips[0], range(20)).mean(axis=(1, 2))
    assert np.allclose(frames[:10], [255, 0, 0], atol=8)
    assert np.allclose(frames[10:], [0, 0, 0], atol=8)


def write(path, codec="libx264", options=None, times=None, shape=None, num_frames=40):
    """Frame `n` is as bright as `level(n)`, its upper left quarter is darker."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        (shape or (lambda stream: None))(stream)
        for index in range(num_frames):
            picture = np.full((32, 64, 3), level(index), np.uint8)
            picture[:16, :32] = 16
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = times(index) if times else 100 * index
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def level(index):
    return 40 + 5 * index


def cut(path, start_seconds, end_seconds):
    moment = Moment(start_seconds, end_seconds, "a", 0.8)
    [clip] = export.write_clips(path, [moment], path.parent / "clips")
    return clip


def numbers(path):
    """The numbers of a file's frames, by their brightness."""
    info = decode.probe(path)
    frames = decode.read_frames(path, range(info.num_frames))
    return [round((float(frame.max(axis=(1, 2)).mean()) - 40) / 5) for frame in frames]


OPEN_GOPS = {"x264-params": "open-gop=1:keyint=20:bframes=4:b-pyramid=normal:scenecut=0"}
REFRESHED = {"x264-params": "intra-refresh=1:keyint=20"}
FILES = {
    "long gops.ts": {"options": {"g": "100", "bf": "2"}},
    "open gops.mp4": {"options": OPEN_GOPS},
    "open gops.ts": {"options": OPEN_GOPS},
    "refreshed bit by bit.mp4": {"options": REFRESHED},
    "hevc.mp4": {
        "codec": "libx265",
        "options": {"x265-params": "keyint=20:open-gop=1:log-level=none"},
    },
    "late.mkv": {"times": lambda index: 7000 + 100 * index},
}


@pytest.mark.parametrize("name", FILES)
def test_clips_hold_exactly_the_frames_of_their_moment(name, tmp_path):
    path = write(tmp_path / name, **FILES[name])
    clip = cut(path, 1.3, 2.7)
    assert numbers(clip) == list(range(13, 27))
    assert decode.probe(clip).duration_seconds == pytest.approx(1.4, abs=0.002)


def test_a_frame_that_stays_on_screen_fills_the_clip(tmp_path):
    path = write(tmp_path / "lapse.mkv", times=lambda index: 5000 * index, num_frames=5)
    assert numbers(cut(path, 6.0, 9.0)) == [1]
    clip = cut(path, 8.0, 12.0)
    assert numbers(clip) == [1, 2]
    assert decode.probe(clip).duration_seconds == pytest.approx(4, abs=0.002)
    assert [seconds for seconds, _ in decode.stream_frames(clip, 1.0)] == [0, 1, 2, 3]


def test_frames_keep_their_uneven_times(tmp_path):
    path = write(tmp_path / "uneven.mp4", times=lambda index: 100 * index + 400 * (index // 5))
    clip = cut(path, 0.0, 2.25)
    shown = [round((float(f.max()) - 40) / 5) for _, f in decode.stream_frames(clip, 10.0)]
    assert shown == [0, 1, 2, 3, *[4] * 5, 5, 6, 7, 8, *[9] * 5, 10, 11, 12, 13, 14]


def test_a_clip_that_cannot_be_decoded_to_its_end_leaves_no_file(tmp_path):
    path = write(tmp_path / "video.mp4")
    moments = [Moment(0.0, 0.5, "short", 0.8), Moment(1.0, 3.0, "long", 0.8)]
    with (
        Decoder(Limits(frames=10)) as decoder,
        pytest.raises(ValueError, match="more than 10 frames"),
    ):
        export.write_clips(path, moments, tmp_path / "clips", decoder=decoder)
    assert [clip.name for clip in (tmp_path / "clips").iterdir()] == ["video_001_0.00s_short.mp4"]


def test_a_name_keeps_the_marks_of_its_script_and_a_long_video_name_is_cut(tmp_path):
    path = write(tmp_path / f"{'é' * 124}.mkv")
    [hindi, persian] = export.write_clips(
        path,
        [Moment(0.0, 0.5, "दौड़ना / कूदना", 0.8), Moment(0.0, 0.5, "دویدن!", 0.8)],
        tmp_path / "clips",
    )
    assert hindi.name == f"{'é' * 75}_001_0.00s_दौड़ना_कूदना.mp4"
    assert persian.name.endswith("_دویدن.mp4")


def test_a_long_label_of_any_script_is_cut_to_a_name_that_a_disk_takes(tmp_path):
    path = write(tmp_path / "video.mp4")
    moment = Moment(0.0, 0.5, 90 * "跳", 0.8)
    [clip] = export.write_clips(path, [moment], tmp_path / "clips")
    assert clip.name == f"video_001_0.00s_{20 * '跳'}.mp4"
    assert numbers(clip) == list(range(5))


def full_range_bt709(stream):
    coder = stream.codec_context
    coder.color_range, coder.colorspace, coder.color_primaries, coder.color_trc = 2, 1, 1, 1


def bt2020(stream):
    coder = stream.codec_context
    coder.color_range, coder.colorspace, coder.color_primaries, coder.color_trc = 1, 9, 9, 16


@pytest.mark.parametrize("shape", [full_range_bt709, bt2020])
def test_clips_have_the_colours_that_the_video_has(shape, tmp_path):
    path = write(tmp_path / "video.mp4", shape=shape)
    clip = cut(path, 0.5, 1.5)
    assert colours(clip) == colours(path)
    expected = decode.read_frames(path, [5]).astype(int)
    assert np.abs(decode.read_frames(clip, [0]) - expected).max() <= 6


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
        ("motion jpeg.avi", "mjpeg", "yuvj420p"),
        ("h264.mp4", "libx264", "yuv420p"),
    ],
)
def test_chroma_lies_where_it_does_in_the_video(name, codec, pixels, tmp_path):
    """Red and blue stripes: half a pixel to the side is another picture."""
    stripes = np.zeros((32, 64, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = (230, 20, 20)
    stripes[:, 5::8] = stripes[:, 6::8] = (20, 20, 230)
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, pixels
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stripes, format="rgb24")))
        container.mux(stream.encode())
    expected = decode.read_frames(path, [5]).astype(int)
    assert np.abs(decode.read_frames(cut(path, 0.5, 0.9), [0]) - expected).mean() < 3


def colours(path):
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc


def test_clips_of_rgb_have_the_colours_that_the_video_has(tmp_path):
    path = tmp_path / "video.mkv"
    colour = np.full((32, 64, 3), (200, 30, 90), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "bgr0"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(colour, format="rgb24")))
        container.mux(stream.encode())
    assert np.abs(decode.read_frames(cut(path, 0.2, 0.8), [1])[0] - colour.astype(int)).max() <= 4


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_clips_are_turned_mirrored_and_stretched_as_the_video_is(degrees, is_mirrored, tmp_path):
    def shape(stream):
        stream.set_display_rotation(degrees, hflip=is_mirrored)
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = write(tmp_path / "video.mp4", shape=shape)
    clip = cut(path, 0.5, 1.5)
    whole, part = decode.probe(path), decode.probe(clip)
    assert (part.width, part.height) == (whole.width, whole.height)
    assert sorted((part.width, part.height)) == [32, 85]
    expected = decode.read_frames(path, [5]).astype(int)
    assert np.abs(decode.read_frames(clip, [0]) - expected).mean() < 3


def test_clips_of_an_interlaced_video_show_what_the_model_sees(tmp_path):
    path = write(tmp_path / "video.ts", options={"x264-params": "tff=1"})
    clip = cut(path, 0.5, 1.5)
    assert decode.read_frames(clip, [0]).shape == (1, 32, 64, 3)
    assert numbers(clip) == list(range(5, 15))


def test_a_picture_of_odd_size_loses_a_row_and_a_column(tmp_path):
    def shape(stream):
        stream.width, stream.height, stream.pix_fmt = 63, 31, "yuv444p"

    path = write(tmp_path / "video.mkv", shape=shape)
    clip = cut(path, 0.5, 1.5)
    expected = decode.read_frames(path, [5])[:, :30, :62].astype(int)
    assert np.abs(decode.read_frames(clip, [0]) - expected).mean() < 3
