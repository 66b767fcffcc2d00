"""`mini`: a small CLIP that comes with the package, pre-trained on drawn figures."""

from pathlib import Path

import pytest
import torch
from transformers import CLIPModel

from actionclip.data.stick_figures import pictures
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.temporal_heads import HEADS
from actionclip.text import prompts
from actionclip.video import transforms

DATA = Path(__file__).parents[2] / "src/actionclip/model/encoders/mini_data"


@pytest.fixture(scope="module")
def mini() -> ActionCLIP:
    return ActionCLIP.load("mini")


@pytest.fixture(scope="module")
def stills(mini) -> tuple[torch.Tensor, list[str]]:
    """Pictures of a seed that it was not trained on, as clips of one frame, and their poses."""
    drawn = [pictures.draw(index, 12) for index in range(120)]
    size = mini.encoder.short_side, mini.encoder.image_size
    clips = [transforms.test_clip(picture.pixels[None], *size) for picture in drawn]
    return torch.stack(clips), [picture.label for picture in drawn]


@torch.inference_mode()
def accuracy(model: ActionCLIP, stills: tuple[torch.Tensor, list[str]], template: str) -> float:
    clips, labels = stills
    texts = model.embed_texts(prompts.fill([template], pictures.LABELS))
    best = (model.embed_clips(clips) @ texts.T).argmax(dim=1).tolist()
    named = [pictures.LABELS[index] == label for index, label in zip(best, labels, strict=True)]
    return sum(named) / len(named)


@pytest.mark.parametrize("template", ["{}", "a person {}", "a video of {}"])
def test_it_names_poses_that_it_knows_from_captions_only(mini, stills, template):
    assert accuracy(mini, stills, template) > 0.9  # chance is 1 of 15


def test_what_it_knows_is_in_both_towers(stills):
    for tower in ("vision_tower", "text_tower"):
        model = ActionCLIP.load("mini")
        torch.manual_seed(0)
        for weights in model.encoder.get_submodule(tower).parameters():
            torch.nn.init.normal_(weights, std=0.02)
        assert accuracy(model, stills, "{}") < 0.3


@torch.inference_mode()
def test_its_features_are_those_of_transformers_for_the_same_files(mini):
    theirs = CLIPModel.from_pretrained(DATA, dtype=torch.float32).eval()
    clips = torch.rand(2, 3, 3, 72, 72, generator=torch.Generator().manual_seed(0))
    pixels = (clips.flatten(0, 1) - mini.encoder.pixel_mean) / mini.encoder.pixel_std
    expected = theirs.get_image_features(pixel_values=pixels).pooler_output
    torch.testing.assert_close(
        mini.frame_features(clips).flatten(0, 1), expected, rtol=1e-4, atol=1e-5
    )
    tokens = mini.tokenize(["a person kneeling", "an orange shirt"])
    expected = theirs.get_text_features(input_ids=tokens).pooler_output
    torch.testing.assert_close(mini.text_features(tokens), expected, rtol=1e-4, atol=1e-5)


def test_its_name_and_its_folder_are_the_same_model(mini):
    by_folder = ActionCLIP.load(DATA)
    assert by_folder.config == mini.config
    found, expected = by_folder.state_dict(), mini.state_dict()
    assert all(torch.equal(found[name], weights) for name, weights in expected.items())


@pytest.mark.parametrize("head", HEADS)
def test_every_head_takes_its_frames_in_order(head):
    model = ActionCLIP.load("mini", temporal_head=head)
    embeddings = model.embed_clips(torch.rand(2, 8, 3, 72, 72))
    assert embeddings.shape == (2, 128)


@pytest.mark.parametrize("prompt", ["joint", "shift"])
def test_the_visual_prompts_of_the_paper_learn_on_it(prompt):
    model = ActionCLIP.load("mini", temporal_head="mean", **{prompt: True})
    clips = torch.rand(4, 8, 3, 72, 72, generator=torch.Generator().manual_seed(0))
    texts = model.embed_texts(["raising one arm", "kneeling", "sitting", "squatting"]).detach()
    optimizer = torch.optim.AdamW(model.encoder.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        logits = model.scale * model.embed_clips(clips) @ texts.T
        loss = torch.nn.functional.cross_entropy(logits, torch.arange(4))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    if prompt == "joint":
        assert model.encoder.time_positions.abs().sum() > 0


def test_a_saved_one_is_the_same_model(mini, tmp_path):
    mini.save(tmp_path / "saved")
    again = ActionCLIP.load(tmp_path / "saved")
    assert again.config == mini.config
    assert again.tokenize(["kneeling"]).equal(mini.tokenize(["kneeling"]))
    clips = torch.rand(1, 8, 3, 72, 72)
    assert again.embed_clips(clips).equal(mini.embed_clips(clips))


def test_its_weights_are_small_and_half_precision():
    weights = DATA / "model.safetensors"
    assert weights.stat().st_size < 5e6
    stored = CLIPModel.from_pretrained(DATA)
    assert {parameter.dtype for parameter in stored.parameters()} == {torch.float16}


def test_its_words_are_those_of_its_own_captions_and_no_byte_is_unknown(mini):
    tokens = mini.encoder.tokenizer.encode("a person in a purple shirt").tokens
    assert tokens[1:-1] == ["a</w>", "person</w>", "in</w>", "a</w>", "purple</w>", "shirt</w>"]
    assert "<|endoftext|>" not in mini.encoder.tokenizer.encode("żółć 滑雪").tokens[1:-1]
