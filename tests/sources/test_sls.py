"""Log Service's request metrics: from lines of the documented form, through its SQL as we read it, to concurrency."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from darabonba.exceptions import UnretryableException
from darabonba.policy.retry import RetryPolicyContext
from hypothesis import given, settings
from hypothesis import strategies as st
from Tea.exceptions import TeaException

from planner.base import MINUTE, FunctionRef
from planner.clock import ManualClock
from planner.collect import collect
from planner.errors import ConfigError, SourceBusy, SourceError
from planner.fc.sdk import Connection
from planner.sources import sls
from planner.sources.metered import Batch, Span
from planner.store import Store
from tests.builders import FUNCTION, NOON

EARLIER = NOON - timedelta(hours=1)


def a_line(start: float, milliseconds: float, *, cold: bool = False, status: int = 200) -> dict[str, str]:
    """A request that began `start` seconds after EARLIER, as the vendor's page prints a line (values are text)."""
    moment = int((EARLIER + timedelta(seconds=start)).timestamp() * 1000)
    return {
        "__topic__": f"FCRequestMetrics:/{FUNCTION.name}",
        "__time__": str(int((moment + milliseconds) / 1000)),
        "activeInstances": "0",
        "durationMs": f"{milliseconds:.2f}",
        "functionName": FUNCTION.name,
        "hasFunctionError": "false",
        "instanceID": "c-65a77eb0-15416274-ff5addb",
        "invocationStartTimestamp": str(moment),
        "invocationType": "Sync",
        "invokeFunctionStartTimestamp": str(moment - 1),
        "isColdStart": str(cold).lower(),
        "memoryMB": "512",
        "operation": "InvokeFunction",
        "qualifier": "LATEST",
        "requestId": "1-65a77fbb-157f3f32-e1ee24b17e49",
        "resourceMode": "OnDemand",
        "statusCode": str(status),
    }


@dataclass(slots=True)
class Logstore:
    """Holds lines and answers both queries as we read their SQL; a slow one needs repetitions to be complete."""

    lines: Sequence[Mapping[str, str]]
    incomplete: int = 0
    asked: list[str] = field(default_factory=list)

    def ask(self, query: str, start: datetime, end: datetime) -> tuple[list[dict[str, object]], bool]:
        self.asked.append(query)
        if self.incomplete:
            self.incomplete -= 1
            return [], False
        found = [
            (int(each["invocationStartTimestamp"]), math.floor(float(each["durationMs"]) + 0.5), each)
            for each in self.lines
            if each["__topic__"] in query and start.timestamp() <= int(each["__time__"]) < end.timestamp()
        ]
        return (_highest if "course as" in query else _most)(found), True


Requests = list[tuple[int, int, Mapping[str, str]]]


def _most(found: Requests) -> list[dict[str, object]]:
    rows: dict[int, Counter[str]] = defaultdict(Counter)
    for begin, took, line in found:
        away = line["statusCode"] == "429"
        for minute in range(begin // 60000, (begin + took) // 60000 + 1):
            part = max(0, min(begin + took, (minute + 1) * 60000) - max(begin, minute * 60000))
            rows[minute]["part"] += 0 if away else part
        first = rows[begin // 60000]
        first.update(requests=1, cold=int(line["isColdStart"] == "true"), away=int(away))
        first["took_ms"] += 0 if away else took
    return [
        {"minute": str(minute), "value": str(row["part"] / 60000)}
        | {name: str(row[name]) for name in ("requests", "cold", "away", "took_ms")}
        for minute, row in sorted(rows.items())
    ]


def _highest(found: Requests) -> list[dict[str, object]]:
    served = [(begin, took) for begin, took, line in found if line["statusCode"] != "429"]
    edges = sorted([(begin, 1) for begin, _ in served] + [(begin + took, -1) for begin, took in served])
    there, most = 0, dict[int, int]()
    for at, change in edges:
        most[at // 60000] = max(most.get(at // 60000, 0), there, there + change)
        there += change
    return [{"minute": str(minute), "value": str(value)} for minute, value in sorted(most.items())]


def a_source(
    lines: Sequence[Mapping[str, str]], *, statistic: sls.Statistic = "mean", incomplete: int = 0
) -> sls.LogService:
    return sls.LogService(
        logs=Logstore(lines, incomplete),
        place="here",
        statistic=statistic,
        back=timedelta(days=2),
        clock=ManualClock(NOON),
        draw=lambda: 0.0,
    )


def read(source: sls.LogService, *, now: datetime = NOON) -> Batch:
    return source.read(FUNCTION, Span(start=EARLIER, end=NOON, step=MINUTE), now=now, tell=lambda _: None)


def told(batch: Batch, way: int = 0) -> dict[int, float]:
    points = list(batch.points.values())[way]
    return {(point.at - EARLIER) // MINUTE: point.value or 0.0 for point in points}


def test_a_request_counts_in_each_minute_by_its_part() -> None:
    # 30 s to 150 s: half of the first minute, all of the second, half of the third.
    assert told(read(a_source([a_line(30, 120_000)]))) == {0: 0.5, 1: 1.0, 2: 0.5}


def test_the_most_in_flight_is_carried_into_the_next_minute() -> None:
    lines = [a_line(50, 20_000), a_line(55, 70_000), a_line(56, 200_000)]
    assert told(read(a_source(lines, statistic="max"))) == {0: 3, 1: 3, 2: 2, 3: 1, 4: 1}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 3000), st.floats(0, 400_000), st.booleans()), min_size=1, max_size=40))
def test_what_was_in_flight_is_the_requests_time(drawn: list[tuple[float, float, bool]]) -> None:
    lines = [a_line(start, took, cold=cold) for start, took, cold in drawn]
    mean, most = read(a_source(lines)), read(a_source(lines, statistic="max"))
    seconds = sum(math.floor(float(line["durationMs"]) + 0.5) / 1000 for line in lines)
    ends_within = all(start + took / 1000 < 3420 for start, took, _ in drawn)
    if ends_within:
        assert sum(told(mean).values()) * 60 == pytest.approx(seconds, abs=1e-6)
    assert all(value <= told(most)[minute] + 1e-9 for minute, value in told(mean).items())


def test_the_newest_minutes_are_not_told_since_requests_still_run() -> None:
    lines = [a_line(60 * minute, 5000) for minute in range(60)]
    assert max(told(read(a_source(lines)))) == 56
    assert max(told(read(a_source(lines), now=NOON + timedelta(hours=1)))) == 59


def test_what_was_turned_away_is_added_as_if_it_had_taken_as_long() -> None:
    lines = [a_line(n, 12_000) for n in range(5)] + [a_line(n, 1, status=429) for n in range(5)]
    batch = read(a_source(lines))
    # 5 x 12 s are one in flight for a minute; as many again were turned away.
    assert told(batch)[0] == pytest.approx(2.0)
    assert "turned away" in batch.remarks[0]


def test_a_minute_in_which_all_were_turned_away_is_left_out_where_nothing_says_how_long_they_take() -> None:
    batch = read(a_source([a_line(n, 1, status=429) for n in range(5)]))
    assert told(batch) == {}
    assert "left out" in batch.remarks[0]


def test_the_cold_share_is_told() -> None:
    lines = [a_line(n, 100, cold=n == 0) for n in range(40)]
    assert read(a_source(lines)).remarks == ("2.50% of 40 requests waited for an instance to start",)


@pytest.mark.parametrize(("each", "zeros"), [(5, 19), (6, 0)])
def test_a_hole_is_zero_between_quiet_minutes_only(each: int, zeros: int) -> None:
    lines = [a_line(60 * minute + n, 100) for minute in (10, 30) for n in range(each)]
    batch = read(a_source(lines))
    assert sorted(told(batch)) == [10, 30]
    assert told(batch, 1) == dict.fromkeys(range(11, 11 + zeros), 0.0)


def test_an_incomplete_answer_is_asked_for_again_and_is_never_data() -> None:
    source = a_source([a_line(0, 60_000)], incomplete=3)
    assert told(read(source))[0] == 1.0
    with pytest.raises(SourceBusy, match="stays incomplete"):
        read(a_source([a_line(0, 60_000)], incomplete=9))


def test_collecting_twice_changes_nothing_and_a_late_line_is_taken_in(tmp_path: object) -> None:
    lines = [a_line(60 * minute, 6000) for minute in range(50)]
    with Store.open(f"sqlite:///{tmp_path}/planner.db", migrate=True) as store:

        def points() -> list[float | None]:
            series = a_source([]).ways[0].series
            return [each.value for each in store.load_points(FUNCTION.name, series, start=EARLIER, end=NOON)]

        for _ in range(2):
            said = collect(FUNCTION, a_source(lines), store, NOON).sentence
            assert points() == [pytest.approx(0.1)] * 50
        assert said.endswith("by requests one by one (mean of the minute)")
        collect(FUNCTION, a_source([*lines, a_line(49 * 60, 6000)]), store, NOON)
        assert points()[-1] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"value": "1"}, "can't be read"),
        ({"minute": "x"}, "can't be read"),
        ({"minute": "29398320", "value": "-1"}, "has value"),
        ({"minute": "29398320", "value": "NaN"}, "has value"),
    ],
)
def test_an_odd_answer_is_refused(row: dict[str, str], why: str) -> None:
    minute = int(EARLIER.timestamp()) // 60
    answer = {**row, "minute": str(minute)} if row.get("minute", "").isdigit() else row

    class Odd:
        def ask(self, *_: object) -> tuple[list[dict[str, str]], bool]:
            return [answer], True

    source = sls.LogService(logs=Odd(), place="here", statistic="mean", back=timedelta(days=2), clock=ManualClock(NOON))
    with pytest.raises(SourceError, match=why):
        read(source)


class TestTheSdk:
    """The client is a stand-in with the shapes that alibabacloud-sls20201230 5.15 gave against a local server."""

    def logs(self, answer: Callable[..., object]) -> sls.SdkLogs:
        client = SimpleNamespace(get_logs=answer)
        return sls.SdkLogs(client, SimpleNamespace, "cn-hangzhou.log.aliyuncs.com", project="p", logstore="s")

    def test_rows_and_progress_are_read(self) -> None:
        asked: list[tuple[object, ...]] = []

        def answer(*arguments: object) -> object:
            asked.append(arguments)
            row = {"minute": "29398320", "value": "15.2"}
            return SimpleNamespace(body=SimpleNamespace(data=[row], meta=SimpleNamespace(progress="Complete")))

        assert self.logs(answer).ask("q", EARLIER, NOON) == ([{"minute": "29398320", "value": "15.2"}], True)
        ((project, logstore, request),) = asked
        assert (project, logstore) == ("p", "s")
        assert vars(request) == {"from_": int(EARLIER.timestamp()), "to": int(NOON.timestamp()), "query": "q"}

    @pytest.mark.parametrize(
        ("status", "code", "kind", "words"),
        [
            (404, "LogStoreNotExist", SourceError, "Log Service refused GetLogStoreLogs"),
            (403, "Unauthorized", SourceError, "may not do this"),
            (403, "ReadQuotaExceed", SourceBusy, "throttled"),
            (500, "InternalServerError", SourceBusy, "failed at"),
        ],
    )
    def test_refusals_are_told_from_trouble(self, status: int, code: str, kind: type[SourceError], words: str) -> None:
        data = {"httpCode": status, "requestId": "r", "statusCode": status}

        def answer(*_: object) -> object:
            inner = TeaException({"code": code, "message": "no", "data": data})
            raise UnretryableException(RetryPolicyContext(exception=inner))

        with pytest.raises(kind, match=words) as refused:
            self.logs(answer).ask("q", EARLIER, NOON)
        assert type(refused.value) is kind

    def test_without_the_extra_its_name_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "alibabacloud_sls20201230.client", None)
        with pytest.raises(ConfigError, match="SDK is not installed"):
            sls.connect(
                Connection(endpoint="https://cn-hangzhou.log.aliyuncs.com"),
                project="p",
                logstore="s",
                statistic="mean",
                back=timedelta(days=1),
                clock=ManualClock(NOON),
            )


def test_another_function_is_another_topic() -> None:
    source = a_source([a_line(0, 60_000)])
    span = Span(start=EARLIER, end=NOON, step=MINUTE)
    batch = source.read(FunctionRef(name="other"), span, now=NOON, tell=lambda _: None)
    assert told(batch) == {}
