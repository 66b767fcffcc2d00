import gc
import threading
import weakref

import pytest
import torch

from actionclip.core import encode
from actionclip.core.labels import LabelEmbedder
from actionclip.model import fingerprint
from actionclip.model.actionclip import ActionCLIP

PROMPTS = {"frames": {}, "joint": {"joint": True}, "shift": {"shift": True}}


@pytest.fixture(params=[*PROMPTS, "lite"])
def model(request, tiny_clip) -> ActionCLIP:
    if request.param == "lite":
        return ActionCLIP.load("lite")
    return ActionCLIP.load(tiny_clip, **PROMPTS[request.param])


def clips_for(model: ActionCLIP, number: int, num_frames: int = 4) -> torch.Tensor:
    size = model.encoder.image_size
    rng = torch.Generator().manual_seed(0)
    return torch.randint(256, (number, num_frames, 3, size, size), generator=rng).byte()


@torch.no_grad()
def change(weights: torch.Tensor) -> None:
    weights.add_(torch.linspace(1, 2, weights.numel()).reshape(weights.shape).to(weights.dtype))


def test_every_weight_that_changes_features_changes_what_they_are_stored_under(model):
    clips, encoder = clips_for(model, 1), model.encoder
    before, made_by = encode.vision_features(model, clips), encode.depends_on(model)
    on_path = 0
    tensors = dict(encoder.state_dict(keep_vars=True))
    if model.config.encoder == "lite":  # some of each kind; there are hundreds
        tensors = {
            name: one for number, (name, one) in enumerate(tensors.items()) if number % 29 == 0
        }
    for name, weights in tensors.items():
        if not weights.is_floating_point() or "num_batches" in name:
            continue
        kept = weights.detach().clone()
        change(weights)
        is_other = not torch.equal(encode.vision_features(model, clips), before)
        if is_other:
            on_path += 1
            assert encode.depends_on(model) != made_by, name
        with torch.no_grad():
            weights.copy_(kept)
    assert on_path > 5
    assert torch.equal(encode.vision_features(model, clips), before)
    assert encode.depends_on(model) == made_by


def test_two_models_that_differ_in_their_positions_in_time_share_no_features(tiny_clip):
    one, other = (ActionCLIP.load(tiny_clip, joint=True) for _ in range(2))
    assert encode.depends_on(one) == encode.depends_on(other)
    change(other.encoder.time_positions)
    assert encode.depends_on(one) != encode.depends_on(other)


def test_another_head_or_projection_leaves_the_features(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    made_by = encode.depends_on(model)
    change(model.encoder.visual_projection.weight)
    for parameter in [*model.temporal_head.parameters(), *model.encoder.text_tower.parameters()]:
        change(parameter)
    assert encode.depends_on(model) == made_by


def test_features_depend_on_precision_and_runtime(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    made_by = encode.depends_on(model)
    assert made_by["runtime"] == ["cpu", f"torch {torch.__version__}"]
    assert made_by != encode.depends_on(model.in_precision("bf16"))
    lite = encode.depends_on(ActionCLIP.load("lite"))
    assert any(library.startswith("onnxruntime ") for library in lite["runtime"])


@pytest.mark.parametrize("how", ["copy_", "data", "optimizer", "load_state_dict"])
def test_a_fingerprint_follows_the_weights_however_they_are_changed(tiny_clip, how):
    encoder = ActionCLIP.load(tiny_clip).encoder
    weights = encoder.vision_tower.post_layernorm.weight
    before = fingerprint.of_weights(encoder)
    if how == "copy_":
        change(weights)
    elif how == "data":
        weights.data += 0.5
    elif how == "optimizer":
        weights.grad = torch.ones_like(weights)
        torch.optim.SGD([weights], lr=0.5).step()
    else:
        state = encoder.state_dict()
        state["vision_tower.post_layernorm.weight"] = weights.detach() * 2
        encoder.load_state_dict(state)
    assert fingerprint.of_weights(encoder) != before


def test_a_fingerprint_is_of_the_weights_and_nothing_else():
    tower = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    before = fingerprint.of_weights(tower)
    tower.eval().requires_grad_(False)
    assert fingerprint.of_weights(tower) == before
    tower[1].running_mean[0] += 1e-6
    assert fingerprint.of_weights(tower) != before


def test_weights_are_hashed_once(tiny_clip, monkeypatch):
    model = ActionCLIP.load(tiny_clip)
    made_by = encode.depends_on(model)
    monkeypatch.setattr(fingerprint, "bytes_of", None)  # it would fail
    assert encode.depends_on(model) == made_by


def test_a_fingerprint_keeps_no_model_alive(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    fingerprint.of_weights(model.encoder)
    encoder = weakref.ref(model.encoder)
    del model
    gc.collect()
    assert encoder() is None


@pytest.mark.parametrize("num_frames", [1, 4, 40])
def test_memory_is_bounded_in_frames_and_a_clip_stays_whole(tiny_clip, monkeypatch, num_frames):
    model = ActionCLIP.load(tiny_clip)
    clips = clips_for(model, 9, num_frames)
    together = model.vision_features(clips.float() / 255).detach()
    shapes, tower = [], model.encoder.vision_features

    def spy(part: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(part.shape[:2]))
        return tower(part)

    monkeypatch.setattr(model.encoder, "vision_features", spy)
    torch.testing.assert_close(encode.vision_features(model, clips), together)
    assert {frames for _, frames in shapes} == {num_frames}
    at_once = max(1, encode.MAX_FRAMES_ON_CPU // num_frames)
    assert max(number for number, _ in shapes) == min(9, at_once)


def test_uint8_and_float_frames_give_the_same_features(model):
    clips = clips_for(model, 2)
    floats = clips.float().div_(255)
    assert torch.equal(encode.vision_features(model, clips), encode.vision_features(model, floats))
    assert torch.equal(
        encode.embed_rows(model, encode.vision_features(model, clips)),
        encode.embed_rows(model, encode.vision_features(model, floats)),
    )


@pytest.mark.parametrize("how", ["copy_", "data"])
def test_labels_are_embedded_again_after_the_weights_have_changed(tiny_clip, how):
    model = ActionCLIP.load(tiny_clip)
    labels = LabelEmbedder(model)
    before = labels.embed(["left", "right"], ["a {}"])
    weights = model.encoder.text_tower.final_layer_norm.weight
    if how == "data":
        weights.data *= torch.linspace(1, 3, len(weights))
    else:
        change(weights)
    after = labels.embed(["left", "right"], ["a {}"])
    assert not torch.allclose(before, after)
    assert torch.equal(after, LabelEmbedder(model).embed(["left", "right"], ["a {}"]))


def test_many_labels_on_disk_are_those_of_the_present_weights(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    labels, many = LabelEmbedder(model), [f"label {number}" for number in range(80)]
    before = labels.embed(many, ["{}"])
    change(model.encoder.text_tower.final_layer_norm.bias)
    after = labels.embed(many, ["{}"])
    assert not torch.allclose(before, after)
    assert torch.equal(after, LabelEmbedder(model).embed(many, ["{}"]))


def test_threads_that_ask_for_labels_at_once_get_the_same(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    labels, found = LabelEmbedder(model), []
    threads = [
        threading.Thread(target=lambda: found.append(labels.embed(["left", "right"], ["a {}"])))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(one, found[0]) for one in found)
    assert len(found) == 8
