"""Prometheus: range queries page by page, and nothing but an answer of the configured server is taken for one."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from planner.clock import ManualClock
from planner.collect import collect
from planner.errors import SourceBusy, SourceError
from planner.sources import guarded
from planner.sources.metered import Batch, Span
from planner.sources.prometheus import MOST_POINTS, TOKEN_VARIABLE, Prometheus
from tests.builders import NOON
from tests.sources.given import ASR, MINUTE, Asked, Reply, StandIn, a_store, as_json, at, serving

HOUR = Span(start=NOON, end=at(60), step=MINUTE)
Load = Callable[[float], object]
"""The value of the query at an instant (minutes after noon); None: no sample."""


def prometheus(url: str, *, query: str = "sum(x)", **options: object) -> Prometheus:
    fields = {"url": url, "query": query, "step": MINUTE, "clock": ManualClock(NOON), "draw": lambda: 0.5}
    return Prometheus(**{**fields, **options})


def samples(asked: Asked, load: Load) -> list[list[object]]:
    """What Prometheus gives for a range query: each step from start to end, both included."""
    start, end, step = (float(asked.query[name]) for name in ("start", "end", "step"))
    moments = [start + n * step for n in range(int((end - start) // step) + 1)]
    found = [(moment, load((moment - NOON.timestamp()) / 60)) for moment in moments]
    return [[moment, str(value)] for moment, value in found if value is not None]


def matrix(*series: list[list[object]], **more: object) -> Reply:
    result = [{"metric": {}, "values": values} for values in series]
    return as_json({"status": "success", "data": {"resultType": "matrix", "result": result}, **more})


@contextmanager
def metered(load: Load) -> Iterator[StandIn]:
    with serving(lambda asked: matrix(samples(asked, load))) as server:
        yield server


def read(source: Prometheus, span: Span = HOUR) -> Batch:
    return source.read(ASR, span, now=span.end, tell=lambda _: None)


def points(batch: Batch) -> dict[object, float | None]:
    return {point.at: point.value for told in batch.points.values() for point in told}


class TestReading:
    def test_a_value_stands_for_the_interval_that_ends_there(self) -> None:
        with metered(lambda minute: minute) as server:
            found = points(read(prometheus(server.url)))
        assert found == {at(n): n + 1.0 for n in range(60)}

    def test_the_question_is_the_configured_one(self) -> None:
        with metered(lambda _: 1) as server:
            read(prometheus(f"{server.url}/select/", query='sum(x{function="$function"})'))
            (asked,) = server.asked
        assert asked.path == "/select/api/v1/query_range"
        assert asked.query["query"] == 'sum(x{function="asr"})'
        assert asked.query["step"] == "60"
        assert "authorization" not in asked.headers

    def test_a_long_span_is_read_in_several_queries_without_a_seam(self) -> None:
        span = Span(start=NOON, end=NOON + 25_000 * MINUTE, step=MINUTE)
        with metered(lambda minute: minute % 100) as server:
            found = points(read(prometheus(server.url), span))
            lengths = [
                round((float(asked.query["end"]) - float(asked.query["start"])) / 60) + 1 for asked in server.asked
            ]
        assert lengths == [MOST_POINTS, MOST_POINTS, 5_000]
        assert found == {NOON + n * MINUTE: float((n + 1) % 100) for n in range(25_000)}

    def test_gaps_stay_gaps(self) -> None:
        with metered(lambda minute: None if 10 < minute <= 20 else 3) as server:
            found = points(read(prometheus(server.url)))
        assert set(found) == {at(n) for n in range(60) if not 10 <= n < 20}

    def test_no_series_is_no_point(self) -> None:
        with serving(lambda _: matrix()) as server:
            assert points(read(prometheus(server.url))) == {}

    def test_what_is_no_concurrency_is_left_out_and_told(self) -> None:
        odd = {1: "NaN", 2: "+Inf", 3: "-Inf", 4: "-1"}
        with metered(lambda minute: odd.get(round(minute), "2.5")) as server:
            batch = read(prometheus(server.url))
        assert set(points(batch)) == {at(n) for n in range(4, 60)}
        assert batch.remarks == ("4 values were no use (NaN, infinite or negative), left out",)

    def test_samples_beside_the_span_or_doubled_do_no_harm(self) -> None:
        def reply(asked: Asked) -> Reply:
            values = samples(asked, lambda _: 2)
            return matrix([*values, values[0], [NOON.timestamp() - 600, "9"], [at(600).timestamp(), "9"]])

        with serving(reply) as server:
            assert points(read(prometheus(server.url))) == {at(n): 2.0 for n in range(60)}

    def test_collecting_twice_reads_the_new_end_only(self, tmp_path: Path) -> None:
        with metered(lambda _: 4) as server, a_store(tmp_path) as store:
            source = prometheus(server.url)
            first = collect(ASR, source, store, NOON)
            server.asked.clear()
            second = collect(ASR, source, store, at(5))
            starts = [float(asked.query["start"]) for asked in server.asked]

        assert first.points == 91 * 1440
        assert first.sentence == f"131,040 points to 12:00, newest 0 min old, by the query of {source.name}"
        assert (second.points, second.newest) == (37, at(5))
        assert starts == [at(-31).timestamp()]

    def test_another_question_is_another_series(self) -> None:
        asked = {prometheus("http://h", query=query).ways[0].series for query in ("a", "b", "a")}
        assert len(asked) == 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("reply", "message", "remedy"),
        [
            (matrix([], []), "gives 2 series", "put sum( ) around it"),
            (
                as_json({"status": "success", "data": {"resultType": "vector", "result": []}}),
                "no range of values",
                "URL",
            ),
            (
                as_json({"status": "error", "errorType": "bad_data", "error": "parse error"}, 400),
                "parse error",
                "query",
            ),
            (as_json({}, 401), "answered 401", TOKEN_VARIABLE),
            (as_json({}, 403), "answered 403", TOKEN_VARIABLE),
            ((200, {}, b"<html>"), "no explanation came with it", "query"),
            ((200, {}, b"[1]"), "no explanation came with it", "query"),
            (matrix([[1, "one"]]), "can't be read", ""),
            (matrix([["x"]]), "can't be read", ""),
        ],
        ids=["series", "vector", "bad query", "401", "403", "no JSON", "no object", "no number", "no pair"],
    )
    def test_another_answer_is_an_error(self, reply: Reply, message: str, remedy: str) -> None:
        with serving(lambda _: reply) as server, pytest.raises(SourceError, match=r"Prometheus|gives") as refused:
            read(prometheus(server.url))
        assert message in refused.value.message
        assert remedy in refused.value.remedy
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        "reply",
        [as_json({}, 503), as_json({}, 429), matrix([[NOON.timestamp() + 60, "1"]], warnings=["a store is away"])],
        ids=["503", "429", "partial"],
    )
    def test_a_busy_server_is_asked_again(self, reply: Reply) -> None:
        answers = [reply, reply]

        def next_reply(asked: Asked) -> Reply:
            return answers.pop() if answers else matrix(samples(asked, lambda _: 1))

        with serving(next_reply) as server:
            assert len(points(read(prometheus(server.url)))) == 60
            assert len(server.asked) == 3

    def test_and_then_no_more(self) -> None:
        with serving(lambda _: as_json({"error": "overloaded"}, 503)) as server:
            with pytest.raises(SourceBusy, match="answered 503: overloaded"):
                read(prometheus(server.url))
            assert len(server.asked) == 3

    def test_the_servers_wait_is_obeyed(self) -> None:
        clock = ManualClock(NOON)
        answers = [(429, {"Retry-After": "7"}, b"{}")]
        with serving(lambda asked: answers.pop() if answers else matrix(samples(asked, lambda _: 1))) as server:
            read(prometheus(server.url, clock=clock))
        assert clock.slept == [7.25]

    def test_no_server_is_no_answer(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(SourceBusy, match=r"No answer from 127\.0\.0\.1"):
                read(prometheus(f"http://127.0.0.1:{taken.getsockname()[1]}"))


class TestGuards:
    def test_a_redirect_is_not_followed_and_takes_no_token_along(self) -> None:
        with metered(lambda _: 1) as elsewhere:
            target = f"{elsewhere.url}/api/v1/query_range"
            with serving(lambda _: (302, {"Location": target}, b"")) as server:
                with pytest.raises(SourceError, match=r"redirects to 127\.0\.0\.1") as refused:
                    read(prometheus(server.url, token="canary-token"))
                assert server.asked[0].headers["authorization"] == "Bearer canary-token"
            assert elsewhere.asked == []
        assert refused.value.remedy == "Configure the final URL."

    def test_a_token_is_not_sent_in_plain_text_beyond_this_machine(self) -> None:
        with pytest.raises(SourceError, match=r"not sent to prometheus\.example over plain http") as refused:
            read(prometheus("http://prometheus.example", token="canary-token"))
        assert "canary" not in str(refused.value)

    def test_a_token_is_in_no_text_of_the_source(self) -> None:
        source = prometheus("https://h", token="canary-token")
        assert "canary" not in repr(source) + source.name + source.ways[0].series

    @pytest.mark.parametrize("allow_reserved", [True, False])
    def test_a_reserved_address_gets_no_request_unless_it_is_allowed(
        self, monkeypatch: pytest.MonkeyPatch, allow_reserved: bool
    ) -> None:
        import ipaddress

        # No test may talk to such an address, so this machine's stands for one.
        monkeypatch.setattr(guarded, "_RESERVED", (ipaddress.ip_network("127.0.0.0/8"),))
        with metered(lambda _: 1) as server:
            source = prometheus(server.url, allow_reserved=allow_reserved)
            if allow_reserved:
                assert len(points(read(source))) == 60
            else:
                with pytest.raises(SourceError, match="nothing was sent"):
                    read(source)
            assert len(server.asked) == int(allow_reserved)

    def test_an_answer_that_is_too_large_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guarded, "LARGEST", 2**20)
        with (
            serving(lambda _: (200, {}, b" " * (2**20 + 1))) as server,
            pytest.raises(SourceError, match="is larger than 1 MB"),
        ):
            read(prometheus(server.url))

    def test_an_answer_that_trickles_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Slow(ManualClock):
            def monotonic(self) -> float:
                self.sleep(40.0)
                return super().monotonic()

        body = json.dumps({"status": "success"}).encode() + b" " * 10 * guarded.CHUNK
        with serving(lambda _: (200, {}, body)) as server, pytest.raises(SourceBusy, match="takes longer than 60 s"):
            guarded.get(f"{server.url}/x?y", headers={}, clock=Slow(NOON), allow_reserved=False)

    def test_a_body_that_ends_early_is_no_answer(self) -> None:
        with (
            serving(lambda _: (200, {"Transfer-Encoding": "chunked"}, b"5\r\nab")) as server,
            pytest.raises(SourceBusy),
        ):
            guarded.get(f"{server.url}/x?y", headers={}, clock=ManualClock(NOON), allow_reserved=False)

    def test_a_proxy_of_the_environment_is_passed_by(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        with metered(lambda _: 1) as server:
            assert (
                len(points(read(prometheus(server.url), Span(start=NOON, end=NOON + timedelta(hours=1), step=MINUTE))))
                == 60
            )
