"""HTTP as clients really speak it: in pieces, in a row, in old versions, and wrongly."""

from __future__ import annotations

import contextlib
import email.utils
import json
import random
import socket

import pytest

from tests.model_server.serving import WITHIN_SECONDS, answer, request, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server"), "--max-texts", "40") as server:
        server.ready()
        yield server


def received(connection, answers: int) -> list[tuple[bytes, bytes]]:
    """Heads and bodies of so many answers with JSON bodies, or of as many as come before the connection closes."""
    data = b""
    while data.count(b"HTTP/1.1 ") < answers or not data.endswith((b"]", b"}")):
        read = connection.recv(65536)
        if not read:
            break
        data += read
    parts = [part.partition(b"\r\n\r\n") for part in data.split(b"HTTP/1.1 ")[1:]]
    return [(head, body) for head, _, body in parts]


def test_a_request_may_come_byte_by_byte(server):
    connection = server.connect()
    for byte in request("很".encode()):
        connection.sendall(bytes([byte]))
    assert answer(connection).json[0]["text"] == "很"


def test_more_requests_than_are_read_ahead_are_answered_in_order(server):
    connection = server.connect()
    texts = [str(number) for number in range(100)]
    connection.sendall(b"".join(request(text.encode()) for text in texts))
    assert [json.loads(body)[0]["text"] for _, body in received(connection, 100)] == texts


def test_an_answer_at_once_waits_for_those_before_it(server):
    connection = server.connect()
    connection.sendall(request(b"slow 0.2") + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + request(b"\xff"))
    heads = [head[:3] for head, _ in received(connection, 3)]
    assert heads == [b"200", b"200", b"400"]


def test_a_thousand_requests_in_one_piece_behind_a_slow_one_are_answered(server):
    connection = server.connect()
    connection.sendall(request(b"slow 0.2") + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    assert [head[:3] for head, _ in received(connection, 1001)] == [b"200"] * 1001


def test_a_head_begins_where_it_likes_in_what_is_read(server):
    connection = server.connect()
    long = request(b"x" * 19_000)
    connection.sendall(long * 5 + b"POST /invoke HT")
    assert [head[:3] for head, _ in received(connection, 5)] == [b"200"] * 5
    connection.sendall(b"TP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none")
    assert answer(connection).json[0]["text"] == "one"


@pytest.mark.parametrize("endless", [b"name: value\r\n", b"name-without-an-end"], ids=["lines", "a line"])
@pytest.mark.parametrize(
    "before",
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /invoke HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n",
        b"POST /invoke HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;",
    ],
    ids=["head", "behind the body", "beside a chunk"],
)
def test_headers_without_an_end_are_refused(server, before, endless):
    connection = server.connect()
    connection.sendall(before)
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            connection.sendall(endless * 1000)
    with contextlib.suppress(ConnectionError):  # unread bytes may tear the answer down
        assert connection.recv(12) in {b"", b"HTTP/1.1 400"}
        while connection.recv(65536):
            pass


def test_what_comes_behind_a_body_is_no_header(server):
    connection = server.connect()
    head = b"POST /invoke HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(head + b"3\r\none\r\n0\r\nX-Request-Id: other\r\nContent-Type: image/png\r\n\r\n")
    got = answer(connection)
    assert (got.status, got.headers["x-request-id"]) == (200, "mine")


def test_what_is_no_http_behind_a_request_is_refused_after_its_answer(server):
    connection = server.connect()
    connection.sendall(request(b"slow 0.2") + b"nonsense\r\n\r\n")
    (first, _), (second, why) = received(connection, 2)
    assert (first[:3], second[:3]) == (b"200", b"400")
    assert b"HTTP" in why
    assert connection.recv(1) == b""


def test_a_chunk_of_the_wrong_size_is_refused(server):
    connection = server.connect()
    connection.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
    assert answer(connection).status == 400


def test_two_lengths_of_one_body_are_refused(server):
    connection = server.connect()
    head = b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(head + b"one")
    assert answer(connection).status == 400


@pytest.mark.parametrize(
    ("line", "closed"),
    [
        (b"HTTP/1.1\r\n", False),
        (b"HTTP/1.1\r\nConnection: close\r\n", True),
        (b"HTTP/1.0\r\n", True),
        (b"HTTP/1.0\r\nConnection: keep-alive\r\n", True),  # or it may wait for the end
    ],
)
def test_a_connection_lives_on_as_the_client_asks(server, line, closed):
    connection = server.connect()
    connection.sendall(b"GET /health " + line + b"Host: x\r\n\r\n")
    got = answer(connection)
    assert got.status == 200
    assert (got.headers.get("connection") == "close") == closed
    if closed:
        assert connection.recv(1) == b""
    else:
        connection.sendall(request(b"one"))
        assert answer(connection).status == 200


UPGRADE = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAEAAEAAAAIAAAAB"}
"""What Java's own client asks for by default."""
CHUNKED = (
    b"POST /invoke HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
)


@pytest.mark.parametrize(
    "sent",
    [request(b"one", **UPGRADE), request(b"", "/health", "GET", **UPGRADE), CHUNKED],
    ids=["length", "empty", "chunked"],
)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_an_upgrade_that_a_client_asks_for_is_left_alone(server, sent, times, size):
    connection = server.connect()
    stream = sent * times + request(b"last")
    for start in range(0, len(stream), size):
        connection.sendall(stream[start : start + size])
    answers = received(connection, times + 1)
    assert [head[:3] for head, _ in answers] == [b"200"] * (times + 1)
    assert [json.loads(body)[0]["text"] for _, body in answers if body.startswith(b"[")][-1] == "last"
    assert not any(b"connection: close" in head for head, _ in answers)


def test_the_body_of_a_request_for_an_upgrade_is_bounded_too(server):
    connection = server.connect()
    connection.sendall(request(b"x" * (1 << 21), **UPGRADE)[: 1 << 20])
    assert answer(connection).status == 413


def test_there_is_no_tunnel(server):
    connection = server.connect()
    connection.sendall(b"CONNECT somewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01")
    got = answer(connection)
    assert (got.status, got.headers["connection"]) == (404, "close")
    assert connection.recv(1) == b""


@pytest.mark.parametrize("lines", [b"gzip, chunked", b"gzip\r\nTransfer-Encoding: chunked"])
def test_a_transfer_encoding_that_is_not_decoded_is_refused(server, lines):
    connection = server.connect()
    head = b"POST /invoke HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + lines + b"\r\n\r\n"
    connection.sendall(head + b"3\r\none\r\n0\r\n\r\n")
    got = answer(connection)
    assert got.status == 415
    assert "gzip" in got.json["error"]


def test_a_target_may_name_the_host_and_carry_a_query(server):
    connection = server.connect()
    for target in (b"http://somewhere/health?x=1", b"/health?", b"http://[::/health"):
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection).status == 200


def test_answers_are_dated(server):
    assert email.utils.parsedate_to_datetime(server.call("GET", "/health").headers["date"]).tzinfo is not None


def test_a_client_that_reads_late_gets_all_its_answers(server):
    connection = server.connect()
    body = json.dumps(["x" * 19_000] * 40).encode()
    connection.sendall(b"".join(request(body, Content_Type="application/json") for _ in range(8)))
    answers = received(connection, 8)
    assert [len(json.loads(text)) for _, text in answers] == [40] * 8
    assert server.invoke("one").status == 200


def test_a_head_that_does_not_come_to_its_end_is_closed(tmp_path):
    with serving(tmp_path, "--timeout-seconds", "0.3") as server:
        connection = server.connect()
        connection.settimeout(WITHIN_SECONDS)
        connection.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert connection.recv(1) == b""


def test_damaged_requests_are_answered_or_closed_and_never_an_error_of_the_server(server):
    draw = random.Random(0)
    good = (
        request(b"one") + b"POST /invoke HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
    )
    for _ in range(200):
        damaged = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.choice(b"\0\r\n :/?%\xff09azAZ")
        connection = server.connect()
        connection.sendall(damaged[: draw.randint(1, len(damaged))])
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while connection.recv(65536):
                pass
    assert server.invoke("one").status == 200
    assert not [line for line in server.logs if line["level"] == "error"]
