"""Bodies: a sequence of body landmarks becomes one vector beside the sentences of MiniLM.

A small temporal convolution reads thirteen joints as they move in the picture. It was trained with
the loss of ActionCLIP (`benchmarks/bodies`): motions against sentences. The dot product of a motion
and a label is the logarithm of how much likelier the label is, seen this motion, than without it: 0
says nothing, so a sequence without a person, whose vector is zero, leaves every answer as it was.

Shapes:
    B: windows   T: landmarks in time order   J: joints, 13   C: input channels   N: texts
    D: width, 384
"""

from __future__ import annotations

from importlib import resources

import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.model.encoders import minilm
from actionclip.model.encoders.encoder import ExamplePart

RATE = 12.0
"""Landmarks a second that the encoder was trained with."""
WINDOW_SECONDS = 3.0
"""Length of a window; training saw windows of 1.2 to 4 seconds."""
WINDOW_STEP = 0.5
"""Seconds between the starts of two windows."""
_LONGEST_GAP = 0.5
"""Seconds without landmarks that are bridged."""
LOGIT_SCALE = 20.0
"""What the dot products were multiplied by in training; that of `lite`."""

LONGEST = 2.5
"""Length of a vector of a window, at most: as sure as bodies may be."""
UNKNOWN_THINGS, KNOWN_THINGS = 0.2, 0.9
"""Cosines with the nearest class of ImageNet between which things come to know a label."""
SHARE = 0.8
"""What bodies count beside things, for labels that both know, "riding a bicycle"."""
SHARE_UNSEEN = 1.0
"""And how much more for labels of which things know nothing, "falling down"."""
JOINED_LENGTH = ((1 + LONGEST**2) * (1 + (SHARE + SHARE_UNSEEN) ** 2)) ** 0.5
"""By what `join_clips` and `join_texts` divide the sum of both dot products."""

JOINTS = (
    *("head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
_FROM_BLAZEPOSE = (
    *((7, 8), (11, 11), (12, 12), (13, 13), (14, 14), (15, 15), (16, 16)),
    *((23, 23), (24, 24), (25, 25), (26, 26), (27, 27), (28, 28)),
)
"""For each joint the two landmarks whose middle it is; the head is between the ears."""
_LIMBS = (
    *((1, 2, 0.72), (7, 8, 0.45), (1, 7, 1.0), (2, 8, 1.0)),
    *((1, 3, 0.56), (2, 4, 0.56), (3, 5, 0.5), (4, 6, 0.5)),
    *((7, 9, 0.84), (8, 10, 0.84), (9, 11, 0.82), (10, 12, 0.82)),
)
"""Two joints and the usual distance between them, in lengths of the trunk."""
_TRUNK = (1, 2, 7, 8)
NUM_CHANNELS = 3 * len(JOINTS) + 6


def joints_from_blazepose(
    landmarks: Float[Tensor, "T 33 _"], visibility: Float[Tensor, "T 33"]
) -> Float[Tensor, "T J 3"]:
    """Reduce BlazePose's landmarks to thirteen joints.

    Args:
        landmarks: x and y (downwards) first, both as shares of the picture's height.
        visibility: 0…1; 0 where nobody is found.

    Returns:
        x and y, upwards, in heights of the picture, and the visibility, 0 where nobody is.
    """
    points = torch.stack([landmarks[..., 0], -landmarks[..., 1], visibility], dim=-1)
    pairs = points[:, torch.tensor(_FROM_BLAZEPOSE)]  # (T, J, 2, 3)
    return pairs.mean(dim=2).nan_to_num(0.0)


def resample(
    joints: Float[Tensor, "T J 3"], seconds: Float[Tensor, " T"]
) -> Float[Tensor, "R J 3"]:
    """Give joints at `RATE`, whatever the rate of the frames; gaps of half a second stay gaps.

    Args:
        joints: as `joints_from_blazepose` gives them.
        seconds: when each frame is shown, rising.
    """
    found = (joints[..., 2] > 0).any(dim=1)
    length = int(((seconds[-1] - seconds[0]) * RATE).floor()) + 1 if len(seconds) else 0
    if not found.any():
        return joints.new_zeros(length, len(JOINTS), 3)
    times = seconds[0] + torch.arange(length, device=seconds.device) / RATE
    joints, seconds = joints[found], seconds[found]
    after = torch.searchsorted(seconds, times).clamp(max=len(seconds) - 1)
    before = (after - 1).clamp(min=0)
    gap = seconds[after] - seconds[before]
    share = ((times - seconds[before]) / gap.clamp(min=1e-6)).clamp(0, 1)[:, None, None]
    between = joints[before] * (1 - share) + joints[after] * share
    nearest = torch.minimum((times - seconds[before]).abs(), (times - seconds[after]).abs())
    near = (nearest <= 1.5 / RATE) | ((gap <= _LONGEST_GAP) & (nearest <= gap))
    return between * near[:, None, None]


def windows(joints: Float[Tensor, "R J 3"]) -> Float[Tensor, "W V J 3"]:
    """Cut a sequence into windows that overlap; a short one is a single window."""
    length, step = round(WINDOW_SECONDS * RATE), round(WINDOW_STEP * RATE)
    if len(joints) <= length:
        return F.pad(joints, (0, 0, 0, 0, 0, length - len(joints)))[None]
    starts = torch.arange(0, len(joints) - length + step, step).clamp(max=len(joints) - length)
    return joints[starts[:, None] + torch.arange(length)]


def normalise(joints: Float[Tensor, "B T J 3"]) -> Float[Tensor, "B T C"]:
    """Take the person's place and size out of windows; where they move to stays in.

    Args:
        joints: x, y (upwards, any unit that is the same for both) and visibility; a frame in which
            no joint is visible counts as missing.
    """
    points, visible = joints[..., :2], joints[..., 2].clamp(0, 1)
    present = (visible > 0).any(dim=-1)  # (B, T)
    weight = visible[..., _TRUNK].unsqueeze(-1) + 0.02
    center = (points[..., _TRUNK, :] * weight).sum(dim=-2) / weight.sum(dim=-2)  # (B, T, 2)
    first, second, usual = zip(*_LIMBS, strict=True)
    lengths = (points[..., first, :] - points[..., second, :]).norm(dim=-1)
    seen = torch.minimum(visible[..., first], visible[..., second]).clamp(min=0.05)
    # The limb that is foreshortened least says how large the person is.
    size = (lengths / lengths.new_tensor(usual) * seen.sqrt()).topk(3, dim=-1)[0].mean(dim=-1)
    scale = size.masked_fill(~present, torch.nan).nanmedian(dim=1)[0]  # (B,)
    scale = scale.nan_to_num(1.0).clamp(min=1e-6)[:, None, None]
    relative = (points - center.unsqueeze(-2)) / scale.unsqueeze(-1)
    relative = relative.clamp(-4, 4) * visible.sqrt().unsqueeze(-1)
    count = present.sum(dim=1).clamp(min=1)[:, None, None]
    there = present.unsqueeze(-1)
    path = (center - (center * there).sum(dim=1, keepdim=True) / count) / scale
    step = torch.diff(path, dim=1, prepend=path[:, :1])
    together = there & there.roll(1, dims=1)
    zoom = (size / scale.squeeze(-1)).clamp(0.2, 5).log()
    channels = [
        relative.flatten(2),
        visible,
        path.clamp(-6, 6) / 2,
        (step * together).clamp(-1, 1) * 4,
        zoom.unsqueeze(-1),
        torch.ones_like(zoom).unsqueeze(-1),
    ]
    return torch.cat(channels, dim=-1) * there


class Bodies(nn.Module):
    """The body encoder and what its labels are made of."""

    text_center: Float[Tensor, " D"]
    """What all sentences about bodies have in common."""
    text_projection: Float[Tensor, "D D"]
    """Takes sentences to the space of the bodies, where no direction outweighs the others."""
    taught: Float[Tensor, "P D"]
    """What the encoder was taught, as MiniLM has it."""

    def __init__(self, num_taught: int = 0) -> None:
        super().__init__()
        self.encoder = BodyEncoder()
        self.register_buffer("text_center", torch.zeros(minilm.WIDTH))
        self.register_buffer("text_projection", torch.eye(minilm.WIDTH))
        self.register_buffer("taught", torch.zeros(num_taught, minilm.WIDTH))

    @classmethod
    def from_package(cls) -> Bodies:
        """Load the weights of the package."""
        stored = safetensors.torch.load((_DATA / "bodies.safetensors").read_bytes())
        bodies = cls(len(stored["taught"]))
        bodies.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
        return bodies.eval()

    def window_features(
        self, joints: Float[Tensor, "T J 3"], seconds: Float[Tensor, " T"]
    ) -> Float[Tensor, "W D"]:
        """Encode each window of a sequence; nobody gives zero."""
        return self._encode(windows(resample(joints, seconds)))

    def features_at(
        self,
        joints: Float[Tensor, "T J 3"],
        seconds: Float[Tensor, " T"],
        at: Float[Tensor, " S"],
    ) -> Float[Tensor, "S D"]:
        """Encode the window around each of some times; at the ends it lies inside the sequence."""
        steady = resample(joints, seconds)
        length = round(WINDOW_SECONDS * RATE)
        steady = F.pad(steady, (0, 0, 0, 0, 0, max(0, length - len(steady))))
        starts = ((at - seconds[0]) * RATE - length / 2).round().long()
        starts = starts.clamp(0, len(steady) - length)
        return self._encode(steady[starts[:, None] + torch.arange(length)])

    def _encode(self, joints: Float[Tensor, "W V J 3"]) -> Float[Tensor, "W D"]:
        features = self.encoder(joints)
        return features * (LONGEST / features.norm(dim=1, keepdim=True).clamp(min=LONGEST))

    def text_features(
        self, sentences: Float[Tensor, "N D"], things_nearness: Float[Tensor, " N"]
    ) -> Float[Tensor, "N D"]:
        """Turn sentences into what bodies can know of them; the longer, the more.

        Args:
            sentences: as MiniLM has them, of length one.
            things_nearness: cosine of each with the nearest class of the other stream.
        """
        nearness = (sentences @ self.taught.T).amax(dim=1)
        known = nearness.clamp(min=0)  # the nearer to something that was taught, the more
        unseen = 1 - _rise(things_nearness, UNKNOWN_THINGS, KNOWN_THINGS)
        weights = known * (SHARE + SHARE_UNSEEN * unseen)
        placed = F.normalize((sentences - self.text_center) @ self.text_projection, dim=-1)
        return weights[:, None] * placed


def average(features: Float[Tensor, "*B T D"]) -> Float[Tensor, "*B D"]:
    """Average the directions of vectors, and their lengths: what changes is as sure as each part.

    Zero stays zero.
    """
    mean = features.mean(dim=-2)
    length = features.norm(dim=-1).mean(dim=-1, keepdim=True)
    return F.normalize(mean, dim=-1) * length


def join_clips(
    things: Float[Tensor, "*B D"], bodies: Float[Tensor, "*B D"]
) -> Float[Tensor, "*B E"]:
    """Join both streams of clips into one vector of length one.

    Args:
        things: of length one.
        bodies: at most `LONGEST` long; zero where nobody is.
    """
    return _join(things, bodies, LONGEST, clips=True)


def join_texts(
    things: Float[Tensor, "*B D"], bodies: Float[Tensor, "*B D"]
) -> Float[Tensor, "*B E"]:
    """Join both halves of texts; with a clip's vector they give the sum of both dot products.

    That sum is divided by `JOINED_LENGTH`, by which the logit scale is multiplied.
    """
    return _join(things, bodies, SHARE + SHARE_UNSEEN, clips=False)


def example_parts() -> tuple[ExamplePart, ExamplePart]:
    """Return where joined vectors of clips are compared with examples: things, then bodies."""
    both, beside_texts = (
        1 + LONGEST**2,
        ((1 + LONGEST**2) / (1 + (SHARE + SHARE_UNSEEN) ** 2)) ** 0.5,
    )
    width = minilm.WIDTH
    return (
        ExamplePart(slice(0, width), 0.65 / both, 0.25 / both, 0.1 * beside_texts),
        ExamplePart(slice(width, 2 * width), 1.0 / both, 0.25 / both, 0.15 * beside_texts),
    )


def _join(things: Tensor, bodies: Tensor, longest: float, *, clips: bool) -> Tensor:
    """Fill up to the same length for all, in a place where the other side has nothing."""
    rest = (longest**2 - bodies.square().sum(dim=-1, keepdim=True)).clamp(min=0).sqrt()
    filler = [rest, torch.zeros_like(rest)]
    joined = torch.cat([things, bodies, *(filler if clips else filler[::-1])], dim=-1)
    return joined / (1 + longest**2) ** 0.5


def _rise(values: Tensor, low: float, high: float) -> Tensor:
    """From 0 at one value to 1 at another."""
    return ((values - low) / (high - low)).clamp(0, 1)


class _Convolution(nn.Module):
    """Over time, channels last: a matrix product, which a CPU does several times faster."""

    def __init__(self, entering: int, leaving: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.weights = nn.Linear(size * entering, leaving)

    def forward(self, features: Float[Tensor, "B T _"], dilation: int = 1) -> Tensor:
        reach = self.size // 2 * dilation
        num_frames = features.shape[1]
        padded = F.pad(features, (0, 0, reach, reach))
        beside = [
            padded[:, start * dilation : start * dilation + num_frames : self.stride]
            for start in range(self.size)
        ]
        return self.weights(torch.cat(beside, dim=-1))


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm1, self.norm2 = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.conv1, self.conv2 = _Convolution(width, width, 3), _Convolution(width, width, 3)

    def forward(self, features: Float[Tensor, "B T E"]) -> Float[Tensor, "B T E"]:
        inner = self.conv1(_each_frame(self.norm1, features).relu(), self.dilation)
        return features + self.conv2(_each_frame(self.norm2, inner).relu())


class BodyEncoder(nn.Module):
    """A residual temporal convolution; its vectors are not of length one: long is sure."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        self.stem = _Convolution(NUM_CHANNELS, width, 5, stride=2)
        self.halve = _Convolution(width, width, 3, stride=2)
        self.slow = nn.ModuleList([_Block(width), _Block(width, dilation=2), _Block(width)])
        self.norm = nn.BatchNorm1d(width)
        self.project = nn.Linear(2 * width, minilm.WIDTH)
        nn.init.normal_(self.project.weight, std=0.002)  # knows nothing yet
        nn.init.zeros_(self.project.bias)
        self.dropout = nn.Dropout(0.1)

    def forward(self, joints: Float[Tensor, "B T J 3"]) -> Float[Tensor, "B D"]:
        """Encode windows of joints; one without anybody gives zero."""
        channels = normalise(joints)  # (B, T, C)
        present = channels[..., -1:].mT  # (B, 1, T)
        halved = F.max_pool1d(present, 3, stride=2, padding=1)
        valid = F.max_pool1d(halved, 3, stride=2, padding=1).mT  # (B, T / 4, 1)
        features = self.halve(self.stem(channels).relu() * halved.mT) * valid
        for block in self.slow:
            features = block(features) * valid
        features = _each_frame(self.norm, features).relu() * valid
        mean = features.sum(dim=1) / valid.sum(dim=1).clamp(min=1)
        pooled = torch.cat([mean, features.amax(dim=1)], dim=1)
        return self.project(self.dropout(pooled)) * present.amax(dim=2)


def _each_frame(norm: nn.BatchNorm1d, features: Float[Tensor, "B T E"]) -> Float[Tensor, "B T E"]:
    return norm(features.flatten(0, 1)).view_as(features)


_DATA = resources.files("actionclip.model.encoders.lite_data")
