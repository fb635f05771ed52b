"""A text as tokens, and each token as a few hashed features: no vocabulary file, no unknown word.

A Han character is a token, and so are a word, a run of digits and a run of one sign. A token's features
are the triple of it and the two tokens before it, the pair, the token, its shape (capitals, number of
digits) and the character trigrams of a word or number, each hashed to a number. Nothing here imports torch.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import islice

FEATURES = 13
"""Features of a token, at most: the row of features has this length."""

PAD = 0
"""The number of no feature, and of no token: its row is all zeros."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_HAN_ONLY = re.compile(rf"[{_HAN}]")
_TOKEN = re.compile(rf"[{_HAN}]|\d+|(?:(?![{_HAN}])[^\W\d_])+|([^\w\s]|_)\1*")


def encode(text: str, *, hashes: int, max_rows: int) -> list[tuple[int, ...]]:
    """The feature rows of a text: that of its script, then its first tokens', at most `max_rows` rows in all.

    Each feature is in [1, hashes). The first row says only whether there is a Han character among those tokens:
    what is usual, and how often a text is flagged, differs by script. Two texts that differ only in width
    forms, compatibility characters or invisible format characters have the same rows.
    """
    tokens = list(islice(_tokens(text), max_rows - 1))
    script = "han" if any(_HAN_ONLY.match(token) for token in tokens) else "other"
    rows: list[tuple[int, ...]] = [(_hash(f"script {script}", hashes),)]
    two_before = before = ""
    for token in tokens:
        lower = token.lower()
        rows.append(tuple(_hash(name, hashes) for name in _features(token, lower, before, two_before)))
        two_before, before = before, lower
    return rows


def _tokens(text: str) -> Iterator[str]:
    # Format characters (zero-width joiners and spaces, direction marks) are how a word is hidden from a filter.
    visible = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return (match.group() for match in _TOKEN.finditer(visible))


def _features(token: str, lower: str, before: str, two_before: str) -> list[str]:
    names = [f"3 {two_before} {before} {lower}", f"2 {before} {lower}", f"1 {lower}", f"s {_shape(token)}"]
    if len(lower) > 1 and lower.isalnum():
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


def _hash(name: str, hashes: int) -> int:
    # A lone surrogate, which JSON can carry, is no valid UTF-8.
    return zlib.crc32(name.encode("utf-8", "replace")) % (hashes - 1) + 1
