import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.model import temporal_heads
from actionclip.model.config import ModelConfig
from actionclip.model.temporal_heads import HEADS

WIDTH = 16
ORDERED_HEADS = [name for name in HEADS if name != "mean"]


def random_head(name: str, residual: bool = False) -> nn.Module:
    torch.manual_seed(0)
    config = ModelConfig(
        encoder="lite",
        temporal_head=name,
        num_attention_heads=2,
        num_positions=10,
        residual=residual,
    )
    head = config.build_head(WIDTH).eval()
    for parameter in head.parameters():  # the official start is close to doing nothing
        nn.init.normal_(parameter, std=0.3)
    return head


@given(num_frames=st.integers(1, 10), seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_mean_ignores_the_order_of_the_frames(num_frames: int, seed: int):
    features = torch.randn(2, num_frames, WIDTH, generator=torch.Generator().manual_seed(seed))
    shuffled = features[:, torch.randperm(num_frames)]
    head = random_head("mean")
    torch.testing.assert_close(head(shuffled), head(features))


@pytest.mark.parametrize("name", ORDERED_HEADS)
@torch.inference_mode()
def test_all_other_heads_notice_that_a_clip_runs_backwards(name: str):
    features = torch.randn(2, 8, WIDTH)
    head = random_head(name)
    assert (head(features.flip(1)) - head(features)).abs().max() > 1e-3


@pytest.mark.parametrize("name", list(HEADS))
@torch.inference_mode()
def test_clips_of_a_batch_do_not_leak_into_each_other(name: str):
    features = torch.randn(3, 8, WIDTH)
    head = random_head(name)
    alone = torch.cat([head(clip[None]) for clip in features])
    torch.testing.assert_close(head(features), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(HEADS))
def test_a_head_that_starts_as_identity_points_where_the_mean_does(name: str):
    head = random_head(name, residual=name == "transformer_cls")
    torch.no_grad()(head.start_as_identity)()
    features = torch.randn(3, 8, WIDTH)
    torch.testing.assert_close(
        F.normalize(head(features), dim=-1), F.normalize(features.mean(dim=1), dim=-1)
    )


@pytest.mark.parametrize("name", ORDERED_HEADS)
def test_training_moves_a_head_that_starts_as_identity(name: str):
    head = random_head(name, residual=name == "transformer_cls")
    torch.no_grad()(head.start_as_identity)()
    features, target = torch.randn(4, 8, WIDTH), torch.randn(4, WIDTH)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = F.mse_loss(head(features), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("name", ["transformer", "transformer_cls"])
def test_more_frames_than_positions_are_refused_in_a_sentence(name: str):
    with pytest.raises(ValueError, match=r"clips of 11 frames, but .* positions for 10"):
        random_head(name)(torch.randn(1, 11, WIDTH))


@torch.inference_mode()
def test_conv_mixes_each_channel_with_itself_in_the_frames_beside_it():
    head = random_head("conv")
    assert isinstance(head, temporal_heads.Conv)
    kernel = head.shift.weight[:, 0]  # (D, 3)
    features = torch.randn(1, 4, WIDTH)
    padded = F.pad(features[0], (0, 0, 1, 1))  # (6, D)
    mixed = sum(padded[tap : tap + 4] * kernel[:, tap] for tap in range(3))
    torch.testing.assert_close(head(features)[0], (features[0] + mixed).mean(dim=0))


@torch.inference_mode()
def test_conv_official_reads_frames_as_channels():
    head = random_head("conv_official")
    assert isinstance(head, temporal_heads.ConvOfficial)
    features = torch.randn(2, 8, WIDTH)
    read = features.contiguous().view(-1, WIDTH, 8)
    mixed = F.conv1d(read, head.shift.weight, padding=1, groups=WIDTH).permute(0, 2, 1)
    torch.testing.assert_close(head(features), (mixed + features).mean(dim=1))


@torch.inference_mode()
def test_lstm_is_the_recurrence_of_the_textbook():
    head = random_head("lstm")
    weights = {name.removeprefix("lstm_visual."): w for name, w in head.state_dict().items()}
    features = torch.randn(2, 8, WIDTH)
    hidden, cell, states = torch.zeros(2, WIDTH), torch.zeros(2, WIDTH), []
    for frame in features.unbind(dim=1):
        gates = frame @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
        gates = gates + hidden @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]
        enter, forget, candidate, leave = gates.chunk(4, dim=-1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        states.append(hidden)
    expected = (torch.stack(states, dim=1) + features).mean(dim=1)
    torch.testing.assert_close(head(features), expected, rtol=1e-5, atol=1e-6)


def attend(x: Tensor, weights: dict[str, Tensor], num_heads: int) -> Tensor:
    """Softmax attention over (B, T, D), head by head."""
    query, key, value = (x @ weights["in_proj_weight"].T + weights["in_proj_bias"]).chunk(3, -1)
    outputs = []
    for q, k, v in zip(*(part.chunk(num_heads, -1) for part in (query, key, value)), strict=True):
        outputs.append((q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(dim=-1) @ v)
    return torch.cat(outputs, dim=-1) @ weights["out_proj.weight"].T + weights["out_proj.bias"]


def part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}


def normed(x: Tensor, weights: dict[str, Tensor], name: str, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)


@torch.inference_mode()
def test_transformer_cls_is_the_official_arithmetic():
    head = random_head("transformer_cls")
    weights = part(head.state_dict(), "transformer.")
    features = torch.randn(2, 8, WIDTH)
    x = torch.cat([weights["cls_token"].expand(2, -1, -1), features], dim=1)
    x = x + weights["pos_embed"][:, :9]
    for layer in range(6):
        w = part(weights, f"transformer_enc.layers.{layer}.")
        x = normed(x + attend(x, part(w, "self_attn."), 2), w, "norm1", 1e-5)
        hidden = (x @ w["linear1.weight"].T + w["linear1.bias"]).relu()
        x = normed(x + hidden @ w["linear2.weight"].T + w["linear2.bias"], w, "norm2", 1e-5)
    expected = normed(x, weights, "transformer_enc.norm", 1e-5)[:, 0]
    torch.testing.assert_close(head(features), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_transformer_is_the_official_arithmetic():
    head = random_head("transformer")
    weights = head.state_dict()
    features = torch.randn(2, 8, WIDTH)
    x = features + weights["frame_position_embeddings.weight"][:8]
    for layer in range(6):
        w = part(weights, f"transformer.resblocks.{layer}.")
        x = x + attend(normed(x, w, "ln_1", 1e-12), part(w, "attn."), 2)
        hidden = normed(x, w, "ln_2", 1e-12) @ w["mlp.c_fc.weight"].T + w["mlp.c_fc.bias"]
        hidden = hidden * torch.sigmoid(1.702 * hidden)
        x = x + hidden @ w["mlp.c_proj.weight"].T + w["mlp.c_proj.bias"]
    torch.testing.assert_close(head(features), (x + features).mean(dim=1), rtol=1e-4, atol=1e-5)


def test_the_paper_starts_conv_as_a_shift_of_a_quarter_each_way():
    head = temporal_heads.Conv(8)
    frames = torch.arange(1.0, 4).view(1, 3, 1).expand(1, 3, 8)
    mixed = head.shift(frames.transpose(1, 2))[0]  # (D, T)
    assert mixed[0].tolist() == [0, 1, 2]
    assert mixed[3].tolist() == [1, 2, 3]
    assert mixed[7].tolist() == [2, 3, 0]


def test_motion_looks_at_changes_only():
    """What all frames share changes the mean by itself, and what is added to it not at all."""
    head = temporal_heads.Motion(WIDTH)
    frames, shared = torch.randn(2, 8, WIDTH), torch.randn(2, 1, WIDTH)
    torch.testing.assert_close(
        head(frames + shared), head(frames) + shared[:, 0], rtol=1e-4, atol=1e-5
    )


def clips_with_a_direction(num_clips: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Clips that go up a ramp or down it, small in a large offset that tells nothing."""
    ramp = torch.linspace(-1, 1, 8)[:, None] * torch.linspace(-1, 1, WIDTH)
    downward = torch.arange(num_clips) % 2
    ramps = torch.where(downward[:, None, None] == 1, ramp.flip(0), ramp)
    noise = 0.2 * torch.randn(num_clips, 8, WIDTH, generator=generator)
    return ramps + noise + 2 * torch.randn(num_clips, 1, WIDTH, generator=generator), downward


def test_motion_learns_the_direction_of_time_where_the_mean_cannot():
    accuracy = {}
    for name in ("mean", "motion"):
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        head = HEADS[name](WIDTH)
        classifier = torch.nn.Sequential(head, torch.nn.Linear(WIDTH, 2))
        optimizer = torch.optim.AdamW(classifier.parameters(), lr=3e-3)
        frames, labels = clips_with_a_direction(128, generator)
        for _ in range(150):
            optimizer.zero_grad()
            F.cross_entropy(classifier(frames), labels).backward()
            optimizer.step()
        frames, labels = clips_with_a_direction(128, generator)
        accuracy[name] = (classifier(frames).argmax(dim=1) == labels).float().mean().item()
    assert accuracy["motion"] > 0.95
    assert accuracy["mean"] < 0.7
