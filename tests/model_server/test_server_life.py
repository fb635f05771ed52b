"""The life of a server: loading, warming up, overload, deadlines, draining, and its end."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_server.settings import Settings
from tests.emulator.instances.site import alive
from tests.model_server.serving import WITHIN_SECONDS, answer, request, serving, until


def ended(server) -> int:
    return server.process.wait(WITHIN_SECONDS)


def test_the_port_answers_while_the_model_loads(tmp_path):
    with serving(tmp_path, load_seconds=60) as server:
        assert server.call("GET", "/health").status == 200
        got = server.call("GET", "/ready")
        assert (got.status, got.json["state"]) == (503, "loading")
        got = server.invoke("one")
        assert got.status == 503
        assert got.headers["retry-after"] == "1"
        server.process.send_signal(signal.SIGTERM)
        assert ended(server) == 0


def test_initialize_waits_warms_up_once_and_logs_the_request_id(tmp_path):
    with serving(tmp_path, load_seconds=0.5) as server:
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(server.call, "POST", "/initialize", x_fc_request_id=f"id-{i}") for i in range(4)]
            assert {call.result().status for call in calls} == {200}
        assert server.call("POST", "/initialize").status == 200
        assert server.journal.count("warm up") == 1
        assert server.call("GET", "/ready").status == 200
        logged = {line.get("x-fc-request-id") for line in server.logs if line.get("action") == "initialize"}
        assert {f"id-{i}" for i in range(4)} <= logged


def test_before_it_is_ready_it_answers_requests_of_its_own_which_do_not_count(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        assert server.journal.count("['Nice to meet you']") > 1  # the model's own check asks once
        assert server.metric("model_server_invoke_seconds_count") == 0
        assert server.metric("model_server_batch_texts_count") == 0
        assert b"/invoke" not in server.call("GET", "/metrics").body


def test_a_sigterm_among_its_own_requests_ends_with_0(tmp_path):
    with serving(tmp_path, "--warm-up", "start", model="Slow") as server:
        until(lambda: server.journal.count("['Nice to meet you']") > 1, "it asks itself")
        assert server.call("GET", "/ready").status == 503
        server.process.send_signal(signal.SIGTERM)
        assert ended(server) == 0


@pytest.mark.parametrize(("model", "word"), [("Later", "raised an error"), ("Ending", "has ended")])
def test_a_model_that_fails_at_the_servers_own_requests_is_never_ready(tmp_path, model, word):
    with serving(tmp_path, model=model) as server:
        got = server.call("POST", "/initialize")
        assert got.status == 500
        assert word in got.json["error"]
        assert not any("ready after" in str(line["message"]) for line in server.logs)
    with serving(tmp_path, "--warm-up", "start", model=model) as server:
        assert ended(server) == 1


@pytest.mark.parametrize("flags", [("--max-text-characters", "20"), ("--timeout-seconds", "0.1")])
def test_a_limit_that_its_own_requests_meet_keeps_it_from_nothing(tmp_path, flags):
    with serving(tmp_path, *flags, model="Slow") as server:
        server.ready()
        assert server.call("GET", "/ready").status == 200
        shown = server.call("GET", "/metrics").body.decode()
        assert "/invoke" not in shown
        assert 'model_server_dropped_total{reason="deadline"} 0' in shown


def test_nothing_is_warm_before_initialize(tmp_path):
    with serving(tmp_path) as server:
        until(lambda: server.call("GET", "/").json["device"] is not None, "the model is loaded")
        assert server.call("GET", "/ready").status == 503
        assert server.journal == []


def test_without_an_initializer_it_warms_up_by_itself(tmp_path):
    with serving(tmp_path, "--warm-up", "start") as server:
        until(lambda: server.call("GET", "/ready").status == 200, "it is ready")
        assert server.invoke("one").status == 200


@pytest.mark.parametrize(
    ("flags", "model", "word"),
    [(("--weights", "missing"), "StandIn", "missing"), ((), "Wrong", "wrong"), ((), "Absent", "Absent")],
    ids=["no weights", "wrong answers", "no such model"],
)
def test_initialize_is_500_where_no_inference_comes_out_right(tmp_path, flags, model, word):
    with serving(tmp_path, *flags, model=model) as server:
        for _ in range(2):
            got = server.call("POST", "/initialize")
            assert got.status == 500
            assert word in got.json["error"]
        assert server.call("GET", "/ready").status == 503
        assert server.call("GET", "/health").status == 503
        assert server.invoke("one").status == 503


def test_without_an_initializer_a_model_that_fails_ends_the_server(tmp_path):
    with serving(tmp_path, "--warm-up", "start", model="Wrong") as server:
        assert ended(server) == 1
        assert any(line["level"] == "critical" for line in server.logs)


def test_overload_is_429_with_retry_after(tmp_path):
    with serving(tmp_path, "--max-waiting-texts", "4", "--max-texts", "4") as server:
        server.ready()
        held = [server.send("slow 1") for _ in range(4)]
        until(lambda: server.metric("model_server_admitted_texts") == 4, "the room is taken")
        got = server.invoke("one")
        assert got.status == 429
        assert int(got.headers["retry-after"]) >= 1
        assert {answer(connection).status for connection in held} == {200}
        assert server.invoke("one").status == 200


def test_a_passed_deadline_is_504_and_what_waited_is_not_computed(tmp_path):
    with serving(tmp_path, "--timeout-seconds", "0.5", "--batches-in-flight", "1") as server:
        server.ready()
        slow = server.send("slow 3")
        until(lambda: any("slow 3" in line for line in server.journal), "it is computed")
        late = server.send("too late")
        assert [answer(connection).status for connection in (slow, late)] == [504, 504]
        until(lambda: server.invoke("one").status == 200, "the model is free again")
        assert not any("too late" in line for line in server.journal)


def test_a_body_that_does_not_come_is_408(tmp_path):
    with serving(tmp_path, "--timeout-seconds", "0.3") as server:
        server.ready()
        connection = server.connect()
        connection.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\none")
        assert answer(connection).status == 408


def test_sigterm_loses_none_of_16_in_flight_and_leaves_no_child(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        worker = server.worker
        texts = ["slow 1", *(f"slow 0.05 {number}" for number in range(15))]
        connections = [server.send(text) for text in texts]
        until(lambda: server.metric("model_server_in_flight") == 16, "all are in flight")
        server.process.send_signal(signal.SIGTERM)
        for text, connection in zip(texts, connections, strict=True):
            got = answer(connection)
            assert (got.status, got.json[0]["text"]) == (200, text)
        assert ended(server) == 0
        assert not alive(worker)


def ask_again_and_again(connection) -> tuple[int, list[int]]:
    """Requests sent, and the statuses of their answers, until an answer says that it is the last."""
    sent, statuses = 0, []
    while True:
        sent += 1
        connection.sendall(request(f"{sent}".encode()))
        got = answer(connection)
        statuses.append(got.status)
        if got.headers.get("connection") == "close":
            return sent, statuses


def test_sigterm_under_load_loses_nothing_that_was_sent(tmp_path):
    with serving(tmp_path) as server, ThreadPoolExecutor(16) as pool:
        server.ready()
        clients = [pool.submit(ask_again_and_again, server.connect()) for _ in range(16)]
        until(lambda: server.metric("model_server_batch_texts_count") > 50, "the load is there")
        server.process.send_signal(signal.SIGTERM)
        for client in clients:
            sent, statuses = client.result()
            assert statuses == [200] * sent
        assert ended(server) == 0


def test_sigterm_loses_nothing_of_what_was_sent_ahead(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        connection = server.connect()
        texts = [f"slow 0.05 {number}" for number in range(12)]
        connection.sendall(b"".join(request(text.encode()) for text in texts))
        until(lambda: server.metric("model_server_in_flight") == 1, "the first is in flight")
        server.process.send_signal(signal.SIGTERM)
        answers = [answer(connection) for _ in texts]
        assert [got.json[0]["text"] for got in answers] == texts
        assert [got.headers.get("connection") for got in answers] == [None] * 11 + ["close"]
        assert ended(server) == 0


def test_a_client_that_always_sends_one_ahead_is_told_when_it_ends(tmp_path):
    with serving(tmp_path, "--grace-seconds", "60") as server:
        server.ready()
        connection = server.connect()
        connection.sendall(request(b"slow 0.05") * 2)
        until(lambda: server.metric("model_server_in_flight") == 1, "the first is in flight")
        server.process.send_signal(signal.SIGTERM)
        closed = False
        while not closed:
            got = answer(connection)
            assert got.status == 200
            closed = got.headers.get("connection") == "close"
            if not closed:
                connection.sendall(request(b"slow 0.05"))
        assert ended(server) == 0


def resident_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def test_memory_does_not_grow_with_requests(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        connections = [server.connect() for _ in range(8)]

        def ask(times: int) -> None:
            for number in range(times):
                for connection in connections:
                    connection.sendall(request(f"text {number}".encode()) * 10 + request(b"\xff"))
                for connection in connections:
                    received = b""
                    while received.count(b"HTTP/1.1 ") < 11 or not received.endswith(b"}"):  # the last is an error
                        received += connection.recv(65536)
                    assert received.count(b"HTTP/1.1 200") == 10

        ask(50)
        before = [resident_mib(process) for process in (server.process.pid, server.worker)]
        ask(200)
        after = [resident_mib(process) for process in (server.process.pid, server.worker)]
        assert max(b - a for a, b in zip(before, after, strict=True)) < 4


def test_pre_stop_finishes_what_is_in_flight_and_refuses_new_work(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        slow = server.send("slow 1")
        until(lambda: server.metric("model_server_in_flight") == 1, "it is in flight")
        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(server.call, "GET", "/pre-stop")
            until(lambda: server.call("GET", "/ready").status == 503, "it drains")
            refused = server.invoke("one")
            assert refused.status == 503
            assert refused.headers["connection"] == "close"
            assert answer(slow).status == 200
            assert stopping.result().status == 200
        assert server.call("GET", "/health").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert ended(server) == 0


def test_pre_stop_and_sigterm_give_up_after_the_grace(tmp_path):
    with serving(tmp_path, "--grace-seconds", "1") as server:
        server.ready()
        server.send("slow 60")
        until(lambda: server.metric("model_server_in_flight") == 1, "it is in flight")
        got = server.call("GET", "/pre-stop")
        assert (got.status, got.json["in_flight"]) == (503, 1)
        worker = server.worker
        server.process.send_signal(signal.SIGTERM)
        assert ended(server) == 0
        assert not alive(worker)


def test_losing_the_model_fails_what_is_in_flight_and_ends_with_1(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        connections = [server.send("slow 30"), server.send("waits")]
        until(lambda: server.metric("model_server_in_flight") == 2, "they are in flight")
        os.kill(server.worker, signal.SIGKILL)
        assert [answer(connection).status for connection in connections] == [503, 503]
        assert ended(server) == 1
        assert any(line.get("action") == "worker_lost" for line in server.logs)


def test_losing_the_model_while_it_loads_fails_initialize(tmp_path):
    with serving(tmp_path, load_seconds=60) as server:
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(server.call, "POST", "/initialize")
            until(lambda: any(line.get("action") == "initialize" for line in server.logs), "it waits")
            os.kill(server.worker, signal.SIGKILL)
            assert starting.result().status == 500
        assert ended(server) == 1


def test_a_stuck_model_ends_the_server(tmp_path):
    with serving(tmp_path, "--stall-seconds", "0.5", "--timeout-seconds", "1", "--grace-seconds", "2") as server:
        server.ready()
        worker = server.worker
        os.kill(worker, signal.SIGSTOP)
        assert answer(server.send("one")).status == 504
        assert ended(server) == 1
        assert not alive(worker)
        assert any(line.get("action") == "stall" for line in server.logs)


def test_the_model_ends_with_a_server_that_is_killed(tmp_path):
    with serving(tmp_path) as server:
        server.ready()
        worker = server.worker
        server.process.kill()
        server.process.wait()
        until(lambda: not alive(worker), "the model's process has ended")


def test_an_idle_connection_is_closed_after_its_time(tmp_path):
    with serving(tmp_path, "--keep-alive-seconds", "1") as server:
        connection = server.connect()
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection).status == 200
        assert connection.recv(1) == b""
    assert Settings().keep_alive_seconds == 900


def test_the_time_in_which_an_instance_is_frozen_ages_no_connection(tmp_path):
    with serving(tmp_path, "--keep-alive-seconds", "4") as server:
        server.ready()
        connection = server.connect()
        connection.sendall(request(b"one"))
        assert answer(connection).status == 200
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(5)
        server.process.send_signal(signal.SIGCONT)
        until(lambda: server.call("GET", "/health").status == 200, "it runs again")
        time.sleep(0.5)
        connection.sendall(request(b"two"))
        assert answer(connection).json[0]["text"] == "two"


def test_a_batch_that_was_frozen_with_the_instance_is_no_stuck_model(tmp_path):
    with serving(tmp_path, "--stall-seconds", "2") as server:
        server.ready()
        slow = server.send("slow 1")
        until(lambda: any("slow 1" in line for line in server.journal), "it is computed")
        both = (server.worker, server.process.pid)
        for process in both:
            os.kill(process, signal.SIGSTOP)
        time.sleep(3)
        for process in reversed(both):
            os.kill(process, signal.SIGCONT)
        assert answer(slow).status == 200
        assert server.invoke("one").status == 200


def test_a_taken_port_ends_with_1(tmp_path):
    with serving(tmp_path) as server:
        (tmp_path / "second").mkdir()
        with serving(tmp_path / "second", "--port", str(server.port)) as second:
            assert ended(second) == 1


def test_a_sigterm_that_comes_while_the_rest_is_imported_ends_with_0(tmp_path):
    with serving(tmp_path, load_seconds=60) as server:  # it has listened, and done nothing since
        worker = server.worker
        server.process.send_signal(signal.SIGTERM)
        assert ended(server) == 0
        assert not worker or not alive(worker)


def test_at_sigterm_a_request_whose_head_is_not_there_holds_nothing_up(tmp_path):
    with serving(tmp_path, "--grace-seconds", "600", "--timeout-seconds", "600") as server:
        server.ready()
        half = server.connect()
        half.sendall(request(b"one")[:20])
        slow = server.send("slow 0.5")
        until(lambda: server.metric("model_server_in_flight") == 1, "it is in flight")
        server.process.send_signal(signal.SIGTERM)
        assert answer(slow).status == 200
        assert ended(server) == 0
        assert half.recv(1) == b""


def test_behind_a_model_that_is_stuck_nothing_waits_whose_client_is_gone_or_whose_time_is_over(tmp_path):
    with serving(tmp_path, "--timeout-seconds", "2") as server:
        server.ready()
        stuck = server.send("slow 60")
        until(lambda: any("slow 60" in line for line in server.journal), "it is computed")
        gone, late = server.send("gone"), server.send("late")
        until(lambda: server.metric("model_server_queue_texts") == 2, "both wait")
        gone.close()
        until(lambda: server.metric("model_server_queue_texts") == 1, "the one whose client is gone is let go")
        assert [answer(connection).status for connection in (stuck, late)] == [504, 504]
        until(lambda: server.metric("model_server_queue_texts") == 0, "and so is the one that came too late")
        os.kill(server.worker, signal.SIGKILL)
