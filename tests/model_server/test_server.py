"""What the server answers to all sorts of requests, over real sockets."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from model_server import frames
from model_server.app import STATUS
from model_server.errors import CallError
from model_server.openapi import document
from model_server.settings import Settings
from model_server.worker import _questions
from tests.model_server.serving import ROOT, answer, request, serving, until


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server"), "--max-texts", "40", "--max-text-characters", "2000") as server:
        server.ready()
        yield server


def ok(text):
    return {"text": text, "label": 0, "label_name": "ok", "probabilities": [0.75, 0.25]}


FORMS = {
    "one plain text": (b"Nice to meet you", "text/plain", ["Nice to meet you"]),
    "Chinese with a charset": ("很高兴认识你".encode(), "text/plain; charset=UTF-8", ["很高兴认识你"]),
    "a text a line, with blank ones": ("one\r\n\r\n二\n".encode(), "text/plain", ["one", "二"]),
    "a byte order mark": (b"\xef\xbb\xbfone", "text/plain", ["one"]),
    "a JSON string": (b'"one"', "application/json", ["one"]),
    "a JSON string with a line break": (b'"one\\ntwo"', "application/json", ["one\ntwo"]),
    "a JSON list": ('["one", "二"]'.encode(), "application/json", ["one", "二"]),
    "an object with a text": (b'{"text": "one"}', "application/json", ["one"]),
    "an object with texts": (b'{"texts": ["one", "two"]}', "application/json", ["one", "two"]),
    "bytes that are JSON": (b'["one"]', "application/octet-stream", ["one"]),
    "bytes that are text": (b"[one", "application/octet-stream", ["[one"]),
    "an emoji as a surrogate pair": (b'"\\ud83d\\ude00"', "application/json", ["\U0001f600"]),
    "more texts than a batch holds": (json.dumps([str(i) for i in range(40)]).encode(), "application/json", None),
    "texts of several lengths": (json.dumps(["x" * 500, "y", "z" * 60]).encode(), "application/json", None),
}


@pytest.mark.parametrize(("body", "kind", "texts"), FORMS.values(), ids=FORMS)
def test_texts_come_in_many_forms_and_the_answer_is_a_list(server, body, kind, texts):
    got = server.invoke(body, kind)
    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-fc-status"] == "200"
    assert got.json == [ok(text) for text in (json.loads(body) if texts is None else texts)]


def test_a_body_without_a_content_type_is_read_as_bytes(server):
    connection = server.connect()
    connection.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none")
    assert answer(connection).json == [ok("one")]


REFUSED = {
    "an empty body": (b"", "text/plain", 400, "no text"),
    "blanks": (b" \n\t", "text/plain", 400, "no text"),
    "no UTF-8": (b"\xff\xfe", "text/plain", 400, "UTF-8"),
    "no UTF-8 in JSON": (b'"\xff"', "application/json", 400, "UTF-8"),
    "no JSON": (b"{", "application/json", 400, "not JSON"),
    "an empty JSON body": (b"", "application/json", 400, "empty"),
    "JSON too deep": (b"[" * 100_000, "application/json", 400, "not JSON"),
    "a number of too many digits": (b"1" * 5000, "application/json", 400, "not JSON"),
    "a number": (b"1", "application/json", 422, "no string"),
    "null": (b"null", "application/json", 422, "no string"),
    "a list of lists": (b'[["one"]]', "application/json", 422, "item 0"),
    "an empty list": (b"[]", "application/json", 422, "no text"),
    "an empty text in a list": (b'["one", " "]', "application/json", 422, "item 1"),
    "an object of another kind": (b'{"input": "one"}', "application/json", 422, '"texts"'),
    "an object with both": (b'{"text": "one", "texts": []}', "application/json", 422, "either"),
    "one text as a list": (b'{"text": ["one"]}', "application/json", 422, "one text"),
    "a list that is one text": (b'{"texts": "one"}', "application/json", 422, "a list"),
    "half a surrogate pair": (b'"\\ud83d"', "application/json", 422, "surrogate"),
    "another type": (b"a=b", "application/x-www-form-urlencoded", 415, "text/plain"),
    "another charset": (b"one", "text/plain; charset=gbk", 415, "UTF-8"),
    "too many texts": (b"one\n" * 41, "text/plain", 413, "40"),
    "a text too long": (b"x" * 2001, "text/plain", 413, "2000"),
    "a body too large": (b"x" * 1_048_577, "text/plain", 413, "1048576"),
}


@pytest.mark.parametrize(("body", "kind", "status", "word"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_text_is_refused_with_a_sentence(server, body, kind, status, word):
    got = server.invoke(body, kind)
    assert got.status == status
    assert word in got.json["error"]
    assert got.headers["x-fc-status"] == "404"
    assert server.invoke("still here").status == 200


def test_a_compressed_body_is_refused(server):
    assert server.invoke(b"\x1f\x8b", content_encoding="gzip").status == 415


METHODS = {"/": "GET", "/invoke": "POST", "/initialize": "POST", "/pre-stop": "GET", "/health": "GET", "/ready": "GET"}


@pytest.mark.parametrize(("path", "method"), METHODS.items())
def test_another_method_is_405_and_allow_names_the_right_one(server, path, method):
    got = server.call("DELETE", path)
    assert got.status == 405
    assert method in got.headers["allow"].split(", ")


def test_an_unknown_path_is_404(server):
    got = server.call("GET", "/nothing")
    assert got.status == 404
    assert "/nothing" in got.json["error"]


def test_head_answers_as_get_without_a_body(server):
    got, head = server.call("GET", "/health"), server.call("HEAD", "/health")
    assert head.status == 200
    assert head.body == b""
    assert head.headers["content-length"] == got.headers["content-length"]


def test_32_mib_are_refused_and_the_client_reads_the_answer(server):
    got = server.invoke(b"x" * (32 * 1024 * 1024))
    assert got.status == 413
    assert got.headers["connection"] == "close"


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(server):
    connection = server.connect()
    connection.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
    assert answer(connection).status == 413


def test_chunks_without_an_end_are_refused_at_the_limit(server):
    connection = server.connect()
    connection.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(17):
        connection.sendall(chunk)
    assert answer(connection).status == 413


def test_a_chunked_body_is_read(server):
    connection = server.connect()
    head = b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(head + b"3\r\none\r\n")
    connection.sendall(b"4\r\n two\r\n0\r\n\r\n")
    assert answer(connection).json == [ok("one two")]


def test_a_client_that_waits_to_be_asked_is_asked(server):
    connection = server.connect()
    head = b"POST /invoke HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    connection.sendall(head)
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"one")
    assert answer(connection).json == [ok("one")]


def test_a_client_that_waits_to_be_asked_for_too_much_is_not_asked(server):
    connection = server.connect()
    connection.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
    assert answer(connection).status == 413
    assert connection.recv(1) == b""


def test_requests_in_a_row_on_one_connection_are_answered_in_order(server):
    connection = server.connect()
    texts = [str(number) for number in range(5)]
    connection.sendall(b"".join(request(text.encode()) for text in texts))
    received = b""
    while received.count(b"HTTP/1.1 200") < 5 or not received.endswith(b"]"):
        received += connection.recv(65536)
    bodies = [json.loads(part.split(b"\r\n\r\n", 1)[1]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [[ok(text)] for text in texts]


def test_what_is_no_http_is_400(server):
    connection = server.connect()
    connection.sendall(b"\x16\x03\x01nonsense\r\n\r\n")
    assert answer(connection).status == 400


def test_a_head_without_an_end_is_cut_off(server):
    connection = server.connect()
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    endless = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(10_000))
    with pytest.raises(OSError):  # the server closes before it has read all of this
        connection.sendall(endless)
    assert server.call("GET", "/health").status == 200


def test_an_error_of_the_model_is_a_500_of_that_text_alone(server):
    slow = server.send("slow 0.3")  # the next three wait for it and share a batch
    others = [server.send(text) for text in ("one", "fail please", "two")]
    assert answer(slow).status == 200
    assert [answer(connection).status for connection in others] == [200, 500, 200]


def test_request_ids_are_echoed_or_made(server):
    assert server.invoke("one", x_fc_request_id="1-abc").headers["x-fc-request-id"] == "1-abc"
    assert server.invoke("one", x_request_id="mine").headers["x-request-id"] == "mine"
    both = server.invoke("one", x_fc_request_id="1-abc", x_request_id="mine").headers
    assert (both["x-fc-request-id"], both["x-request-id"]) == ("1-abc", "mine")
    made = {server.invoke("one").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3


def test_the_index_explains_the_server(server):
    got = server.call("GET", "/").json
    assert got["state"] == "ready"
    assert got["labels"] == ["ok", "flagged"]
    assert set(got["routes"]) > set(METHODS) - {"/"}


def test_metrics_count_requests_and_batches(server):
    name = 'model_server_requests_total{path="/invoke",code="200"}'
    server.invoke("one")
    before = server.metric(name)
    texts = server.metric("model_server_batch_texts_sum")
    server.invoke("one\ntwo")
    assert server.metric(name) == before + 1
    assert server.metric("model_server_batch_texts_sum") == texts + 2


def test_the_interface_is_described_with_every_route_and_status(server):
    got = server.call("GET", "/openapi.json").json
    assert got == document(Settings(max_texts=40, max_text_characters=2000))
    assert set(got["paths"]) == set(server.call("GET", "/").json["routes"])
    described = {int(status) for status in got["paths"]["/invoke"]["post"]["responses"]}
    assert described == {200, 405, *STATUS.values()} - {499}


def test_every_error_has_a_status():
    assert set(STATUS) == set(CallError.__subclasses__())


def test_answers_are_not_mixed_up_between_clients(server):
    texts = [f"{'flag ' if number % 3 == 0 else ''}text {number}" for number in range(128)]
    connections = [server.send(text) for text in texts]
    for text, connection in zip(texts, connections, strict=True):
        (got,) = answer(connection).json
        assert (got["text"], got["label"]) == (text, int(text.startswith("flag")))


def test_questions_come_in_one_piece_or_in_many_at_once_or_late():
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        got = pool.submit(lambda: list(_questions(theirs)))
        frame = frames.pack(frames.PREDICT, b'["one"]')
        for piece in (frame * 2 + frame[:3], frame[3:7], frame[7:] + frames.pack(frames.WARM)):
            ours.sendall(piece)
            time.sleep(0.05)
        ours.close()
        assert got.result() == [(frames.PREDICT, b'["one"]')] * 3 + [(frames.WARM, b"")]


_LISTENER = """
import socket, sys
from model_server.worker import _questions
print(list(_questions(socket.socket(fileno=int(sys.argv[1])))))
"""


def test_a_process_that_is_frozen_in_the_middle_of_a_question_reads_on():
    ours, theirs = socket.socketpair()
    frame = frames.pack(frames.PREDICT, b'["one"]')
    command = [sys.executable, "-c", _LISTENER, str(theirs.fileno())]
    with ours, subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE) as process:
        theirs.close()
        for piece in (frame[:3], frame[3:7]):
            ours.sendall(piece)
            until(lambda: not _unread(ours), "it has read what there is")
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            process.send_signal(signal.SIGCONT)
        ours.sendall(frame[7:])
        ours.close()
        assert process.stdout.read().decode() == repr([(frames.PREDICT, b'["one"]')]) + "\n"


def _unread(channel: socket.socket) -> int:
    return int.from_bytes(fcntl.ioctl(channel, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def test_a_crowd_is_served_in_batches(server):
    before = server.metric("model_server_batch_texts_count")
    slow = server.send("slow 0.3")
    crowd = [server.send(f"crowd {number}") for number in range(32)]
    assert {answer(connection).status for connection in [slow, *crowd]} == {200}
    assert server.metric("model_server_batch_texts_count") - before < 10


def test_a_client_that_has_gone_is_not_computed_for(server):
    slow = server.send("slow 1")
    until(lambda: server.metric("model_server_in_flight") == 1, "it is with the model")
    gone = server.send("nobody waits for this")
    until(lambda: server.metric("model_server_queue_texts") == 1, "it waits")
    gone.close()
    assert answer(slow).status == 200
    until(lambda: 'reason="gone"} 1' in server.call("GET", "/metrics").body.decode(), "it was dropped")
    assert not any("nobody waits" in line for line in server.journal)


def test_an_idle_connection_is_used_again(server):
    connection = server.connect()
    for _ in range(2):
        connection.sendall(request(b"one"))
        assert answer(connection).status == 200
        time.sleep(0.2)
