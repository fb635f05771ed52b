"""The process with the model: `python -m model_server.worker FD`, started by the server with its settings as JSON.

It loads, says so, and answers frames until the server closes the socket pair. Signals of a process group
(Ctrl-C, SIGTERM) are left to the server, which ends this process by closing.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring
from pathlib import Path
from typing import Protocol, cast

from model_server import frames, logs

_log = logging.getLogger("model_server.worker")

PROBES = ("Nice to meet you", "很高兴认识你", "free prize, call now " * 40)
"""Harmless texts of the warm-up: short, Chinese, longer than any shape."""
_TOLERANCE = 1e-2
_SOON_SECONDS = 0.0003
"""A local client's next question comes within it, one behind a network does not: for that one nothing is burnt."""
_DECODER = json.JSONDecoder()


class Prediction(Protocol):
    """What a model says about one text."""

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def label(self) -> int: ...  # noqa: D102
    @property
    def label_name(self) -> str: ...  # noqa: D102
    @property
    def probabilities(self) -> tuple[float, ...]: ...  # noqa: D102


class Model(Protocol):
    """What this server needs of a model; `model_server.model.Moderator` is one."""

    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def shapes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def max_batch(self) -> int: ...  # noqa: D102
    def warm_up(self) -> None: ...  # noqa: D102
    def predict(self, texts: Sequence[str]) -> Sequence[Prediction]: ...  # noqa: D102


def load(name: str, weights: str, device: str, threads: int) -> Model:
    """The model of a MODULE:CLASS name; whatever its `load` raises."""
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    path = Path(weights) if weights else None
    return cast("Model", found.load(path, None if device == "auto" else device, threads))


def serve(channel: socket.socket, model: Model) -> None:
    """Answer frames until the other end closes."""
    with channel:
        for kind, payload in _questions(channel):
            if kind == frames.PREDICT:
                channel.sendall(_answer(model, _DECODER.raw_decode(payload.decode())[0]))
            elif kind == frames.WARM:
                channel.sendall(_warm(model))
            else:
                channel.sendall(frames.pack(frames.MEMORIES, json.dumps(_memory(model)).encode()))


def _questions(channel: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and payloads, until the other end closes.

    Where the last one came soon, the next one is looked for before it is slept for: being woken, on caches that others
    have used meanwhile, is what a second process costs a lone client.
    """
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    soon = False
    while True:
        begun = time.perf_counter()
        while soon and not poll.poll(0):
            os.sched_yield()  # whoever else wants this CPU goes first
            soon = time.perf_counter() - begun < _SOON_SECONDS
        header = _exactly(channel, frames.LENGTH.size)
        if not header:
            return
        soon = time.perf_counter() - begun < _SOON_SECONDS
        frame = _exactly(channel, frames.LENGTH.unpack(header)[0])
        if not frame:
            return
        yield frame[:1], frame[1:]


def _exactly(channel: socket.socket, size: int) -> bytes:
    """So many bytes; none where the other end closes before."""
    read = b""
    while len(read) < size:  # a second time where it was stopped, as FC freezes instances, and got what was there
        more = channel.recv(size - len(read), socket.MSG_WAITALL)
        if not more:
            return b""
        read += more
    return read


def _answer(model: Model, texts: list[str]) -> bytes:
    begun = time.perf_counter()
    try:
        lines = [_line(prediction) for prediction in model.predict(texts)]
    except Exception:  # noqa: BLE001  # whatever a model raises
        _log.exception("the model failed on a batch of %d", len(texts), extra={"action": "predict"})
        # One text must not spoil the answers of the others.
        lines = [_alone(model, text) for text in texts] if len(texts) > 1 else [b""]
    seconds = frames.SECONDS.pack(time.perf_counter() - begun)
    return frames.pack(frames.ANSWERS, seconds + b"\n".join(lines))


def _alone(model: Model, text: str) -> bytes:
    try:
        return _line(model.predict([text])[0])
    except Exception:  # noqa: BLE001  # whatever a model raises
        _log.exception("the model failed on one text of %d characters", len(text), extra={"action": "predict"})
        return b""


def _line(prediction: Prediction) -> bytes:
    """The prediction as a JSON object; the dictionary that `json.dumps` takes would double the time."""
    text, label_name = encode_basestring(prediction.text), encode_basestring(prediction.label_name)
    probabilities = ", ".join(map(float.__repr__, prediction.probabilities))
    return (
        f'{{"text": {text}, "label": {prediction.label}, "label_name": {label_name}, '
        f'"probabilities": [{probabilities}]}}'
    ).encode()


def _warm(model: Model) -> bytes:
    """Run every shape, check that answers are right, and freeze what is alive: no full collection in a request."""
    begun = time.perf_counter()
    try:
        model.warm_up()
        check(model)
    except Exception as error:  # noqa: BLE001  # whatever a model raises
        _log.exception("the warm-up failed", extra={"action": "warm_up"})
        return frames.pack(frames.FAILED, f"the warm-up failed: {type(error).__name__}: {error}".encode())
    gc.collect()
    gc.freeze()
    gc.enable()
    _give_back()
    seconds = time.perf_counter() - begun
    return frames.pack(frames.WARMED, json.dumps({"seconds": seconds, "shapes": model.shapes}).encode())


def _give_back() -> None:
    """Return what loading took and nobody holds any more; the C library keeps it else. Where it is glibc."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def check(model: Model) -> None:
    """Raise `ArithmeticError` unless answers are probabilities with the right label, in any batch the same."""
    texts = [PROBES[index % len(PROBES)] for index in range(model.max_batch)]
    together = model.predict(texts)
    alone = [model.predict([text])[0] for text in PROBES]
    if [prediction.text for prediction in together] != texts:
        message = "the answers are not in the order of the texts"
        raise ArithmeticError(message)
    for index, prediction in enumerate(together):
        values = prediction.probabilities
        right = (
            len(values) == len(model.labels)
            and all(math.isfinite(value) and 0 <= value <= 1 for value in values)
            and math.isclose(sum(values), 1, abs_tol=_TOLERANCE)
            and values[prediction.label] == max(values)
            and model.labels[prediction.label] == prediction.label_name
            and math.isclose(max(values), max(alone[index % len(PROBES)].probabilities), abs_tol=_TOLERANCE)
        )
        if not right:
            message = f"an inference came out wrong: {prediction}"
            raise ArithmeticError(message)


def _memory(model: Model) -> dict[str, int]:
    if not model.device.startswith("cuda"):
        return {}
    import torch  # noqa: PLC0415  # loaded by the model already

    free, total = torch.cuda.mem_get_info()
    return {
        "allocated": torch.cuda.memory_allocated(),
        "reserved": torch.cuda.memory_reserved(),
        "device_used": total - free,
        "device_total": total,
    }


def main() -> None:
    """Load, serve, and end without Python's slow teardown: nothing here needs it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.disable()  # until the warm-up: collections take a tenth of torch's import, and find nothing
    logs.set_up()
    channel = socket.socket(fileno=int(sys.argv[1]))
    wanted = json.loads(sys.argv[2])
    begun = time.perf_counter()
    try:
        model = load(wanted["model"], wanted["weights"], wanted["device"], wanted["threads"])
    except Exception as error:  # noqa: BLE001  # whatever a model raises
        _log.exception("the model did not load", extra={"action": "load"})
        channel.sendall(frames.pack(frames.FAILED, f"the model did not load: {type(error).__name__}: {error}".encode()))
        channel.recv(1)  # stay until the server closes: it answers /initialize before it ends
        os._exit(1)
    about = {
        "seconds": time.perf_counter() - begun,
        "device": model.device,
        "labels": model.labels,
        "shapes": model.shapes,
        "max_batch": model.max_batch,
    }
    try:
        channel.sendall(frames.pack(frames.LOADED, json.dumps(about).encode()))
        serve(channel, model)
    except OSError:  # the server is gone
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
