"""Texts as hashed features."""

from __future__ import annotations

import pytest

from model_server.tokenizer import FEATURES, PAD, encode


def rows(text: str, max_rows: int = 128) -> list[tuple[int, ...]]:
    return encode(text, hashes=4096, max_rows=max_rows)


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


def test_capitals_are_told_from_small_letters_by_the_shape_alone() -> None:
    loud, quiet = rows("FREE")[1], rows("free")[1]
    assert [a == b for a, b in zip(loud, quiet, strict=True)].count(False) == 1


def test_features_stay_in_the_table_and_are_never_the_padding() -> None:
    found = {
        number for row in rows("What a long, long sentence 今天 of 12 words; and extraordinariness") for number in row
    }
    assert PAD not in found
    assert max(found) < 4096
    assert all(len(row) <= FEATURES for row in rows("extraordinariness " * 3))


def test_the_first_row_says_whether_there_is_a_han_character() -> None:
    assert rows("今天")[0] == rows("ok 今天")[0] != rows("ok")[0] == rows("")[0]


def test_a_text_is_cut_after_the_last_token() -> None:
    assert rows("a b c d", max_rows=3) == rows("a b")


def test_the_hash_is_the_same_on_every_machine() -> None:
    # Weights are useless under another hash.
    assert rows("a") == [(1190,), (2284, 3924, 482, 1782)]
