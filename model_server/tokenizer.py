"""A text as tokens, and each token as a few hashed features: no vocabulary file, no unknown word.

A Han character is a token, and so are a word, a run of digits and a run of one sign. A token's features
are the token, it with the one and the two tokens before it, its shape (capitals, number of digits) and
the character trigrams of a word, each hashed to a row of the embedding table. Nothing here imports torch.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import islice

FEATURES = 12
"""Features of a token, at most: the row of features has this length."""

PAD = 0
"""The row of the embedding table that is all zeros: no feature, no token."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_TOKEN = re.compile(rf"[{_HAN}]|\d+|(?:(?![{_HAN}])[^\W\d_])+|([^\w\s]|_)\1*")
_HAN_ONLY = re.compile(rf"[{_HAN}]")


def encode(text: str, *, buckets: int, max_tokens: int) -> list[tuple[int, ...]]:
    """The feature rows of a text's first `max_tokens` tokens, each feature in [1, buckets).

    A text without a token (empty, white space) has no row. Two texts that differ only in width forms,
    compatibility characters or invisible format characters have the same rows.
    """
    rows = []
    one_before = two_before = ""
    for token in islice(_tokens(text), max_tokens):
        lower = token.lower()
        names = _features(token, lower, one_before, two_before)
        rows.append(tuple(_bucket(name, buckets) for name in names))
        one_before, two_before = lower, one_before
    return rows


def has_han(text: str) -> bool:
    """Whether the text holds a Han character."""
    return _HAN_ONLY.search(text) is not None


def _tokens(text: str) -> Iterator[str]:
    # Format characters (zero-width joiners and spaces, direction marks) are how a word is hidden from a filter.
    visible = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return (match.group() for match in _TOKEN.finditer(visible))


def _features(token: str, lower: str, one_before: str, two_before: str) -> list[str]:
    names = [f"1 {lower}", f"2 {one_before} {lower}", f"3 {two_before} {one_before} {lower}", f"s {_shape(token)}"]
    if len(lower) > 1 and lower.isalpha():
        edged = f"<{lower}>"
        names += [f"c {edged[start : start + 3]}" for start in range(len(edged) - 2)]
    return names[:FEATURES]


def _shape(token: str) -> str:
    """What a token looks like: that it is a sign or a character, its digits' number, its capitals."""
    if token.isdigit():
        return f"d{min(len(token), 12)}"
    if not token.isalpha():
        return f"p{min(len(token), 4)}"
    if token.isupper():
        return "A" if len(token) == 1 else "AA"
    return "Aa" if token.istitle() else "a"


def _bucket(name: str, buckets: int) -> int:
    # A lone surrogate, which JSON can carry, is no valid UTF-8.
    return zlib.crc32(name.encode("utf-8", "replace")) % (buckets - 1) + 1
