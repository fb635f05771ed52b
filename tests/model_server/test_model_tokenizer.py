"""Texts as hashed features."""

from __future__ import annotations

import random
import sys
import unicodedata
from itertools import islice

import numpy as np
import pytest

from model_server.tokenizer import _TOKEN as TOKEN
from model_server.tokenizer import FEATURES, INVISIBLE, PAD, SCRIPTS, encode
from model_server.tokenizer import _tokens as tokens_of


def rows(text: str, max_rows: int = 128) -> list[tuple[int, ...]]:
    encoded = encode(text, hashes=4096, max_rows=max_rows)
    return [tuple(row) for row in np.frombuffer(encoded, np.int32).reshape(-1, FEATURES).tolist()]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        (" \t\n", 0),
        ("see you", 2),
        ("今天好", 3),
        ("call 0800!!", 3),
        ("ok今天2 you", 5),
        ("!?", 2),
        ("__", 1),
    ],
)
def test_words_characters_numbers_and_signs_are_tokens(text: str, tokens: int) -> None:
    assert len(rows(text)) == 1 + tokens  # the first row is the script's


@pytest.mark.parametrize(
    ("text", "same"), [("ＦＲＥＥ", "FREE"), ("fr\u200bee", "free"), ("see  you", "see you"), ("①", "1")]
)
def test_disguises_of_a_text_read_alike(text: str, same: str) -> None:
    assert rows(text) == rows(same)


def test_all_of_a_long_text_is_read_alike() -> None:
    assert rows("ＦＲＥＥ①" * 100 + " ｅｎｄ") == rows("FREE1" * 100 + " end")


def test_capitals_are_told_from_small_letters_by_the_shape_alone() -> None:
    loud, quiet = rows("FREE")[1], rows("free")[1]
    assert [a == b for a, b in zip(loud, quiet, strict=True)].count(False) == 1


def test_features_stay_in_the_table_and_are_none_of_the_scripts() -> None:
    found = {
        number
        for row in rows("What a long, long sentence 今天 of 12 words; and extraordinariness")[1:]
        for number in row
        if number != PAD
    }
    assert min(found) > len(SCRIPTS)
    assert max(found) < 4096


def test_a_token_has_its_features_wherever_it_stands_but_for_those_of_its_neighbours() -> None:
    first, again = rows("ordinariness is ordinariness")[1:4:2]
    assert first[:2] != again[:2]
    assert first[2:] == again[2:]


def test_a_token_too_long_to_be_remembered_reads_the_same() -> None:
    word = "x" * 100
    assert rows(word) == rows(word)
    assert rows(word)[1] != rows(word + "y")[1]


@pytest.mark.parametrize(
    ("text", "script"), [("今天", 2), ("今天 ok", 2), ("win 今天 now", 1), ("ok", 1), ("", 1), ("free 好", 1)]
)
def test_the_first_row_is_the_script_of_most_tokens(text: str, script: int) -> None:
    assert rows(text)[0] == (PAD, script, *[PAD] * (FEATURES - 2))


def test_every_format_character_is_invisible_and_nothing_else() -> None:
    for code in range(sys.maxunicode + 1):
        sign = chr(code)
        if INVISIBLE.fullmatch(sign):
            assert unicodedata.category(sign) in {"Cf", "Cn"}, hex(code)
        else:
            assert unicodedata.category(sign) != "Cf", hex(code)


def test_a_text_is_cut_after_the_last_token() -> None:
    assert rows("a b c d", max_rows=3) == rows("a b")


def test_the_hash_is_the_same_on_every_machine() -> None:
    # Weights are useless under another hash.
    assert rows("a")[1] == (1890, 2579, 184, 30, *[PAD] * 9)


SIGNS = "aA1!_ \u200b今①ﷺＦé\u0301\u00ad\ufdfa"


@pytest.mark.parametrize("seed", range(20))
def test_a_text_of_which_only_a_part_is_normalized_reads_as_if_all_of_it_were(seed: int) -> None:
    draw = random.Random(seed)
    text = "".join(draw.choice(SIGNS) * draw.choice([1, 1, 1, 400]) for _ in range(draw.randint(1, 200)))
    whole = INVISIBLE.sub(
        "", "".join(unicodedata.normalize("NFKC", text[at : at + 256]) for at in range(0, len(text), 256))
    )
    for most in (1, 5, 127):
        assert tokens_of(text, most) == [match.group() for match in islice(TOKEN.finditer(whole), most)]


def test_no_more_of_a_text_is_normalized_than_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    real = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", lambda form, piece: pieces.append(piece) or real(form, piece))
    assert len(rows("\ufdfa" * 20_000)) == 128
    assert sum(map(len, pieces)) == 256
