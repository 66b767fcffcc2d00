"""The encoders: `lite`, CLIP and its relatives, and those that are registered."""

from actionclip.model.encoders.clip import MODEL_TYPES, ClipEncoder
from actionclip.model.encoders.encoder import ENCODERS, Encoder, build, refusing_settings, register
from actionclip.model.encoders.lite import LiteEncoder

__all__ = ["ENCODERS", "Encoder", "build", "refusing_settings", "register"]

ENCODERS.register("lite", LiteEncoder)
for _model_type in MODEL_TYPES:
    ENCODERS.register(_model_type, ClipEncoder)
