"""With the official conventions, the same frames and weights give the official scores."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from actionclip import conventions
from actionclip.data import reading
from actionclip.data.annotations import Example
from actionclip.data.clips import Sampling
from actionclip.data.dataset import TestViews
from actionclip.evaluation import evaluate
from actionclip.evaluation.evaluate import Conditions, EvaluatedModel
from actionclip.evaluation.scoring import Views
from actionclip.model.actionclip import ActionCLIP
from actionclip.recognizer import Recognizer
from actionclip.text import prompts
from actionclip.video import decode

LABELS = ("MovingLeft", "moving_right", "still")
NUM_FRAMES = 11


@pytest.fixture(scope="module")
def frame_folders(tmp_path_factory) -> Path:
    """Extracted frames and lists as the official code reads them; 16:9, scaled to 65 x 36."""
    folder = tmp_path_factory.mktemp("official")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:72, 0:130]
    lines = []
    for number in range(6):
        (folder / f"clip{number}").mkdir()
        phases, speeds = rng.uniform(0, 6, 3), rng.uniform(0.02, 0.2, (3, 2))
        for index in range(NUM_FRAMES):
            waves = [
                127 + 120 * np.sin(phase + down * y + across * x + index)
                for phase, (down, across) in zip(phases, speeds, strict=True)
            ]
            picture = Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))
            picture.save(folder / f"clip{number}" / f"img_{index + 1:05d}.jpg", quality=90)
        lines.append(f"clip{number} {NUM_FRAMES} {number % 3}")
    (folder / "val_rgb_split1.txt").write_text("\n".join(lines) + "\n")
    rows = [f"{number},{name}" for number, name in enumerate(LABELS)]
    (folder / "labels.csv").write_text("id,name\n" + "\n".join(rows) + "\n")
    return folder


@pytest.fixture
def golden_model(shared, tiny_clip) -> ActionCLIP:
    """Official weights, whose features are tested elsewhere, with a tokenizer of few words."""
    model = ActionCLIP.load(shared / "golden" / "Transf.checkpoint.pt")
    model.encoder.tokenizer = ActionCLIP.load(tiny_clip).encoder.tokenizer
    with torch.no_grad():
        model.logit_scale.fill_(np.log(60))  # as if it had learned
    return model


@torch.inference_mode()
def official_scores(model: ActionCLIP, folder: Path, names: tuple[str, ...]) -> torch.Tensor:
    """Score all clips step by step as test.py does."""
    segment = (NUM_FRAMES / 8 - 1) / 2.0
    indices = [int(number * NUM_FRAMES / 8 + segment) + 1 for number in range(8)]
    clips = []
    for clip in sorted(folder.glob("clip*")):
        pictures = [Image.open(clip / f"img_{index:05d}.jpg").convert("RGB") for index in indices]
        size = (int(36 * 130 / 72), 36)
        scaled = [picture.resize(size, Image.Resampling.BICUBIC) for picture in pictures]
        left, top = round((size[0] - 32) / 2.0), round((size[1] - 32) / 2.0)
        cropped = [picture.crop((left, top, left + 32, top + 32)) for picture in scaled]
        pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in cropped]))
        clips.append(pixels.permute(0, 3, 1, 2).float() / 255)
    texts = [template.replace("{}", name) for template in prompts.PAPER for name in names]
    text_features = model.text_features(model.tokenize(texts))
    clip_features = model.clip_features(model.frame_features(torch.stack(clips)))
    clip_features /= clip_features.norm(dim=-1, keepdim=True)
    text_features /= text_features.norm(dim=-1, keepdim=True)
    similarity = 100.0 * clip_features @ text_features.T
    return similarity.view(len(clips), 16, -1).softmax(dim=-1).mean(dim=1)


def scores_of(report) -> torch.Tensor:
    """Give the score of each clip's own label."""
    return torch.tensor([clip.score for clip in report.clips])


def test_the_same_frames_and_weights_give_the_official_scores(golden_model, frame_folders):
    annotations = evaluate.read(frame_folders / "val_rgb_split1.txt")
    subject = EvaluatedModel(Recognizer(golden_model), "golden", prompts.PAPER)
    own = torch.arange(6) % 3

    def evaluated(chosen: conventions.Conventions):
        conditions = Conditions(conventions=chosen)
        return evaluate.run(subject, annotations, frame_folders, conditions).report

    expected = official_scores(golden_model, frame_folders, LABELS)[torch.arange(6), own]
    report = evaluated(conventions.OFFICIAL)
    torch.testing.assert_close(scores_of(report), expected, atol=1e-5, rtol=0)
    assert report.setting.like == "official"
    assert report.labels == ("moving left", "moving right", "still")
    default = evaluated(conventions.DEFAULT)
    assert default.setting.like == "default"
    assert (scores_of(default) - expected).abs().max() > 1e-3


def test_nothing_is_dropped_at_the_end_as_the_official_code_does(golden_model, frame_folders):
    annotations = evaluate.read(frame_folders / "val_rgb_split1.txt")
    subject = EvaluatedModel(Recognizer(golden_model), "golden", prompts.PAPER)
    conditions = Conditions(conventions=conventions.OFFICIAL)
    found = evaluate.run(subject, annotations, frame_folders, conditions, batch_size=4)
    assert len(found.report.clips) == 6


def test_a_video_is_scaled_by_pillow_from_its_full_frames(golden_model, tmp_path):
    video = tmp_path / "a" / "clip.mp4"
    video.parent.mkdir()
    rng = np.random.default_rng(1)
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 130, 72, "yuv420p"
        small = rng.integers(0, 256, (10, 9, 16, 3), dtype=np.uint8)
        for frame in small:
            picture = np.asarray(Image.fromarray(frame).resize((130, 72)))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "clip.mp4").write_bytes(video.read_bytes())
    example = reading.read(tmp_path).examples[0]
    views = Views(Sampling(8), conventions=conventions.OFFICIAL)
    shown = TestViews(
        reading.read(tmp_path), views.sampling, 36, 32, conventions=conventions.OFFICIAL
    )[0]
    full = decode.read_frames(example.video, views.sampling.windows(10, 1)[0])
    for ours, frame in zip(shown.clip[0], full, strict=True):
        scaled = Image.fromarray(frame).resize((65, 36), Image.Resampling.BICUBIC)
        expected = np.asarray(scaled.crop((16, 2, 48, 34)))  # 16.5 is rounded to the even 16
        assert np.array_equal(ours.permute(1, 2, 0).numpy(), expected)


def test_kept_features_of_one_convention_are_not_taken_for_another(moving_square):
    example = Example(moving_square, ("a",), "val", "x")
    default = Views(Sampling(4)).cache_entry(example)
    official = Views(Sampling(4), conventions=conventions.OFFICIAL)
    assert official.cache_entry(example) == {**default, "like": "official"}


def test_unknown_conventions_are_one_line():
    with pytest.raises(ValueError, match=r"^--like: unknown 'oficial'; known: \['default', "):
        conventions.check("oficial", "--like")
