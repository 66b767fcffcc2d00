from pathlib import Path

import pytest
import torch

from actionclip.data.annotations import Annotations, Example
from actionclip.data.augmentation import Augmentation
from actionclip.data.clips import Sampling
from actionclip.data.dataset import Cropped, Damage, Sample, TestViews, TrainingClips

SIZE = 32
SHORT_SIDE = 36


def data_set(*videos: Path) -> Annotations:
    examples = tuple(Example(video, ("left", "wave"), "train", "here") for video in videos)
    return Annotations(examples, ("jump", "left", "wave"))


def training(video: Path, transform=None, **options) -> TrainingClips:
    return TrainingClips(
        data_set(video), Sampling(4), transform or Cropped(SIZE), short_side=48, **options
    )


def sample(item: Sample | Damage) -> Sample:
    assert isinstance(item, Sample)
    return item


def test_a_training_clip_has_the_models_size(moving_square):
    clip, example, time_errors = sample(training(moving_square)[0, 0])
    assert clip.shape == (4, 3, SIZE, SIZE)
    assert example == 0
    assert time_errors.tolist() == [0, 0, 0, 0]


def test_keyframes_stand_in_for_the_wanted_frames_and_the_time_errors_are_told(moving_square):
    keyframes = Sampling(4, "keyframes")  # the video has one, its first frame
    drawn = sample(
        TrainingClips(data_set(moving_square), keyframes, Cropped(SIZE), short_side=48)[0, 0]
    )
    assert (drawn.clip == drawn.clip[0]).all()
    assert 0 < drawn.time_errors.max() < 1.91
    shown = sample(TestViews(data_set(moving_square), keyframes, 48, SIZE, num_windows=2)[0])
    assert (shown.clip == shown.clip[0, 0]).all()
    assert shown.time_errors == pytest.approx([0, 0.5, 1, 1.5, 0.3, 0.8, 1.3, 1.8], abs=0.11)


def test_the_same_seed_gives_the_same_clip_and_another_one_another(moving_square):
    clips = training(moving_square, Augmentation(SIZE))
    assert torch.equal(sample(clips[0, 5]).clip, sample(clips[0, 5]).clip)
    assert not torch.equal(sample(clips[0, 5]).clip, sample(clips[0, 6]).clip)


@pytest.mark.parametrize(
    ("one_sided", "mirror"), [((), True), (("left",), False), (("jump",), True)]
)
def test_clips_of_one_sided_labels_are_not_mirrored(moving_square, one_sided, mirror):
    seen = []

    def transform(frames, seed, mirror):
        seen.append(mirror)
        return Cropped(SIZE)(frames, seed, mirror)

    training(moving_square, transform, one_sided=one_sided)[0, 0]
    assert seen == [mirror]


def test_views_are_windows_times_crops(moving_square):
    views = TestViews(
        data_set(moving_square), Sampling(4), SHORT_SIDE, SIZE, num_windows=2, num_crops=3
    )
    clips = sample(views[0]).clip
    assert clips.shape == (6, 4, 3, SIZE, SIZE)
    for window in range(2):
        left, middle, right = clips[3 * window : 3 * window + 3]
        assert not torch.equal(left, middle)
        assert not torch.equal(middle, right)
    [middle_view] = sample(
        TestViews(data_set(moving_square), Sampling(4), SHORT_SIDE, SIZE, num_windows=1)[0]
    ).clip
    two_windows = TestViews(data_set(moving_square), Sampling(4), SHORT_SIDE, SIZE, num_windows=2)
    assert torch.equal(sample(two_windows[0]).clip, clips[[1, 4]])
    assert middle_view.shape == clips[0].shape


def test_only_one_or_three_crops_are_known(moving_square):
    with pytest.raises(ValueError, match="2 crops"):
        TestViews(data_set(moving_square), Sampling(4), SHORT_SIDE, SIZE, num_crops=2)


@pytest.mark.parametrize("content", [b"", b"not a video at all"])
def test_a_broken_video_becomes_a_damage_with_its_reason(tmp_path, content):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content)
    for item in (
        training(broken)[0, 0],
        TestViews(data_set(broken), Sampling(4), SHORT_SIDE, SIZE)[0],
    ):
        assert isinstance(item, Damage)
        assert "broken.mp4" in item.reason


def test_a_video_that_is_gone_becomes_a_damage(tmp_path):
    assert isinstance(training(tmp_path / "gone.mp4")[0, 0], Damage)
