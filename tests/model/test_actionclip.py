import logging

import pytest
import torch
from torch import Tensor

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.encoders import clip_tokenizer


@pytest.fixture
def reading_model(tiny_model: ActionCLIP) -> ActionCLIP:
    """The tiny model, with CLIP's tokenizer and room for its ids."""
    torch.manual_seed(0)
    tower = tiny_model.encoder.text_tower
    tower.embeddings.token_embedding = torch.nn.Embedding(clip_tokenizer.VOCABULARY_SIZE, 64)
    tiny_model.encoder.tokenizer = clip_tokenizer.for_vocabulary(49408, 12)
    return tiny_model


@torch.inference_mode()
def test_embeddings_have_length_one(tiny_model: ActionCLIP, clips: Tensor, tokens: Tensor):
    for embedding in (tiny_model.embed_clips(clips), tiny_model.embed_tokens(tokens)):
        torch.testing.assert_close(embedding.norm(dim=-1), torch.ones(len(embedding)))


@torch.inference_mode()
def test_stored_frame_features_answer_as_the_clips_do(tiny_model: ActionCLIP, clips: Tensor):
    stored = tiny_model.frame_features(clips)
    assert torch.equal(tiny_model.embed_frame_features(stored), tiny_model.embed_clips(clips))


def test_tokens_are_padded_to_the_longest_text_only(reading_model: ActionCLIP):
    assert reading_model.tokenize(["riding a bike"]).shape == (1, 5)
    assert reading_model.tokenize(["swimming", "riding a bike"]).shape == (2, 5)


@torch.inference_mode()
def test_a_text_has_the_same_embedding_in_any_company(reading_model: ActionCLIP):
    texts = ["riding a bike", "swimming", "a person is playing the violin", "swimming"]
    together = reading_model.embed_texts(texts)
    alone = torch.cat([reading_model.embed_texts([text]) for text in texts])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_more_texts_than_one_batch_come_back_in_their_order(reading_model: ActionCLIP):
    texts = [f"action {'long ' * (i % 5)}{i}" for i in range(300)]
    embeddings = reading_model.embed_texts(texts)
    some = [0, 7, 123, 299]
    expected = reading_model.embed_texts([texts[i] for i in some])
    torch.testing.assert_close(embeddings[some], expected, rtol=1e-5, atol=1e-6)


def test_a_text_that_is_too_long_is_cut_with_a_warning(
    reading_model: ActionCLIP, caplog: pytest.LogCaptureFixture
):
    assert reading_model.tokenize(["very " * 20]).shape == (1, 12)
    assert caplog.records[-1].levelno == logging.WARNING
    assert "longer than 12 tokens" in caplog.records[-1].message


def test_without_a_tokenizer_texts_are_refused_and_ids_are_not(
    tiny_model: ActionCLIP, tokens: Tensor
):
    with pytest.raises(ValueError, match=r"came without a tokenizer.*pass token ids"):
        tiny_model.embed_texts(["riding a bike"])
    assert tiny_model.embed_tokens(tokens).shape == (4, 32)


def test_frames_of_another_size_are_refused(tiny_model: ActionCLIP):
    with pytest.raises(ValueError, match=r"frames of 20×24 pixels, but .* takes 16×16"):
        tiny_model.frame_features(torch.rand(1, 2, 3, 20, 24))
