import logging
from pathlib import Path

import pytest
import torch

from actionclip import Recognizer
from actionclip.core.cache import PromptCache
from actionclip.text import label_sets

MADE_BY = {"weights": "abc"}


def embeddings(*sentences: str) -> dict[str, torch.Tensor]:
    return {sentence: torch.full((8,), float(len(sentence))) for sentence in sentences}


def test_what_was_added_is_found_by_another_process(tmp_path: Path):
    PromptCache(MADE_BY, tmp_path).add(embeddings("riding", "a bike"))
    PromptCache(MADE_BY, tmp_path).add(embeddings("swimming"))
    found = PromptCache(MADE_BY, tmp_path).find(["swimming", "riding", "dancing"])
    assert set(found) == {"swimming", "riding"}
    assert torch.equal(found["swimming"], torch.full((8,), 8.0))


def test_another_model_finds_nothing(tmp_path: Path):
    PromptCache(MADE_BY, tmp_path).add(embeddings("riding"))
    assert PromptCache({"weights": "other"}, tmp_path).find(["riding"]) == {}


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_file_is_noticed_and_gives_nothing(tmp_path: Path, caplog, damage):
    cache = PromptCache(MADE_BY, tmp_path)
    cache.add(embeddings("riding"))
    [path] = cache.store.folder.rglob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes({"cut": content[:-9], "flipped": content, "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        assert cache.find(["riding"]) == {}
    assert "damaged" in caplog.text
    cache.add(embeddings("riding"))
    assert set(cache.find(["riding"])) == {"riding"}


def test_the_oldest_go_when_there_is_no_room(tmp_path: Path):
    big = {f"sentence {number}": torch.zeros(2048) for number in range(4)}  # 32 KB and more
    other = PromptCache({"weights": "other"}, tmp_path, 80_000)
    other.add(big)
    cache = PromptCache(MADE_BY, tmp_path, 80_000)
    cache.add(big)
    assert other.find(list(big))
    cache.add({name + "!": table for name, table in big.items()})
    assert other.find(list(big)) == {}
    assert len(cache.find(list(big))) == 4
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) <= 80_000


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog):
    (tmp_path / "file").write_bytes(b"")
    PromptCache(MADE_BY, tmp_path / "file").add(embeddings("riding"))
    assert "cannot be written" in caplog.text


def test_a_second_recognizer_reads_no_label_again(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    labels = label_sets.load("ucf101")
    first = Recognizer.load("lite").embed_labels(labels)
    second = Recognizer.load("lite")
    with monkeypatch.context() as context:
        context.setattr(second.model, "embed_texts", None)  # it would fail
        again = second.embed_labels(labels)
    assert torch.equal(first, again)
