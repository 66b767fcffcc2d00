import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.encoders import clip_tokenizer, shared_prefixes
from actionclip.text import label_sets, prompts

ROW_LENGTH = 9
TEXTS = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=ROW_LENGTH), min_size=1)


@settings(deadline=None)
@given(TEXTS)
def test_every_text_can_be_read_back_from_what_its_end_sees(texts):
    rows = shared_prefixes.lay_out(texts, ROW_LENGTH)
    for text, row, place in zip(texts, rows.end_rows, rows.end_places, strict=True):
        seen = rows.sees[row, place]
        assert rows.token_ids[row, seen].tolist() == text
        assert rows.positions[row, seen].tolist() == list(range(len(text)))


@settings(deadline=None)
@given(TEXTS)
def test_a_token_sees_no_more_than_the_token_before_it_and_itself(texts):
    rows = shared_prefixes.lay_out(texts, ROW_LENGTH)
    for sees, positions in zip(rows.sees, rows.positions, strict=True):
        assert sees.diagonal().all()
        for place in range(ROW_LENGTH):
            if positions[place] > 0:
                before = sees[place].nonzero()[-2]
                assert (sees[place] == sees[before][0] | (torch.arange(ROW_LENGTH) == place)).all()


def test_a_beginning_that_texts_share_stands_once():
    rows = shared_prefixes.lay_out([[1, 2, 3], [1, 2, 4, 4], [1, 2, 3], [2, 2]], ROW_LENGTH)
    assert rows.token_ids.tolist() == [[1, 2, 3, 4, 4, 2, 2, 0, 0]]
    assert rows.end_places.tolist() == [2, 4, 2, 6]


def test_sixteen_templates_with_400_labels_are_a_fraction_of_the_tokens():
    tokenizer = clip_tokenizer.build()
    sentences = prompts.fill(prompts.PAPER, label_sets.load("kinetics400"))
    texts = [encoding.ids for encoding in tokenizer.encode_batch(sentences)]
    rows = shared_prefixes.lay_out(texts, 77)
    assert 18 * rows.token_ids.numel() < 77 * len(texts)


@pytest.mark.parametrize("num_texts", [1, 2, 40])
def test_features_are_those_of_each_text_alone(tiny_model: ActionCLIP, num_texts: int):
    generator = torch.Generator().manual_seed(num_texts)
    end, length = 49, 12
    token_ids = torch.randint(1, 4, (num_texts, length), generator=generator)
    lengths = torch.randint(2, length + 1, (num_texts,), generator=generator)
    token_ids[torch.arange(num_texts), lengths - 1] = end
    token_ids[torch.arange(length) >= lengths[:, None]] = 0
    one_by_one = tiny_model.text_features(token_ids).detach()
    with torch.inference_mode():
        together = tiny_model.text_features(token_ids)
        turned = tiny_model.text_features(token_ids.flip(0)).flip(0)
    torch.testing.assert_close(together, one_by_one, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(turned, one_by_one, rtol=1e-5, atol=1e-6)
