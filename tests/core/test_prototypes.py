import pytest
import torch
from torch.nn import functional as F

from actionclip.core import prototypes
from actionclip.model.encoders.encoder import ExamplePart

WHOLE = (ExamplePart(slice(None), 0.7, 0.2, 0.3),)
HALVES = (ExamplePart(slice(0, 4), 0.7, 0.2, 0.3), ExamplePart(slice(4, 8), 0.7, 0.2, 0.3))


def rows(*values: list[float]) -> torch.Tensor:
    return F.normalize(torch.tensor(values), dim=1)


def test_a_clip_like_the_examples_gains_and_one_unlike_them_loses():
    words = rows([1.0, 0, 0, 0])
    examples = rows([0.1, 1.0, 0.1, 0], [0.1, 1.0, 0, 0.1])
    joined = prototypes.join(words, examples, WHOLE)
    like, unlike = rows([0, 1.0, 0, 0], [0, 0, 1.0, 0]) @ joined.vectors[0] + joined.offset
    before = rows([0, 1.0, 0, 0], [0, 0, 1.0, 0]) @ words[0]
    assert like > before[0]
    assert unlike < before[1]


def test_examples_that_are_alike_count_more_and_so_do_many():
    words = rows([1.0, 0, 0, 0])
    alike, different = rows([0, 1.0, 0, 0], [0, 1.0, 0.2, 0]), rows([0, 1.0, 0, 0], [0, 0, 1.0, 0])

    def added(examples: torch.Tensor) -> float:
        return float((prototypes.join(words, examples, WHOLE).vectors[0] - words[0]).norm())

    assert added(alike) > 2 * added(different)
    assert added(alike) > added(alike[:1])
    assert added(torch.cat([alike, alike])) > added(alike)


def test_examples_with_nothing_in_common_add_nothing():
    words = rows([1.0, 0, 0, 0, 0])
    joined = prototypes.join(words, torch.eye(5)[1:], WHOLE)
    torch.testing.assert_close(joined.vectors, words)
    assert joined.offset == 0


def test_the_rule_is_the_documented_one():
    examples = torch.tensor([[0.6, 0.8], [0.8, 0.6]])
    part = ExamplePart(slice(None), 0.9, 0.4, 0.5)
    alike = (0.96 + 0.9) / 2
    weight = 0.5 * 2 / 3 * (alike - 0.4) / (0.9 - 0.4)
    joined = prototypes.join(torch.tensor([[0.0, 1.0]]), examples, (part,))
    torch.testing.assert_close(joined.vectors, torch.tensor([[0.7 * weight, 1 + 0.7 * weight]]))
    assert joined.offset == pytest.approx(-weight * (0.4 + 0.35 * (alike - 0.4)))
    alone = prototypes.join(torch.zeros(1, 2), examples, (part,), alone=True)
    torch.testing.assert_close(alone.vectors, torch.full((1, 2), prototypes.ALONE * 0.7 * weight))


def test_each_part_of_an_embedding_counts_by_itself():
    first = torch.cat([torch.eye(4)[:1].expand(3, 4), torch.eye(4)[:3]], dim=1)  # alike in one half
    joined = prototypes.join(torch.zeros(1, 8), first, HALVES)
    assert joined.vectors[0, :4].norm() > 0.1
    assert joined.vectors[0, 4:].norm() < 0.05


def test_sentences_are_averaged_and_stay_as_long():
    sentences = rows([1.0, 0, 0, 0], [0, 1.0, 0, 0])[None]
    mean = prototypes.mean_words(sentences, WHOLE)
    torch.testing.assert_close(mean, rows([1.0, 1.0, 0, 0]))
    assert prototypes.mean_words(sentences[:, :1], WHOLE) is not sentences
    torch.testing.assert_close(prototypes.mean_words(sentences[:, :1], WHOLE), sentences[:, 0])
