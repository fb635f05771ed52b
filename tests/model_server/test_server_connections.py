"""A server at the limit of its connections."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time

from tests.model_server.serving import WITHIN_SECONDS, answer, request, serving, until


def test_beyond_its_connections_it_refuses_work_and_answers_probes(tmp_path):
    with serving(tmp_path, "--max-connections", "2") as server:
        server.ready()
        first, second = server.connect(), server.connect()
        for connection in (first, second):
            connection.sendall(request(b"one")[:-1])
        until(lambda: server.metric("model_server_in_flight") == 2, "both are at work")
        refused = server.invoke("one")
        assert (refused.status, refused.headers["connection"], refused.headers["retry-after"]) == (503, "close", "1")
        assert refused.json["error"] == "2 connections are open already: try again later"
        probe = server.connect()
        probe.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        got = answer(probe)
        assert (got.status, got.headers["connection"]) == (200, "close")
        for connection in (first, second):
            connection.sendall(b"e")
            assert answer(connection).status == 200
        second.close()
        until(lambda: server.invoke("one").status == 200, "there is room again")


def test_clients_that_do_not_read_their_answers_keep_no_work_out_for_long(tmp_path):
    with serving(tmp_path, "--max-connections", "2", "--timeout-seconds", "3") as server:
        server.ready()
        deaf = [server.connect() for _ in range(2)]
        body = b"[" + b",".join([b'"' + b"\\u0001" * 19_000 + b'"'] * 8) + b"]"
        for connection in deaf:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request(body, Content_Type="application/json"))
        assert server.invoke("one").status == 503
        until(lambda: server.invoke("one").status == 200, "they were let go")


def test_a_client_that_reads_slowly_and_steadily_gets_all_of_a_large_answer(tmp_path):
    with serving(tmp_path, "--timeout-seconds", "1") as server:
        server.ready()
        connection = server.connect()
        connection.sendall(request(b"\n".join([b"\x01" * 19_000] * 52)))
        read = b""
        while not read.endswith(b"}]"):
            time.sleep(0.05)
            part = connection.recv(40_000)
            assert part, f"the answer broke off after {len(read)} bytes"
            read += part
        assert len(json.loads(read.partition(b"\r\n\r\n")[2])) == 52


def test_idle_connections_keep_no_work_out(tmp_path):
    with serving(tmp_path, "--max-connections", "2") as server:
        server.ready()
        idle = [server.connect() for _ in range(2)]
        for connection in idle:
            connection.sendall(request(b"one"))
            assert answer(connection).status == 200
        until(lambda: server.invoke("one").status == 200, "one has made room")
        (closed,), _, _ = select.select(idle, [], [], WITHIN_SECONDS)
        assert closed.recv(1) == b""
        idle.remove(closed)
        idle[0].sendall(request(b"two"))
        assert answer(idle[0]).status == 200


def test_connections_at_the_limit_keep_it_from_no_request_of_its_own(tmp_path):
    with serving(tmp_path, "--max-connections", "1") as server:
        first = server.connect()
        first.sendall(request(b"", "/initialize"))
        assert answer(first).status == 200
        assert server.journal.count("['Nice to meet you']") > 1
        assert b"/invoke" not in server.call("GET", "/metrics").body


def test_beyond_the_few_connections_for_probes_none_is_kept(tmp_path):
    with serving(tmp_path, "--max-connections", "1") as server:
        server.ready()
        at_work = server.connect()
        at_work.sendall(request(b"one")[:-1])
        until(lambda: server.metric("model_server_in_flight") == 1, "it is at work")
        held = [server.connect() for _ in range(64)]
        held[-1].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(held[-1]).headers["connection"] == "close"
        probe, excess = server.connect(), server.connect()
        with contextlib.suppress(ConnectionResetError):
            assert excess.recv(1) == b""
        probe.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(probe).status == 200
