"""Traffic from traces, and the report of what became of it."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.emulator import Emulator, Load, ManualClock, TraceFormat, World, load_world, read_trace
from planner.emulator.errors import AliasNotFound
from planner.emulator.models.operations import Call
from planner.emulator.models.traffic import Trace, parse_trace
from tests.emulator.fc import ASR, NOON, emulated
from tests.published import Body

MINUTE = timedelta(minutes=1)
ROWS = "timestamp,value\n2026-11-01T08:00:00Z,3\n2026-11-01T08:01:00Z,9\n2026-11-01T08:02:00Z,0\n"
BEGAN = datetime.fromisoformat("2026-11-01T08:00:00Z")


def parsed(text: str, **form: object) -> Load:
    return parse_trace(text, TraceFormat.from_mapping(form), name="trace").load


def test_a_series_of_concurrency_is_the_load_and_nothing_is_asked_for_after_it() -> None:
    load = parsed(ROWS, duration_seconds=2)
    assert load == Load(values=(3, 9, 0, 0), start=BEGAN, duration_seconds=2)
    assert parsed(ROWS, repeat=True) == Load(values=(3, 9, 0), start=BEGAN, repeat=True)


def test_a_value_holds_until_the_next_row_and_a_minute_is_the_mean_of_it() -> None:
    text = "timestamp,value\n0,4\n90,1\n210,2\n"
    # 90 s of 4, 120 s of 1, and 2 for as long as the interval before it.
    assert parsed(text).values == (4, 2.5, 1, 1.5, 2, 1, 0)
    assert parsed("timestamp,value\n2026-11-01T08:00:00,5\n") == Load(values=(5, 0), start=BEGAN)


def test_requests_a_minute_become_concurrency_by_their_duration() -> None:
    assert parsed("at,asr\n0,120\n60,30\n", kind="requests", duration_seconds=1.5, time="at", column="asr") == Load(
        values=(3, 0.75, 0), duration_seconds=1.5
    )


def test_arrivals_are_counted_while_they_last_in_any_order() -> None:
    text = "timestamp,seconds,model\n50.5,30,a\n10,60,b\n1970-01-01 00:00:20.5000000,0,c\n"
    load = parsed(text, kind="arrivals", column="seconds")
    assert load.values == (pytest.approx(9.5 / 60 + 50 / 60), pytest.approx(20.5 / 60 + 10 / 60), 0)
    assert load.duration_seconds == 30
    assert parsed("timestamp\n59\n59\n", kind="arrivals", duration_seconds=2).values == (
        pytest.approx(2 / 60),
        pytest.approx(2 / 60),
        0,
    )


@given(st.lists(st.tuples(st.floats(0, 7000), st.floats(0.001, 900)), min_size=1, max_size=30))
def test_the_requests_of_a_trace_are_the_invocations_of_its_load(arrivals: list[tuple[float, float]]) -> None:
    text = "\n".join(["timestamp,duration", *(f"{at!r},{duration!r}" for at, duration in arrivals)])
    load = parsed(text, kind="arrivals", column="duration")
    assert sum(load.values) * 60 / load.duration_seconds == pytest.approx(len(arrivals))


_SERIES = st.lists(st.tuples(st.floats(0.5, 4000), st.floats(0, 100)), min_size=2, max_size=20)


@given(_SERIES, st.floats(0, 86_400))
def test_the_minutes_of_a_series_hold_what_its_rows_held(series: list[tuple[float, float]], began: float) -> None:
    at, held, lines = began, 0.0, ["timestamp,value"]
    for length, value in series:
        lines.append(f"{at!r},{value!r}")
        held += length * value
        at += length
    # The last row lasts as long as the one before it.
    held += (series[-2][0] - series[-1][0]) * series[-1][1]
    load = parsed("\n".join(lines), repeat=True)
    assert sum(load.values) * 60 == pytest.approx(held, abs=1e-3)
    assert max(load.values) <= max(value for _, value in series) + 1e-6
    assert load.start.timestamp() == began // 60 * 60


@pytest.mark.parametrize(
    ("text", "form", "fault"),
    [
        ("", {}, r"trace:1: no column 'timestamp', but none at all"),
        ("time,value\n0,1\n", {}, r"trace:1: no column 'timestamp', but time, value"),
        ("timestamp,value\n", {"column": "asr"}, r"trace:1: no column 'asr'"),
        ("timestamp,value\n", {}, r"trace:1: no rows"),
        ("timestamp,value\n0,1\n\n60\n", {}, r"trace:4: 1 cells under 2 columns"),
        ("timestamp,value\n0,1\n60,much\n", {}, r"trace:3: value is no number from 0 on: 'much'"),
        ("timestamp,value\n0,-1\n", {}, r"trace:2: value is no number from 0 on: '-1'"),
        ("timestamp,value\n0,nan\n", {}, r"trace:2: value is no number"),
        ("timestamp,value\n0,\n", {}, r"trace:2: value is no number from 0 on: ''"),
        ("timestamp,value\nnoon,1\n", {}, r"trace:2: 'noon' is neither an ISO 8601 time nor seconds"),
        ("timestamp,value\n1e300,1\n", {}, r"trace:2: '1e300' is neither"),
        ("timestamp,value\n60,1\n60,2\n", {}, r"trace:3: '60' is not after the row before"),
        ("timestamp,value\n0,1\n2026-11-01T08:00:00Z,1\n", {}, r"trace:3: .*more than 366 days from the first"),
        ("timestamp,value\n0,1\n60,9\n", {"kind": "arrivals", "column": "x"}, r"trace:1: no column 'x'"),
        ("timestamp,value\n0,0\n60,0\n", {"kind": "arrivals", "column": "value"}, r"trace: all requests take 0 s"),
        ("timestamp,value\n0,1e9\n", {"kind": "arrivals", "column": "value"}, r"trace:2: .*more than 366 days"),
        ('timestamp,value\n0,"1\n', {}, r"trace:2: unexpected end of data"),
        (ROWS, {"kind": "arrival"}, r"kind must be one of concurrency, requests, arrivals"),
        (ROWS, {"shift": "end"}, r"shift must be one of start, none"),
        (ROWS, {"repeat": "yes"}, r"repeat must be true or false"),
        (ROWS, {"duration_seconds": 0}, r"duration_seconds must be positive"),
        (ROWS, {"duration": 3}, r"unknown keys of a trace: duration; known: kind, time"),
    ],
)
def test_a_bad_trace_is_refused_with_its_line_and_the_reason(text: str, form: Body, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}"):
        parsed(text, **form)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    with pytest.raises(ValueError, match=r"trace\.csv: No such file"):
        read_trace(path, TraceFormat())
    path.write_bytes(b"timestamp,value\n0,\xff\n")
    with pytest.raises(ValueError, match=r"trace\.csv:2: not UTF-8"):
        read_trace(path, TraceFormat())
    path.write_bytes(b"\xef\xbb\xbf" + ROWS.encode())
    assert read_trace(path, TraceFormat()) == Trace(load=parsed(ROWS), shift="start")


def offered(fc: Emulator, qualifier: str = "LATEST") -> list[float]:
    return [minute.offered for minute in fc.report("asr", qualifier).minutes]


def test_a_trace_begins_now_or_at_its_own_dates() -> None:
    shifted, kept = (parse_trace(ROWS, TraceFormat(shift=shift), name="trace") for shift in ("start", "none"))
    fc = Emulator(World(functions=(ASR,)), clock=ManualClock(BEGAN - MINUTE))
    fc.advance(timedelta(seconds=15))
    fc.offer("asr", shifted)
    fc.offer("asr", kept, qualifier="prod")
    fc.advance(5 * MINUTE)
    # The minute in which the load was set was lived without it for 15 s.
    assert offered(fc) == [pytest.approx(3 * 45 / 60), 9, 0, 0, 0]
    assert offered(fc, "prod") == [0, 3, 9, 0, 0]


FILE = """
prices: {unit: 0.0001, as_of: 2026-11-01}
functions:
  - functionName: asr
    aliases: [prod]
    gpuConfig: {gpuType: fc.gpu.ada.1, gpuMemorySize: 49152}
    traffic:
      - {file: trace.csv, repeat: true}
      - {file: trace.csv, qualifier: prod, kind: requests, duration_seconds: 20, shift: none}
"""


def world(folder: Path, text: str = FILE, trace: str = ROWS) -> World:
    (folder / "trace.csv").write_text(trace, encoding="utf-8")
    (folder / "world.yaml").write_text(text, encoding="utf-8")
    return load_world(folder / "world.yaml")


def test_a_world_file_offers_traces_that_lie_beside_it(tmp_path: Path) -> None:
    fc = Emulator(world(tmp_path), clock=ManualClock(BEGAN))
    fc.advance(4 * MINUTE)
    assert (offered(fc), offered(fc, "prod")) == ([3, 9, 0, 3], [1, 3, 0, 0])
    found = fc.report("asr", "prod")
    assert (found.bill.prices_as_of, found.totals.invocations) == ("2026-11-01", pytest.approx(12))
    with fc.account() as account:
        assert "traffic" not in account.function("asr").to_wire("arn")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("qualifier: prod", "qualifier: canary", "traffic is for 'asr/canary', which is not defined"),
        ("file: trace.csv, qualifier", "qualifier", "'asr' needs a file"),
        ("file: trace.csv, repeat", "file: gone.csv, repeat", r"gone\.csv: No such file"),
        ("repeat: true", "column: asr", r"trace\.csv:1: no column 'asr'"),
        ("unit:", "units:", "unknown prices: units"),
    ],
)
def test_a_world_file_with_bad_traffic_is_refused_with_its_name(
    tmp_path: Path, before: str, after: str, fault: str
) -> None:
    with pytest.raises(ValueError, match=rf"world\.yaml: .*{fault}"):
        world(tmp_path, FILE.replace(before, after))


def test_the_trace_of_a_clock_that_ran_on_without_the_emulator_begins_now(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    fc = Emulator(World(functions=(ASR,)), clock=ManualClock(NOON), database=database)
    fc.advance(MINUTE)
    fc.close()
    fc = Emulator(world(tmp_path), clock=ManualClock(NOON + timedelta(hours=1)), database=database)
    fc.advance(2 * MINUTE)
    assert offered(fc)[-3:] == [0, 3, 9]
    fc.close()


def test_a_trace_goes_on_after_a_restart_and_another_one_begins(tmp_path: Path) -> None:
    database = tmp_path / "fc.db"
    fc = Emulator(world(tmp_path), clock=ManualClock(NOON), database=database)
    fc.advance(2 * MINUTE)
    fc.close()
    fc = Emulator(world(tmp_path), clock=ManualClock(NOON), database=database)
    fc.advance(2 * MINUTE)
    assert offered(fc) == [3, 9, 0, 3]
    fc.close()
    fc = Emulator(world(tmp_path, trace=ROWS.replace(",9", ",7")), clock=ManualClock(NOON), database=database)
    fc.advance(2 * MINUTE)
    assert offered(fc) == [3, 9, 0, 3, 3, 7]
    fc.close()


def put(fc: Emulator, body: object, qualifier: str = "prod") -> None:
    fc.call("PutProvisionConfig", Call(function_name="asr", query={"qualifier": qualifier}, body=body))


def test_a_report_tells_what_was_served_warm_what_was_cold_and_what_it_cost() -> None:
    spec = replace(ASR, gpu_type="fc.gpu.tesla.1", gpu_memory_mb=16384, startup_seconds=(0.0,))
    fc = Emulator(World(functions=(spec,)), clock=ManualClock(NOON))
    body = {"defaultTarget": 2, "alwaysAllocateCPU": False, "alwaysAllocateGPU": False}
    put(fc, body)
    fc.offer("asr", Load(values=(4, 12), start=NOON, repeat=True, duration_seconds=3), qualifier="prod")
    fc.advance(timedelta(hours=2))
    found = fc.report("asr", "prod", NOON + timedelta(hours=1), NOON + timedelta(hours=2))
    totals = found.totals
    assert (len(found.minutes), totals.offered, totals.served, totals.cold) == (60, 480, 360, 120)
    # Cold are those that no provisioned instance took; an on-demand one was there for them, from the first hour on.
    assert (totals.kept, totals.waited, totals.throttled, totals.waited_share) == (120, 0, 0, 0)
    assert (totals.cold_share, totals.peak, totals.invocations) == (0.25, 12, pytest.approx(480 * 60 / 3))
    assert (totals.warm_hours, totals.busy_hours, totals.starting_hours, totals.on_demand_hours) == (2, 1.5, 0, 0.5)
    cost = found.bill
    assert (cost.active, cost.hibernating, cost.on_demand) == (
        pytest.approx(1.5 * 3600 * 46.4),
        pytest.approx(0.5 * 3600 * 11.2),
        pytest.approx(0.5 * 3600 * 46.4),
    )
    assert cost.amount == pytest.approx(0.00011 * (cost.active + cost.hibernating + cost.on_demand + cost.calls))
    whole = fc.report("asr", "prod")
    assert (whole.start, whole.end, len(whole.minutes)) == (NOON, NOON + timedelta(hours=2), 120)
    nothing = fc.report("asr", "canary")
    assert (nothing.minutes, nothing.totals.cold_share, nothing.bill.units) == ([], 0, 0)
    with pytest.raises(AliasNotFound):
        fc.report("asr", "ghost")


def test_the_minutes_after_a_put_are_billed_by_its_flags() -> None:
    spec = replace(ASR, gpu_type="fc.gpu.tesla.1", gpu_memory_mb=16384, startup_seconds=(0.0,))
    fc = Emulator(World(functions=(spec,)), clock=ManualClock(NOON))
    put(fc, {"defaultTarget": 1})
    fc.advance(timedelta(hours=1))
    put(fc, {"alwaysAllocateCPU": False, "alwaysAllocateGPU": False})
    fc.advance(timedelta(hours=1))
    cost = fc.report("asr", "prod").bill
    assert (cost.active, cost.hibernating) == (pytest.approx(3600 * 46.4), pytest.approx(3600 * 11.2))


def test_a_week_is_lived_minute_by_minute() -> None:
    text = "timestamp,value\n" + "".join(f"{minute * 60},{minute % 1440 / 100}\n" for minute in range(7 * 1440))
    fc = Emulator(World(functions=(ASR,)), clock=ManualClock(NOON))
    fc.offer("asr", parse_trace(text, TraceFormat(), name="trace"), qualifier="prod")
    put(fc, {"defaultTarget": 2})
    fc.advance(timedelta(days=7))
    found = fc.report("asr", "prod")
    assert len(found.minutes) == 7 * 1440
    assert found.totals.offered == pytest.approx(7 * sum(range(1440)) / 100)


def _send(url: str, text: str, kind: str = "text/csv") -> Body:
    request = Request(url, data=text.encode(), method="PUT", headers={"Content-Type": kind})
    with build_opener(ProxyHandler({})).open(request, timeout=5) as answer:
        body: Body = json.loads(answer.read())
    return body


def test_traffic_and_report_by_route() -> None:
    with emulated() as fc:
        url = f"{fc.url}/_emulator/functions/asr/traffic?qualifier=prod&kind=requests&duration_seconds=20&repeat=true"
        assert _send(url, ROWS) == {"start": "2026-11-23T12:00:00+00:00", "minutes": 3}
        fc.put({"defaultTarget": 1})
        fc.wait(minutes=3)
        span = "from=2026-11-23T12:01:00Z&to=2026-11-23T12:03:00Z"
        status, told = fc.admin("GET", f"/_emulator/traffic?function=asr&qualifier=prod&{span}")
        assert status == 200
        assert [(m["start"], m["offered"], m["cold"]) for m in told["minutes"]] == [
            ("2026-11-23T12:01:00+00:00", 3, 0),
            ("2026-11-23T12:02:00+00:00", 0, 0),
        ]
        assert (told["from"], told["totals"]["served"]) == ("2026-11-23T12:01:00+00:00", 3)
        assert told["bill"]["currency"] == "CNY"


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/traffic", 400, "function"),
        ("GET", "/traffic?function=ghost", 404, "ghost"),
        ("GET", "/traffic?function=asr&qualifier=ghost", 404, "ghost"),
        ("GET", "/traffic?function=asr&from=2026-11-23T12:00:00", 400, "no zone"),
        ("PUT", "/functions/asr/traffic", 400, "sent as text/csv"),
    ],
)
def test_requests_for_traffic_that_make_no_sense_are_refused(method: str, path: str, status: int, error: str) -> None:
    with emulated() as fc:
        found, told = fc.admin(method, f"/_emulator{path}")
        assert found == status
        assert error in told["error"]
