"""A text as tokens, and each token as a few hashed features: no vocabulary file, no unknown word.

A Han character is a token, and so are a word, a run of digits and a run of one sign. A token's features
are the triple of it and the two tokens before it, the pair, the token, its shape (capitals, number of
digits) and the character trigrams of a word or number, each hashed to a number. Nothing here imports torch.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from functools import lru_cache
from itertools import islice

FEATURES = 13
"""Numbers in the row of a token: the triple, the pair, the token, its shape, trigrams; unused places hold `PAD`."""

ROW_BYTES = 4 * FEATURES
"""A row is int32 numbers in the machine's order."""

PAD = 0
"""The number of no feature, and of no token: its row is all zeros."""

SCRIPTS = ("other", "han")
"""What a text is written in, by most of its tokens. The first row of a text holds 1 or 2, all others from 3 on."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_HAN_ONLY = re.compile(rf"[{_HAN}]")
_TOKEN = re.compile(rf"[{_HAN}]|\d+|(?:(?![{_HAN}])[^\W\d_])+|([^\w\s]|_)\1*")

INVISIBLE = re.compile(
    "[\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]+"
)
"""Format characters (zero-width joiners and spaces, direction marks): how a word is hidden from a filter."""

_NORMALIZED = 256
"""Characters of a piece."""

_PAIR = struct.Struct("=2i")
_REMEMBERED = 8192
_REMEMBERED_CHARACTERS = 32
"""Tokens come again: the longer ones seldom do, and would make the memory of them large."""


def encode(text: str, *, hashes: int, max_rows: int) -> bytes:
    """The rows of a text, one after the other: that of its script, then its first tokens', `max_rows` in all at most.

    Each feature is in [3, hashes). The first row says only whether most of those tokens are Han characters: what is
    usual, and how often a text is flagged, differs by script. Two texts that differ only in width forms,
    compatibility characters or invisible format characters have the same rows.
    """
    tokens = _tokens(text, max_rows - 1)
    han = 0 if text.isascii() else sum(_HAN_ONLY.match(token) is not None for token in tokens)
    parts = [_SCRIPT_ROWS[2 * han > len(tokens)]]
    two_before = before = b""
    for token in tokens:
        own = _own_remembered if len(token) <= _REMEMBERED_CHARACTERS else _own
        lower, features = own(token, hashes)
        pair = before + b" " + lower
        triple = _hash(b"3 " + two_before + b" " + pair, hashes)
        parts += (_PAIR.pack(triple, _hash(b"2 " + pair, hashes)), features)
        two_before, before = before, lower
    return b"".join(parts)


def _tokens(text: str, most: int) -> list[str]:
    """The first tokens, `most` at most. No more of the text is normalized than they need: that is slow."""
    if text.isascii():
        return [match.group() for match in islice(_TOKEN.finditer(text), most)]
    size = _NORMALIZED
    while True:
        seen = INVISIBLE.sub("", _normalized(text[:size]))
        tokens = [match.group() for match in islice(_TOKEN.finditer(seen), most + 1)]
        if len(tokens) > most or size >= len(text):  # with one more, none of the others can go on in what was not seen
            return tokens[:most]
        size *= 4


def _normalized(text: str) -> str:
    """NFKC, in pieces: putting marks on one letter in order takes the square of their number."""
    pieces = (text[start : start + _NORMALIZED] for start in range(0, len(text), _NORMALIZED))
    return "".join(unicodedata.normalize("NFKC", piece) for piece in pieces)


def _own(token: str, hashes: int) -> tuple[bytes, bytes]:
    """A token in small letters, and the features that are its own: the row but for the triple and the pair."""
    lower = token.lower()
    names = [f"1 {lower}", f"s {_shape(token)}"]
    if len(lower) > 1 and lower.isalnum():
        edged = f"<{lower}>"
        names += [f"c {edged[start : start + 3]}" for start in range(min(len(edged) - 2, FEATURES))]
    numbers = [_hash(_bytes(name), hashes) for name in names[: FEATURES - 2]]
    return _bytes(lower), _packed([PAD, PAD, *numbers])[_PAIR.size :]


_own_remembered = lru_cache(_REMEMBERED)(_own)


def _packed(numbers: list[int]) -> bytes:
    return struct.pack(f"={FEATURES}i", *numbers, *[PAD] * (FEATURES - len(numbers)))


_SCRIPT_ROWS = [_packed([PAD, 1 + script]) for script in range(len(SCRIPTS))]


def _shape(token: str) -> str:
    """What a token looks like: that it is a sign or a character, its digits' number, its capitals."""
    if token.isdigit():
        return f"d{min(len(token), 12)}"
    if not token.isalpha():
        return f"p{min(len(token), 4)}"
    if token.isupper():
        return "A" if len(token) == 1 else "AA"
    return "Aa" if token.istitle() else "a"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a lone surrogate, which JSON can carry, is no valid UTF-8


def _hash(name: bytes, hashes: int) -> int:
    return zlib.crc32(name) % (hashes - 3) + 3
