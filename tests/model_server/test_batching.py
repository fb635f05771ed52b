"""The queue before the model, with a model that answers when it is told to."""

from __future__ import annotations

import asyncio
import json
from collections import deque

import pytest

from model_server import frames
from model_server.batching import Admission, Batcher
from model_server.errors import InferenceFailed, Overloaded, WorkerLost
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


class Waiter:
    """Who waits: keeps what it is told."""

    def __init__(self) -> None:
        self.over = False
        self.lines: list[bytes] | None = None
        self.error: Exception | None = None

    def deliver(self, lines):
        self.over, self.lines = True, list(lines)

    def fail(self, error):
        self.over, self.error = True, error


def ask(queue, *texts):
    waiter = Waiter()
    queue.submit(list(texts), waiter)
    return waiter


async def turn():
    """Let the loop do what is due."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_arrives_in_one_turn_leaves_as_one_batch():
    model = Model()
    queue = batcher(model)
    answers = [ask(queue, text) for text in "abc"]
    await turn()
    assert model.batches == [["a", "b", "c"]]
    model.answer()
    assert [answer.lines for answer in answers] == [[b"<a>"], [b"<b>"], [b"<c>"]]


async def test_no_batch_waits_for_company_and_none_is_larger_than_allowed():
    model = Model()
    queue = batcher(model)
    ask(queue, "a")
    await turn()
    for text in "bcdefg":
        ask(queue, text)
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
        ask(queue, text)
    await turn()
    assert model.batches == [["a"], ["b"]]


async def test_a_small_batch_is_not_sent_ahead_but_grows_until_the_model_is_free():
    model = Model()
    queue = batcher(model, max_batch=4, in_flight=2)
    ask(queue, "a")
    await turn()
    ask(queue, "b")
    await turn()
    assert model.batches == [["a"]]
    ask(queue, "c")
    await turn()
    assert model.batches == [["a"], ["b", "c"]]
    ask(queue, "d")
    model.answer()
    assert model.batches == [["a"], ["b", "c"]]
    model.answer()
    assert model.batches[2:] == [["d"]]


async def test_a_request_of_many_texts_is_split_and_answered_in_order():
    model = Model()
    queue = batcher(model, max_batch=2)
    answer = ask(queue, "a", "b", "c")
    await turn()
    model.answer()
    assert not answer.over
    model.answer()
    assert answer.lines == [b"<a>", b"<b>", b"<c>"]


async def test_long_texts_do_not_hold_up_short_ones_in_a_batch():
    model = Model()
    queue = batcher(model)
    long = "x" * 100
    answer = ask(queue, "a", long, "b")
    await turn()
    model.answer()
    model.answer()
    assert model.batches == [["a", "b"], [long]]
    assert answer.lines == [b"<a>", f"<{long}>".encode(), b"<b>"]


async def test_the_lane_whose_head_waits_longest_goes_first():
    model = Model()
    queue = batcher(model)
    ask(queue, "first")
    await turn()
    ask(queue, "长" * 50)
    ask(queue, "short")
    model.answer()
    await turn()
    assert model.batches[1] == ["长" * 50]


async def test_what_nobody_waits_for_is_not_computed():
    model = Model()
    queue = batcher(model)
    ask(queue, "busy")
    await turn()
    gone, kept = ask(queue, "gone"), ask(queue, "kept")
    gone.over = True
    model.answer()
    assert model.batches == [["busy"], ["kept"]]
    assert gone.lines is gone.error is None
    model.answer()
    assert kept.lines == [b"<kept>"]


async def test_what_nobody_waits_for_any_more_is_let_go_while_the_model_is_stuck():
    model = Model()
    queue = batcher(model)
    ask(queue, "busy")
    await turn()
    waiting = [ask(queue, "one", "x" * 100), ask(queue, "kept"), ask(queue, "two")]
    for waiter in (waiting[0], waiting[2]):
        waiter.over = True
        queue.forget()
    await turn()
    assert queue.waiting == 1
    model.answer()
    assert model.batches == [["busy"], ["kept"]]


async def test_an_answer_that_comes_too_late_is_dropped():
    model = Model()
    queue = batcher(model)
    late = ask(queue, "late")
    await turn()
    late.over = True
    model.answer()
    assert late.lines is None
    answer = ask(queue, "next")
    await turn()
    model.answer()
    assert answer.lines == [b"<next>"]


async def test_a_text_that_the_model_fails_on_fails_alone():
    model = Model()
    queue = batcher(model)
    good, bad = ask(queue, "good"), ask(queue, "fine", "bad")
    await turn()
    model.answer(failing="bad")
    assert good.lines == [b"<good>"]
    assert isinstance(bad.error, InferenceFailed)


async def test_a_lost_model_fails_what_is_with_it_and_what_comes_after():
    model = Model()
    queue = batcher(model)
    first = ask(queue, "a")
    await turn()

    def lost(*_):
        raise WorkerLost("gone")

    queue._ask = lost
    second = ask(queue, "b")
    model.end()
    assert isinstance(first.error, WorkerLost)
    assert isinstance(second.error, WorkerLost)
    assert queue.oldest_batch is None


def test_admission_refuses_beyond_its_room_and_says_when_to_come_back():
    admission = Admission(10, lambda: 0.5)
    admission.take(8)
    with pytest.raises(Overloaded) as refused:
        admission.take(3)
    assert refused.value.retry_after == 4
    admission.take(2)
    assert admission.held == 10
    admission.give(8)
    admission.take(8)
