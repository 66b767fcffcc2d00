import numpy as np
import pytest
import torch

from actionclip import Recognizer
from actionclip.core import frames

GOOD = np.random.default_rng(0).integers(0, 256, (6, 20, 24, 3), np.uint8)
LABELS = ["swimming", "cooking"]


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.load("lite")


BAD = {
    "0…1": (GOOD / 255, r"type float64; values in 0…1: give \(255 \* frames\)"),
    "0…1 fp32": ((GOOD / 255).astype(np.float32), "values in 0…1"),
    "0…1 fp16": ((GOOD / 255).astype(np.float16), "values in 0…1"),
    "0…255": (GOOD.astype(np.float32), "values in 0…255: give frames.round"),
    "normalised": ((GOOD - 127.0) / 50, "perhaps normalised by a mean"),
    "nan": (np.full_like(GOOD, np.nan, dtype=np.float32), "outside 0…255"),
    "int64": (GOOD.astype(np.int64), r"type int64; give frames.astype\('uint8'\)"),
    "int8": (GOOD.astype(np.int8), "type int8; values outside 0…255"),
    "uint16": (GOOD.astype(np.uint16) * 257, "values outside 0…255: scale them"),
    "bool": (GOOD > 127, "type bool; give frames as uint8"),
    "text": (np.full((1, 1, 1, 3), "a"), "give frames as uint8"),
    "one image": (GOOD[0], r"20 × 24 × 3: this is one image; give image\[None\]"),
    "one float image": (GOOD[0] / 255, "this is one image"),
    "one image, channels first": (GOOD[0].transpose(2, 0, 1), "one image, channels first"),
    "grey": (GOOD[..., 0], "without colours"),
    "one grey image": (GOOD[0, ..., 0], "one grey image"),
    "one channel": (GOOD[..., :1], "one channel"),
    "RGBA": (GOOD[..., [0, 1, 2, 2]], r"four channels; give frames\[..., :3\]"),
    "channels first": (GOOD.transpose(0, 3, 1, 2), r"give frames.transpose\(0, 2, 3, 1\)"),
    "channels first, then frames": (GOOD.transpose(3, 0, 1, 2), r"transpose\(1, 2, 3, 0\)"),
    "several videos": (GOOD[None], "several videos"),
    "no frame": (GOOD[:0], "holds no frame"),
    "no pixel": (GOOD[:, :0], "hold no pixel"),
    "an empty list": ([], "holds no frame"),
    "a number": (np.array(3), "give frames as uint8"),
    "a list of unlike frames": ([GOOD[0], GOOD[0, :10]], "differ in shape"),
    "a float tensor": (torch.rand(6, 20, 24, 3), "values in 0…1"),
    "a tensor in bf16": (torch.rand(6, 20, 24, 3).bfloat16(), "values in 0…1"),
    "a tensor as models take it": (torch.rand(6, 3, 20, 24), "channels come first"),
}


@pytest.mark.parametrize("bad", BAD)
def test_frames_that_would_give_other_scores_are_refused_with_a_remedy(recognizer, bad):
    video, complaint = BAD[bad]
    for operation in (
        lambda: recognizer.recognize(video, LABELS),
        lambda: recognizer.read_frames(video),
    ):
        with pytest.raises(ValueError, match=complaint) as error:
            operation()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "same",
    [list(GOOD), torch.from_numpy(GOOD), np.asfortranarray(GOOD), tuple(GOOD), GOOD[::-1][::-1]],
    ids=["list", "tensor", "other strides", "tuple", "a view"],
)
def test_the_same_frames_in_another_container_give_the_same_scores(recognizer, same):
    assert recognizer.recognize(same, LABELS) == recognizer.recognize(GOOD, LABELS)


def test_read_only_frames_are_taken(recognizer):
    frozen = GOOD.copy()
    frozen.flags.writeable = False
    assert recognizer.recognize(frozen, LABELS) == recognizer.recognize(GOOD, LABELS)


def test_timelines_need_a_file(recognizer):
    for call in (recognizer.timeline, recognizer.find_moments):
        with pytest.raises(ValueError, match="timeline: needs a video file, not an array"):
            call(GOOD, LABELS)
    with pytest.raises(ValueError, match="watch: needs a video file"):
        recognizer.watch(GOOD, LABELS)
    with pytest.raises(ValueError, match="recognize_all: needs a video file"):
        list(recognizer.recognize_all([GOOD], LABELS))


def test_one_path_is_not_a_list_of_paths(recognizer, moving_square):
    with pytest.raises(ValueError, match=r"is one path; give a list"):
        list(recognizer.recognize_all(str(moving_square), LABELS))


@pytest.mark.parametrize("value", [None, 7, b"video.mp4", {"a": 1}])
def test_what_is_no_video_is_named(value):
    with pytest.raises(ValueError, match="a video is a file or its frames, not "):
        frames.check(value)
