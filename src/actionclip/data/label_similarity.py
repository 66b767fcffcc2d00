"""Pairs of labels that are nearly the same, mostly by a mistake of their author.

"riding a bike" and "ride bikes" are one action, but "pulling from left to right" and "pulling from
right to left" are two; so words are compared, in their order.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections import defaultdict
from collections.abc import Sequence

from actionclip.text.labels import normalize

_ARTICLES = frozenset(("a", "an", "the"))
_ENDING = re.compile(r"(?<=\w{3})(ing|es|e|s)$")
_LONG = 6
"""Of shorter words, one letter often makes another: onto, into."""


def nearly_same(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs that differ only in articles, endings, signs, spaces, or in one misprint.

    >>> nearly_same(["riding a bike", "ride bikes", "clapping", "squatting", "sqautting"])
    [('riding a bike', 'ride bikes'), ('squatting', 'sqautting')]
    """
    by_length: dict[int, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    by_letters: dict[str, str] = {}
    pairs: dict[tuple[str, str], None] = {}
    for label in labels:
        words = words_of(label)
        letters = "".join(map(stem_of, words))
        if letters in by_letters:
            pairs[by_letters[letters], label] = None
        by_letters.setdefault(letters, label)
        by_length[len(words)].append((label, words))
    for of_one_length in by_length.values():
        for (label, words), (other, other_words) in itertools.combinations(of_one_length, 2):
            if _one_is_mistyped(words, other_words):
                pairs[label, other] = None
    return list(pairs)


def words_of(label: str) -> tuple[str, ...]:
    """Return the words of a label in one case, without articles."""
    words = re.findall(r"\w+", normalize(label).casefold().replace("'", ""))
    return tuple(word for word in words if word not in _ARTICLES)


def stem_of(word: str) -> str:
    """Return a word without its ending: running and run have one stem."""
    stem = _ENDING.sub("", word)
    doubled = len(stem) > 3 and stem[-1] == stem[-2] and stem != word
    return stem[:-1] if doubled else stem


def _one_is_mistyped(words: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether one word differs, by two letters swapped or one left out."""
    differing = [pair for pair in zip(words, other, strict=True) if pair[0] != pair[1]]
    if len(differing) != 1:
        return False
    short, long = sorted(differing[0], key=len)
    if len(short) < _LONG or len(long) - len(short) > 1:
        return False
    blocks = difflib.SequenceMatcher(None, short, long).get_matching_blocks()
    num_equal = sum(block.size for block in blocks)
    return num_equal >= len(long) - 1 and (len(short) < len(long) or sorted(short) == sorted(long))
