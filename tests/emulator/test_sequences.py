"""Random sequences of everything that can happen to an emulator, and what must hold after each step.

Said exactly, after every step:

1. time: the clock stands where it was moved to, and cannot be moved back;
2. documents: each is what the puts that took effect leave, by a second reading of "absent is kept";
3. targets: the default until the first evaluation, then what a second reading of the schedules asks for, between the
   bounds of the trackers in effect;
4. room: no config has more instances than its target; with on-demand ones region and cards of a type are never over
   their quotas nor the starts over the growth limit, and there is an error exactly where instances are missing;
5. pages: the configs of all pages are those that Get answers, in order, each once;
6. the journal tells every effect: putting what it says was put, and deleting what it says was deleted, gives what is
   stored; a refused, failed or cut request, and every read, changes nothing;
7. a restart from the database changes nothing.
"""

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from planner.emulator import Emulator, FunctionSpec, ManualClock, Settings, World
from planner.emulator.models.journal import Entry
from tests.emulator.drawn import PROVISION, SCALING, Kind, Reading, asked, faulty_puts, puts
from tests.emulator.fc import ASR, NOON
from tests.emulator.wire import Wire
from tests.published import Body

Key = tuple[str, str]
REGION, CARDS, BURST, PER_MINUTE = 12, 7, 6, 3
GPU = "fc.gpu.ada.2"
FUNCTIONS = (
    replace(ASR, gpu_type=GPU),
    replace(ASR, name="tts", gpu_type=GPU, startup_seconds=(0.0, 45.0)),
    FunctionSpec(name="text"),
)
DARK = "text"
"""The function without instance metrics."""
KEYS = (("asr", "prod"), ("asr", "LATEST"), ("tts", "LATEST"), ("text", "LATEST"))
NOBODY = (("ghost", "LATEST"), ("asr", "beta"), ("asr", "3"))
ACTIONS = ("*", "PutProvisionConfig", "PutScalingConfig", "DeleteProvisionConfig", "GetProvisionConfig")

keys = st.sampled_from(KEYS)
kinds = st.sampled_from((PROVISION, PROVISION, SCALING))
"""A function has one kind at a time: with as many of both, most puts would be refused."""
moves = st.one_of(
    st.integers(1, 119).map(lambda count: timedelta(seconds=count)),
    st.integers(1, 20).map(lambda count: timedelta(minutes=count)),
    st.sampled_from((timedelta(hours=1), timedelta(hours=5, minutes=7, seconds=13), timedelta(days=1))),
)
turns = st.sampled_from((10, 20, 21, 30, 40, 45, 54, 60, 75, 25 * 60, 26 * 60))
"""Minutes after noon at which windows open and close and triggers fire."""
harms = st.sampled_from(
    (
        {"status": 503, "code": "ResourceThrottled"},
        {"status": 429, "code": "ResourceExhausted", "retry_after_ms": 100},
        {"cut": "before"},
        {"cut": "after"},
        {"stale": True},
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a put left."""

    kind: Kind
    document: Body
    put_at: datetime
    evaluated_from: datetime


class Sequences(RuleBasedStateMachine):
    """An emulator, a client on its wire, and what both should know."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.running = ExitStack()

    @initialize(
        reading=st.builds(
            Reading, among=st.sampled_from(("last", "max")), past_at=st.sampled_from(("fires", "ignored"))
        ),
        lag=st.sampled_from((0, 60, 120)),
        stored=st.booleans(),
        bodies=st.lists(puts(PROVISION), min_size=len(KEYS) - 1, max_size=len(KEYS) - 1),
        load=st.sampled_from((0, 3, 25)),
    )
    def begin(self, reading: Reading, lag: int, stored: bool, bodies: list[Body], load: int) -> None:
        self.database = Path(self.folder.name) / "fc.db" if stored else None
        self.reading, self.lag = reading, timedelta(seconds=lag)
        self.functions = {function.name: function for function in FUNCTIONS}
        self.now, self.expected, self.past_entries = NOON, dict[Key, Stored](), tuple[Entry, ...]()
        self._start()
        for key, body in zip(KEYS, bodies, strict=False):
            self._put(body, key, PROVISION)
            self._offer(key, [load])

    def _start(self) -> None:
        switches = Settings.from_mapping(
            {
                "among": self.reading.among,
                "past_at": self.reading.past_at,
                "evaluation_lag_seconds": int(self.lag.total_seconds()),
                "deleted_instances": "gone",
                "region_instances": REGION,
                "gpu_cards_per_type": CARDS,
                "growth_burst": BURST,
                "growth_per_minute": PER_MINUTE,
            }
        )
        world = World(functions=tuple(self.functions.values()), settings=switches)
        self.emulator = Emulator(world, clock=ManualClock(NOON), database=self.database)
        self.running.callback(self.emulator.close)
        self.wire = Wire(self.emulator)
        self.running.callback(self.wire.close)

    def teardown(self) -> None:
        self.running.close()
        self.folder.cleanup()

    # What happens

    @rule(data=st.data(), key=keys, kind=kinds)
    def put(self, data: st.DataObject, key: Key, kind: Kind) -> None:
        self._put(data.draw(puts(kind)), key, kind)

    def _put(self, body: Body, key: Key, kind: Kind) -> None:
        refused = self._other_kind(key, kind) or (key[0] == DARK and bool(body.get(kind.trackers)))
        if self._write("PUT", key, kind, body, refused=refused):
            held = self.expected.get(key)
            base = held.document if held else {kind.default: 0, kind.schedules: [], kind.trackers: []}
            due = self.now + self.lag
            if held and self.now < held.evaluated_from:
                due = min(due, held.evaluated_from)
            document = {**base, **body}
            self.expected[key] = Stored(kind=kind, document=document, put_at=self.now, evaluated_from=due)

    @rule(data=st.data(), changed=st.sets(keys, min_size=1), by=moves)
    def put_and_wait(self, data: st.DataObject, changed: set[Key], by: timedelta) -> None:
        for key in sorted(changed):
            kind = next((held.kind for near, held in self.expected.items() if near[0] == key[0]), PROVISION)
            self._put(data.draw(puts(kind)), key, kind)
        self._wait(by)

    @rule(data=st.data(), key=keys, kind=kinds)
    def put_what_is_wrong(self, data: st.DataObject, key: Key, kind: Kind) -> None:
        self._write("PUT", key, kind, data.draw(faulty_puts(kind)), refused=True)

    @rule(key=st.sampled_from(NOBODY), kind=kinds, method=st.sampled_from(("PUT", "DELETE", "GET")), by=moves)
    def ask_for_nobody_and_for_the_past(self, key: Key, kind: Kind, method: str, by: timedelta) -> None:
        self._write(method, key, kind, {}, refused=True)
        before = self.emulator.state()
        answer = self.wire.ask("POST", "/_emulator/clock", {"now": (self.now - by).isoformat()})
        assert (answer.status, self.emulator.state()) == (400, before)

    @rule(key=keys, kind=kinds)
    def delete(self, key: Key, kind: Kind) -> None:
        if self._write("DELETE", key, kind, None, refused=False) and self._stored(key, kind):
            del self.expected[key]

    @rule(key=keys, kind=kinds)
    def read(self, key: Key, kind: Kind) -> None:
        self._write("GET", key, kind, None, refused=False, reads=True)

    @rule(key=keys, values=st.lists(st.sampled_from((0, 3, 11, 25, 60)), min_size=1, max_size=3))
    def offer(self, key: Key, values: list[int]) -> None:
        self._offer(key, values)

    def _offer(self, key: Key, values: list[int]) -> None:
        path = f"/_emulator/functions/{key[0]}/load"
        assert self.wire.ask("PUT", path, {"values": values, "repeat": True}, qualifier=key[1]).status == 200

    @rule(harm=harms, action=st.sampled_from(ACTIONS), times=st.integers(1, 2), skip=st.integers(0, 1))
    def order_a_fault(self, harm: Body, action: str, times: int, skip: int) -> None:
        fault = {**harm, "action": action, "times": times, "skip": skip}
        assert self.wire.ask("POST", "/_emulator/faults", fault).status == 200

    @rule(name=st.sampled_from(("asr", "tts")), error=st.sampled_from(("", "image not found")))
    def break_or_mend_an_image(self, name: str, error: str) -> None:
        self.functions[name] = replace(self.functions[name], image_pull_error=error)
        self.emulator.put_function(self.functions[name])

    @rule(minutes=turns, seconds=st.sampled_from((0, 0, 30)))
    def wait_until(self, minutes: int, seconds: int) -> None:
        moment = NOON + timedelta(minutes=minutes, seconds=seconds)
        self._wait(max(moment - self.now, timedelta(0)))

    @rule(by=moves)
    def wait(self, by: timedelta) -> None:
        self._wait(by)

    def _wait(self, by: timedelta) -> None:
        self.now += by
        answer = self.wire.ask("POST", "/_emulator/clock", {"advanceSeconds": by.total_seconds()})
        assert answer.body["now"] == self.now.isoformat()

    @precondition(lambda self: self.database)
    @rule()
    def restart(self) -> None:
        before = self.emulator.state()
        self.past_entries += self.emulator.journal.entries()
        self.running.close()
        self._start()
        assert self.emulator.state() == before

    # What must come of it

    def _write(self, method: str, key: Key, kind: Kind, body: object, *, refused: bool, reads: bool = False) -> bool:
        """Send a request; whether it took effect, which only a fault may decide against `refused`."""
        before, count = self.emulator.state(), len(self.emulator.journal.entries())
        answer = self.wire.ask(method, f"/2023-03-30/functions/{key[0]}/{kind.path}", body, qualifier=key[1])
        *earlier, entry = self.emulator.journal.entries()
        assert len(earlier) == count
        assert answer.status == entry.status
        assert not (entry.effect and refused)
        assert entry.effect is not refused or entry.fault
        assert not entry.code or answer.status is None or answer.body["Code"] == entry.code
        if reads or not entry.effect:
            assert self.emulator.state() == before
        elif method == "PUT":
            # The answer shows the default, even where the evaluation follows at once.
            stored = self.emulator.config(*key)
            assert stored is not None
            assert entry.stored == {**stored, kind.target: stored[kind.default]}
        return entry.effect

    def _stored(self, key: Key, kind: Kind) -> bool:
        return key in self.expected and self.expected[key].kind is kind

    def _other_kind(self, key: Key, kind: Kind) -> bool:
        return any(near[0] == key[0] and held.kind is not kind for near, held in self.expected.items())

    def _configs(self) -> dict[Key, Body]:
        """Every config as it is shown, with what is behind it under `state`."""
        return {
            (config["state"]["key"][0], config["state"]["key"][1]): config
            for config in self.emulator.state()["configs"]
        }

    @invariant()
    def time_is_where_it_was_moved_to(self) -> None:
        assert self.emulator.state()["now"] == self.now.isoformat()

    @invariant()
    def documents_are_what_the_puts_left(self) -> None:
        configs = self._configs()
        assert configs.keys() == self.expected.keys()
        for key, held in self.expected.items():
            assert {field: configs[key][field] for field in held.document} == held.document

    @invariant()
    def targets_are_what_the_documents_ask_for(self) -> None:
        for key, config in self._configs().items():
            held = self.expected[key]
            if self.now < held.evaluated_from:
                least = most = held.document[held.kind.default]
            else:
                at = max(held.evaluated_from, self.now.replace(second=0, microsecond=0))
                least, most = asked(held.kind, held.document, held.put_at, at, self.reading)
            assert least <= config[held.kind.target] <= most, key

    @invariant()
    def there_is_room_for_all_instances(self) -> None:
        cards = region = starts = 0
        for key, config in self._configs().items():
            kind, fleet = self.expected[key].kind, config["state"]["fleet"]
            count = fleet["warm"] + len(fleet["starting"])
            assert 0 <= config[kind.current] == fleet["warm"]
            assert count <= config[kind.target]
            assert (config["currentError"] != "") == (count < config[kind.target])
            region += count
            cards += count if key[0] != DARK else 0
            starts += fleet["launched"]
        with self.emulator.account() as account:
            for (name, _), meter in account.meters.items():
                region += meter.on_demand_count
                cards += meter.on_demand_count if name != DARK else 0
                starts += meter.elastic.launched
        assert region <= REGION
        assert cards <= CARDS
        assert starts <= BURST + PER_MINUTE * (self.now - NOON) / timedelta(minutes=1)

    @precondition(lambda self: not self.emulator.faults.pending())
    @invariant()
    def pages_hold_what_gets_answer(self) -> None:
        for kind in (PROVISION, SCALING):
            gets = [
                self.wire.ask("GET", f"/2023-03-30/functions/{name}/{kind.path}", qualifier=qualifier).body
                for name, qualifier in sorted(KEYS)
            ]
            listed: list[Body] = []
            query: dict[str, object] = {"limit": 2}
            while query:
                page = self.wire.ask("GET", kind.listing, **query).body
                listed += page[kind.configs]
                query = {"limit": 2, "nextToken": page["nextToken"]} if "nextToken" in page else {}
            assert listed == [body for body in gets if body["functionArn"]]

    @invariant()
    def the_journal_tells_every_effect(self) -> None:
        told: dict[Key, tuple[str, Body]] = {}
        for entry in (*self.past_entries, *self.emulator.journal.entries()):
            place = re.fullmatch("/2023-03-30/functions/([^/]+)/([^/]+)", entry.path)
            if place is None or not entry.effect:
                continue
            key, path = (place[1], entry.query["qualifier"]), place[2]
            if entry.method == "PUT" and entry.stored is not None:
                told[key] = path, entry.stored
            elif entry.method == "DELETE" and key in told and told[key][0] == path:
                del told[key]
        found = {
            key: (held.kind.path, {field: told[key][1][field] for field in held.document})
            for key, held in self.expected.items()
        }
        assert found == {key: (held.kind.path, held.document) for key, held in self.expected.items()}
        assert told.keys() == self.expected.keys()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
