# ruff: noqa: ANN001, ANN201, ANN202, ANN204, ARG002, D101, D102, PLC0415
"""The peers of the model server: the same model behind other servers, each the usual way with batches up to 32.

    python benchmarks/model_server_peers.py NAME PORT

Started by model_server.py; the packages are in the environment that it makes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import struct
import subprocess
import sys
from collections import deque
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
sys.path.insert(0, str(Path(__file__).parents[1]))

from model_server.model import Moderator

BATCH = 32


def predict(model, texts):
    return [
        {"text": p.text, "label": p.label, "label_name": p.label_name, "probabilities": p.probabilities}
        for p in model.predict(texts)
    ]


def loaded():
    model = Moderator.load(threads=1)
    model.warm_up()
    gc.collect()
    gc.freeze()
    return model


class Queue:
    """Greedy batches; `compute` is a coroutine function from texts to answers."""

    def __init__(self, compute):
        self._compute = compute
        self._waiting = deque()
        self._there = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def ask(self, text):
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((text, future))
        self._there.set()
        return await future

    async def _run(self):
        while True:
            await self._there.wait()
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not self._waiting:
                self._there.clear()
            if batch:
                answers = await self._compute([text for text, _ in batch])
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
            await asyncio.sleep(0)


def starlette(port, make_compute):
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Route

    async def invoke(request):
        if not hasattr(request.app.state, "queue"):
            request.app.state.queue = Queue(await make_compute())
        return JSONResponse([await request.app.state.queue.ask((await request.body()).decode())])

    async def health(_):
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/invoke", invoke, methods=["POST"]), Route("/health", health)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_keep_alive=900)


def starlette_inline(port):
    model = loaded()

    async def compute(texts):
        return predict(model, texts)

    async def make():
        return compute

    starlette(port, make)


def starlette_split(port):
    ours, theirs = socket.socketpair()
    subprocess.Popen([sys.executable, __file__, "split-child", str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()

    async def make():
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 24)

        async def compute(texts):
            writer.write(_frame(texts))
            (size,) = struct.unpack(">I", await reader.readexactly(4))
            return json.loads(await reader.readexactly(size))

        return compute

    starlette(port, make)


def split_child(descriptor):
    channel = socket.socket(fileno=descriptor).makefile("rwb")
    model = loaded()
    while header := channel.read(4):
        texts = json.loads(channel.read(struct.unpack(">I", header)[0]))
        channel.write(_frame(predict(model, texts)))
        channel.flush()


def _frame(value):
    payload = json.dumps(value).encode()
    return struct.pack(">I", len(payload)) + payload


def fastapi(port):
    import uvicorn
    from fastapi import FastAPI, Request
    from pydantic import BaseModel

    model = loaded()
    app = FastAPI()
    queues = []

    class Answer(BaseModel):
        text: str
        label: int
        label_name: str
        probabilities: list[float]

    async def compute(texts):
        return await asyncio.to_thread(predict, model, texts)

    async def invoke(request: Request):
        if not queues:
            queues.append(Queue(compute))
        return [await queues[0].ask((await request.body()).decode())]

    # Evaluated here: the annotations of this module are strings, the model's class is local.
    invoke.__annotations__ = {"request": Request}
    app.post("/invoke", response_model=list[Answer])(invoke)
    app.get("/health")(lambda: "ok")
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_keep_alive=900)


def mosec(port):
    from mosec import Server, Worker

    class Moderation(Worker):
        def __init__(self):
            super().__init__()
            self.model = loaded()

        def deserialize(self, data):
            return data.decode()

        def serialize(self, data):
            return json.dumps([data]).encode()

        def forward(self, data):
            return predict(self.model, data)

    sys.argv = ["mosec", "--address", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    server = Server()
    server.append_worker(Moderation, max_batch_size=BATCH, max_wait_time=1, route="/invoke", start_method="fork")
    server.run()


def litserve(port):
    import litserve

    api = LitModeration(max_batch_size=BATCH, batch_timeout=0.001, api_path="/invoke")
    server = litserve.LitServer(api, accelerator="cpu", timeout=30)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")


if sys.argv[1:2] == ["litserve"]:  # at the module's level: its processes pickle it
    import litserve as _litserve

    class LitModeration(_litserve.LitAPI):
        """The body is JSON, LitServe's default: the text travels as a JSON string."""

        def setup(self, device):
            self.model = loaded()

        def decode_request(self, request):
            return request

        def batch(self, inputs):
            return inputs

        def predict(self, batch):
            return [[answer] for answer in predict(self.model, batch)]

        def unbatch(self, output):
            return output

        def encode_response(self, output):
            return output


def bentoml(port):
    os.environ["BENTOML_DO_NOT_TRACK"] = "true"
    program = str(Path(sys.executable).with_name("bentoml"))
    where = ["serve", "model_server_peers:BentoService", "--host", "127.0.0.1", "--port", str(port), "-q"]
    os.chdir(Path(__file__).parent)
    os.environ["MODEL_SERVER_PEER"] = "bentoml"
    os.execv(program, [program, *where])


if os.environ.get("MODEL_SERVER_PEER") == "bentoml":
    import bentoml as _bentoml

    class BentoService:
        def __init__(self) -> None:
            self.model = loaded()

        @_bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=1000, route="/invoke")
        def invoke(self, texts: list[str]) -> list[dict]:
            return predict(self.model, texts)

    BentoService = _bentoml.service(BentoService)


PEERS = {
    "starlette-inline": starlette_inline,
    "starlette-split": starlette_split,
    "fastapi": fastapi,
    "mosec": mosec,
    "litserve": litserve,
    "bentoml": bentoml,
}

if __name__ == "__main__":
    {**PEERS, "split-child": split_child}[sys.argv[1]](int(sys.argv[2]))
