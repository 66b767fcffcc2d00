import random
import unicodedata

import pytest

from actionclip.model.encoders import clip_tokenizer

SAMPLES = """
a photo of riding a bike, isn't we're they've I'm he'll she'd John's 12 3.14 café naïve Straße
ÉCOLE 日本語 👍 👩‍👩‍👧 hello,world!!! ... -- (x) [y] don’t “q”
#tag @me a_b c/d ﬁ Å ñ ı İ Ω Привет мир नमस्ते
שלום ١٢٣ ½ ² ™ © €5 $3.50 100% e-mail \u00a0 \u200b 'tis 'S
"""


def test_known_ids_of_openais_own_tokenizer():
    tokenizer = clip_tokenizer.build()
    ids = tokenizer.encode("A person riding a motorcycle").ids
    assert ids == [49406, 320, 2533, 6765, 320, 10297, 49407]
    assert tokenizer.get_vocab_size() == clip_tokenizer.VOCABULARY_SIZE


def test_thousands_of_texts_get_the_ids_that_an_independent_tokenizer_gives():
    instant_clip_tokenizer = pytest.importorskip(
        "instant_clip_tokenizer", reason="needs the package instant-clip-tokenizer"
    )
    theirs, ours = instant_clip_tokenizer.Tokenizer(), clip_tokenizer.build()
    draw = random.Random(0)
    ranges = [(32, 126), (32, 126), (0xC0, 0x24F), (0x400, 0x4FF), (0x2190, 0x27BF)]
    ranges += [(0x1F300, 0x1F6FF), (0x4E00, 0x9FFF)]
    words = SAMPLES.split()
    texts = [
        "".join(draw.choice(words) + draw.choice(["", " ", "  "]) for _ in range(6))
        for _ in range(2000)
    ]
    texts += [
        "".join(chr(draw.randint(*draw.choice(ranges))) for _ in range(draw.randint(1, 20)))
        for _ in range(2000)
    ]
    for text in texts:
        if unicodedata.is_normalized("NFC", text):  # theirs does not normalise
            assert ours.encode(text, add_special_tokens=False).ids == theirs.encode(text), text


def test_another_vocabulary_has_no_tokenizer():
    assert clip_tokenizer.for_vocabulary(160, 77) is None


def test_long_texts_are_cut_and_keep_their_end():
    tokenizer = clip_tokenizer.for_vocabulary(49408, 77)
    assert tokenizer is not None
    ids = tokenizer.encode("riding " * 100).ids
    assert (len(ids), ids[0], ids[-1]) == (77, 49406, 49407)
