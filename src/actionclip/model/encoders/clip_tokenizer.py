"""CLIP's tokenizer: its merges, which official weights come without, become a `Tokenizer`.

A text is lower-cased and split into words, numerals and runs of signs; byte pairs are merged in
the order of a list learned by OpenAI, `clip_data/merges.txt.gz`.
"""

from __future__ import annotations

import gzip
from importlib import resources

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

VOCABULARY_SIZE = 49408
"""Of OpenAI's weights: two for each byte, one for each merge, start and end."""

START = "<|startoftext|>"
END = "<|endoftext|>"

_END_OF_WORD = "</w>"
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


def for_vocabulary(size: int, num_tokens: int) -> Tokenizer | None:
    """Make the tokenizer for weights that came without one; None where CLIP's does not fit.

    Args:
        size: of the vocabulary.
        num_tokens: the most tokens that the text tower takes; longer texts are cut.
    """
    if size != VOCABULARY_SIZE:
        return None
    tokenizer = build()
    tokenizer.enable_truncation(num_tokens)
    tokenizer.enable_padding(pad_id=0, pad_token="!")  # nothing after the end token is read
    return tokenizer


def build() -> Tokenizer:
    """Make the tokenizer of OpenAI's weights; it neither pads nor cuts."""
    data = resources.files("actionclip.model.encoders") / "clip_data" / "merges.txt.gz"
    _, *lines = gzip.decompress(data.read_bytes()).decode().splitlines()  # line 1: its source
    merges = [(first, second) for first, second in (line.split(" ") for line in lines)]
    letters = _letters_of_bytes()
    pieces = [
        *letters,
        *(letter + _END_OF_WORD for letter in letters),
        *(first + second for first, second in merges),
        START,
        END,
    ]
    return from_merges({piece: token_id for token_id, piece in enumerate(pieces)}, merges)


def from_merges(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """Make a tokenizer that works as CLIP's does, of another vocabulary."""
    tokenizer = Tokenizer(
        BPE(vocabulary, merges, end_of_word_suffix=_END_OF_WORD, unk_token=END, fuse_unk=False)
    )
    tokenizer.add_special_tokens([START, END])
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(START, vocabulary[START]), (END, vocabulary[END])],
    )
    return tokenizer


def _letters_of_bytes() -> list[str]:
    """Name every byte by one visible letter, visible bytes first, as GPT-2 does."""
    visible = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), 256),
    ]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + place) for place in range(len(hidden))]
