"""Alerts reach their channels in order and at least once, whatever fails or restarts between."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from planner.clock import Clock, ManualClock
from planner.config import NotifyConfig
from planner.errors import ConfigError, SourceBusy
from planner.notices import Alert, Channel, Courier, Topic, channels_of, note
from planner.sources.guarded import Answer
from planner.store import Event, Store
from tests.builders import FUNCTION, NOON

HOUR = timedelta(hours=1)
CHANNEL = Channel(name="oncall", kind="json", url="https://hooks.example/T0ken-in-path", secret="s3cret-s3cret")


@dataclass(slots=True)
class Receiver:
    """Takes letters, or refuses them; an answer may be lost after the letter arrived."""

    took: list[str] = field(default_factory=list)
    status: int = 200
    down: bool = False
    tries: int = 0

    def __call__(
        self, url: str, body: bytes, *, headers: Mapping[str, str], clock: Clock, allow_private: bool
    ) -> Answer:
        self.tries += 1
        if self.down:
            raise SourceBusy("No answer from hooks.example: refused")
        if self.status == 200:
            self.took.append(json.loads(body)["sentence"])
        return Answer(status=self.status, headers={}, body=b"no: T0ken-in-path, s3cret-s3cret")


@dataclass(slots=True)
class Desk:
    """Notes alerts and carries them; a new courier is a daemon that was restarted."""

    store: Store
    clock: ManualClock
    receiver: Receiver = field(default_factory=Receiver)
    ours: bool = True

    def courier(self, channel: Channel = CHANNEL) -> Courier:
        return Courier(
            [FUNCTION],
            self.store.control,
            [channel],
            clock=self.clock,
            ours=lambda _: self.ours,
            post=self.receiver,
            draw=lambda: 1.0,
        )

    def note(self, sentence: str, topic: Topic = Topic.DRIFT, key: str = "") -> bool:
        alert = Alert(topic=topic, sentence=sentence, key=key)
        return note(self.store, FUNCTION, alert, now=self.clock.now(), repeat_every=HOUR)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Store.open(f"sqlite:///{tmp_path / 'planner.db'}", migrate=True) as store:
        yield Desk(store=store, clock=ManualClock(NOON))


def test_what_lasts_is_said_once_an_hour_and_what_is_new_at_once(desk: Desk) -> None:
    said = [desk.note("drifted", key="a")]
    for _ in range(61):
        desk.clock.sleep(60)
        said.append(desk.note("drifted", key="a"))
    assert [n for n, each in enumerate(said) if each] == [0, 61]
    assert desk.note("drifted otherwise", key="b")
    assert desk.note("missing", Topic.SHORTFALL)
    assert not desk.note("missing", Topic.SHORTFALL)


def test_alerts_arrive_in_order_and_once(desk: Desk) -> None:
    courier = desk.courier()
    desk.note("first", key="1")
    desk.note("second", key="2")
    courier.round()
    courier.round()
    desk.note("third", key="3")
    courier.round()
    assert desk.receiver.took == ["first", "second", "third"]


def test_a_restart_loses_nothing_and_repeats_nothing_that_was_taken(desk: Desk) -> None:
    desk.note("first", key="1")
    desk.courier().round()
    desk.note("second", key="2")
    desk.clock.sleep(2 * HOUR.total_seconds())
    desk.courier().round()
    assert desk.receiver.took == ["first", "second"]


def test_a_receiver_that_is_down_gets_all_in_order_later_and_is_not_hammered(desk: Desk) -> None:
    desk.receiver.down = True
    courier = desk.courier()
    desk.note("first", key="1")
    for n in range(720):
        courier.round()
        desk.clock.sleep(5)
        if n == 360:
            desk.note("second", key="2")
    assert desk.receiver.tries <= 11, "an hour of pauses that double from 10 s to a quarter"
    # It was new when it was first seen; that hours pass since changes nothing, nor does a restart.
    desk.clock.sleep(5 * HOUR.total_seconds())
    desk.receiver.down = False
    desk.courier().round()
    assert desk.receiver.took == ["first", "second"]


def test_after_a_day_it_gives_up_and_says_so(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.receiver.status = 500
    courier = desk.courier()
    desk.note("first", key="1")
    with caplog.at_level(logging.WARNING, logger="planner.daemon"):
        courier.round()
        desk.clock.sleep(25 * HOUR.total_seconds())
        desk.note("second", key="2")
        courier.round()
        desk.receiver.status = 200
        desk.clock.sleep(HOUR.total_seconds())
        courier.round()
    assert desk.receiver.took == ["second"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "gave up to tell oncall after a day: asr-gpu:prod drift: first" in caplog.text
    assert "T0ken" not in caplog.text
    assert "s3cret" not in caplog.text


def test_what_a_receiver_repeats_of_a_secret_is_not_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    robot = Channel(name="group", kind="dingtalk", url="https://oapi.example/send?access_token=T0ken-in-path")
    desk.receiver.status = 200
    answer = {"errcode": 1, "errmsg": "T0ken-in-path is no token"}
    desk.note("first")

    def post(url: str, body: bytes, **_: object) -> Answer:
        return Answer(status=200, headers={}, body=json.dumps(answer).encode())

    courier = Courier([FUNCTION], desk.store.control, [robot], clock=desk.clock, ours=lambda _: True, post=post)
    with caplog.at_level(logging.WARNING, logger="planner.daemon"):
        courier.round()
    assert "refused with errcode 1: [hidden] is no token" in caplog.text
    assert "T0ken" not in caplog.text


def test_another_daemon_carries_what_it_acts_on(desk: Desk) -> None:
    desk.ours = False
    desk.note("first")
    desk.courier().round()
    assert desk.receiver.tries == 0


def test_a_channel_hears_of_its_topics_only_and_of_nothing_old(desk: Desk) -> None:
    desk.note("long ago", Topic.SHORTFALL)
    desk.clock.sleep(2 * HOUR.total_seconds())
    for n in range(15):
        desk.note(f"drift {n}", key=str(n))
    desk.note("missing", Topic.SHORTFALL)
    courier = desk.courier(Channel(name="few", kind="json", url=CHANNEL.url, topics=frozenset({Topic.SHORTFALL})))
    courier.round()
    courier.round()
    assert desk.receiver.took == ["missing"]


def test_the_dropping_of_old_records_keeps_the_place(desk: Desk) -> None:
    desk.note("first", key="1")
    desk.courier().round()
    desk.clock.sleep(3 * HOUR.total_seconds())
    desk.store.control.forget_events(FUNCTION, desk.clock.now())
    desk.courier().round()
    assert desk.receiver.took == ["first"]


def test_after_a_clock_was_set_back_nothing_is_told_again_and_what_is_new_is(desk: Desk) -> None:
    desk.note("first", key="1")
    desk.courier().round()
    desk.clock = ManualClock(NOON - 2 * HOUR)
    for number in (2, 3):
        desk.note(f"word {number}", key=str(number))
        desk.courier().round()
    assert desk.receiver.took == ["first", "word 2", "word 3"]


class TestChannels:
    NOTIFY = NotifyConfig.model_validate(
        {"channels": ({"name": "oncall", "kind": "feishu", "topics": ("drift",), "language": "zh"},)}
    )

    def test_url_and_secret_come_from_the_environment(self) -> None:
        url = "https://open.feishu.cn/open-apis/bot/v2/hook/H"
        environ = {"PLANNER_NOTIFY_ONCALL_URL": url, "PLANNER_NOTIFY_ONCALL_SECRET": "S"}
        (found,) = channels_of(self.NOTIFY, environ)
        assert (found.url, found.secret, found.topics, found.language) == (url, "S", frozenset({Topic.DRIFT}), "zh")
        assert url not in repr(found)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "http://hooks.example/x",
            "ftp://127.0.0.1/",
            "https://",
            "hooks.example",
            "https://h/a b",
            "https://h/\x07",
            "https://h:x/",
            "https://h/钥",
            "https://[h/",
        ],
        ids=ascii,
    )
    def test_a_url_that_is_none_is_refused_without_being_shown(self, url: str) -> None:
        with pytest.raises(ConfigError, match=r"PLANNER_NOTIFY_ONCALL_URL|oncall has no URL") as refused:
            channels_of(self.NOTIFY, {"PLANNER_NOTIFY_ONCALL_URL": url})
        assert not url or url not in str(refused.value).replace("PLANNER_NOTIFY_ONCALL_URL", "")


def test_what_others_note_is_told_in_its_turn(desk: Desk) -> None:
    desk.note("first", key="1")
    down = Event(function=FUNCTION, kind="rung", at=NOON, sentence="last week plans now", facts='{"rung": "last_week"}')
    desk.store.control.note_event(down)
    desk.note("third", key="3")
    desk.courier().round()
    assert desk.receiver.took == ["first", "last week plans now", "third"]
