"""The moderator whose batches are held, as a slower device would hold them."""

from __future__ import annotations

import time

import pytest

from model_server.held import VARIABLE, Held
from model_server.model import Moderator

TEXTS = ("Nice to meet you", "很高兴认识你")


def test_a_batch_takes_its_time_and_the_predictions_are_the_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0.2")
    held = Held.load(threads=1)
    begun = time.monotonic()
    predictions = held.predict(TEXTS)
    assert time.monotonic() - begun >= 0.2
    assert predictions == Moderator.load(threads=1).predict(TEXTS)
