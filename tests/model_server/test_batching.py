"""The queue before the model, with a model that answers when it is told to."""

from __future__ import annotations

import asyncio
import json
from collections import deque

import pytest

from model_server import frames
from model_server.batching import Admission, Batcher
from model_server.errors import ClientGone, InferenceFailed, Overloaded, WorkerLost
from model_server.metrics import Metrics

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Model:
    """The other end: keeps the batches, answers them one after the other."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self._waiting: deque = deque()

    def ask(self, kind, payload, answer):
        assert kind == frames.PREDICT
        self.batches.append(json.loads(payload))
        self._waiting.append(answer)

    def answer(self, failing=""):
        texts = self.batches[len(self.batches) - len(self._waiting)]
        lines = [b"" if text == failing else f"<{text}>".encode() for text in texts]
        self._waiting.popleft()(frames.ANSWERS, frames.SECONDS.pack(0.5) + b"\n".join(lines))

    def end(self):
        while self._waiting:
            self._waiting.popleft()(frames.FAILED, b"the process has ended")


def batcher(model, *, max_batch=4, in_flight=1, lengths=(8, 128)):
    return Batcher(model.ask, max_batch=max_batch, lengths=lengths, in_flight=in_flight, metrics=Metrics())


def here():
    return False


async def turn():
    """Let the loop do what is due."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_arrives_in_one_turn_leaves_as_one_batch():
    model = Model()
    queue = batcher(model)
    answers = [queue.submit([text], here) for text in "abc"]
    await turn()
    assert model.batches == [["a", "b", "c"]]
    model.answer()
    assert [await answer for answer in answers] == [[b"<a>"], [b"<b>"], [b"<c>"]]


async def test_no_batch_waits_for_company_and_none_is_larger_than_allowed():
    model = Model()
    queue = batcher(model)
    queue.submit(["a"], here)
    await turn()
    for text in "bcdefg":
        queue.submit([text], here)
    await turn()
    assert model.batches == [["a"]]
    assert queue.waiting == 6
    model.answer()
    model.answer()
    assert model.batches == [["a"], ["b", "c", "d", "e"], ["f", "g"]]


async def test_several_batches_are_at_hand():
    model = Model()
    queue = batcher(model, max_batch=1, in_flight=2)
    for text in "abc":
        queue.submit([text], here)
    await turn()
    assert model.batches == [["a"], ["b"]]


async def test_a_request_of_many_texts_is_split_and_answered_in_order():
    model = Model()
    queue = batcher(model, max_batch=2)
    answer = queue.submit(["a", "b", "c"], here)
    await turn()
    model.answer()
    assert not answer.done()
    model.answer()
    assert await answer == [b"<a>", b"<b>", b"<c>"]


async def test_long_texts_do_not_hold_up_short_ones_in_a_batch():
    model = Model()
    queue = batcher(model)
    long = "x" * 100
    answer = queue.submit(["a", long, "b"], here)
    await turn()
    model.answer()
    model.answer()
    assert model.batches == [["a", "b"], [long]]
    assert await answer == [b"<a>", f"<{long}>".encode(), b"<b>"]


async def test_the_lane_whose_head_waits_longest_goes_first():
    model = Model()
    queue = batcher(model)
    queue.submit(["first"], here)
    await turn()
    queue.submit(["长" * 50], here)
    queue.submit(["short"], here)
    model.answer()
    await turn()
    assert model.batches[1] == ["长" * 50]


async def test_what_nobody_waits_for_is_not_computed():
    model = Model()
    queue = batcher(model)
    queue.submit(["busy"], here)
    await turn()
    gone, cancelled = queue.submit(["gone"], lambda: True), queue.submit(["cancelled"], here)
    kept = queue.submit(["kept"], here)
    cancelled.cancel()
    model.answer()
    assert model.batches == [["busy"], ["kept"]]
    with pytest.raises(ClientGone):
        await gone
    model.answer()
    assert await kept == [b"<kept>"]


async def test_an_answer_that_comes_too_late_is_dropped():
    model = Model()
    queue = batcher(model)
    late = queue.submit(["late"], here)
    await turn()
    late.cancel()
    model.answer()
    answer = queue.submit(["next"], here)
    await turn()
    model.answer()
    assert await answer == [b"<next>"]


async def test_a_text_that_the_model_fails_on_fails_alone():
    model = Model()
    queue = batcher(model)
    good, bad = queue.submit(["good"], here), queue.submit(["fine", "bad"], here)
    await turn()
    model.answer(failing="bad")
    assert await good == [b"<good>"]
    with pytest.raises(InferenceFailed):
        await bad


async def test_a_lost_model_fails_what_is_with_it_and_what_comes_after():
    model = Model()
    queue = batcher(model)
    first = queue.submit(["a"], here)
    await turn()

    def lost(*_):
        raise WorkerLost("gone")

    queue._ask = lost
    second = queue.submit(["b"], here)
    model.end()
    for answer in (first, second):
        with pytest.raises(WorkerLost):
            await answer
    assert queue.oldest_batch_seconds() == 0


def test_admission_refuses_beyond_its_room_and_says_when_to_come_back():
    admission = Admission(10, lambda: 0.5)
    with admission.permit(8):
        with pytest.raises(Overloaded) as refused, admission.permit(3):
            pass
        assert refused.value.retry_after == 4
        with admission.permit(2):
            assert admission.held == 10
    assert admission.held == 0


def test_admission_gives_its_room_back_after_an_error():
    admission = Admission(1, lambda: 0.0)
    with pytest.raises(ValueError), admission.permit(1):
        raise ValueError
    assert admission.held == 0
