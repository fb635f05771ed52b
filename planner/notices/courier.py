"""Carries alerts from the records to webhooks: in order for each function, at least once, and beside the jobs.

Where a channel stands is on record too (an event of the channel with the number of the alert), so a restart loses
nothing and repeats at most the message that was on its way. The daemon that acts on a function carries its alerts.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event as Flag
from typing import Protocol
from urllib.parse import urlsplit

from planner.base import FunctionRef
from planner.clock import Clock
from planner.config import NotifyConfig
from planner.endpoint import is_loopback
from planner.errors import ConfigError, PlannerError, SourceError
from planner.notices.alerts import TOLD, Topic, topic_of
from planner.notices.forms import Kind, letter, refusal
from planner.notices.message import Language, Message
from planner.sources.guarded import Answer, post
from planner.store import BOOKS, Control, Event, NumberedEvent

LOG = logging.getLogger("planner.daemon")
BEAT = timedelta(seconds=5)
AT_ONCE = 10
"""Messages of a function to a channel in one round: DingTalk takes 20 a minute."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=15)
"""Between tries of a channel that refuses; doubled each time, and a random part of it waited."""
GIVE_UP = timedelta(days=1)
NEW = timedelta(hours=1)
"""Older alerts are not told to a channel that was never told anything."""


class Post(Protocol):
    """`guarded.post`."""

    def __call__(
        self, url: str, body: bytes, *, headers: Mapping[str, str], clock: Clock, allow_private: bool
    ) -> Answer:
        """The answer to one POST, or SourceError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A webhook with what the environment holds of it."""

    name: str
    kind: Kind
    url: str = field(repr=False)
    secret: str = field(repr=False, default="")
    topics: frozenset[Topic] = frozenset(Topic)
    language: Language = "en"
    allow_private: bool = False

    def send(self, message: Message, *, clock: Clock, post: Post = post) -> None:
        """One try; SourceError where the message was not accepted. No word of the URL or the secret is in it."""
        made = letter(message, self.kind, url=self.url, secret=self.secret, language=self.language, now=clock.now())
        answer = post(made.url, made.body, headers=made.headers, clock=clock, allow_private=self.allow_private)
        if why := refusal(self.kind, answer.status, answer.body):
            raise SourceError(
                f"Channel {self.name} {self._hidden(why)}", remedy="Check its URL, its secret and its rules."
            )

    def _hidden(self, said: str) -> str:
        """A receiver may repeat what it was sent."""
        secrets = [self.secret, self.url, *(value for value in urlsplit(self.url).query.split("&") if value)]
        secrets += [urlsplit(self.url).path.strip("/"), *(value.partition("=")[2] for value in secrets)]
        for secret in sorted({each for each in secrets if len(each) > 7}, key=len, reverse=True):
            said = said.replace(secret, "[hidden]")
        return said


def channels_of(notify: NotifyConfig, environ: Mapping[str, str]) -> tuple[Channel, ...]:
    """The configured channels; ConfigError where the environment lacks a URL, or has one that is none for them."""
    found = []
    for each in notify.channels:
        url = environ.get(each.url_variable, "").strip()
        if not url:
            raise ConfigError(
                f"notify.channels: {each.name} has no URL", remedy=f"Set it in the environment: {each.url_variable}."
            )
        if not _is_for_messages(url):
            raise ConfigError(f"{each.url_variable} is no https URL", remedy="Write https://host/path.")
        found.append(
            Channel(
                name=each.name,
                kind=each.kind,
                url=url,
                secret=environ.get(each.secret_variable, ""),
                topics=frozenset(Topic) if each.topics is None else frozenset(map(Topic, each.topics)),
                language=each.language,
                allow_private=each.allow_private,
            )
        )
    return tuple(found)


def _is_for_messages(url: str) -> bool:
    """Whether a message may be sent there; what it isn't may be a secret, so nothing of it is said."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = parts.scheme == "http" and is_loopback(host or "")
    # http.client refuses other characters with a text that repeats the path.
    return bool(host) and (parts.scheme == "https" or plain) and url.isascii() and url.isprintable() and " " not in url


@dataclass(slots=True)
class _Pause:
    failures: int = 0
    until: float = 0.0


class Courier:
    """Delivers what is waiting, a round at a time; nothing that it does holds a job up.

    `ours` says whether no other daemon acts on a function.
    """

    def __init__(
        self,
        functions: Sequence[FunctionRef],
        control: Control,
        channels: Iterable[Channel],
        *,
        clock: Clock,
        ours: Callable[[FunctionRef], bool],
        post: Post = post,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._functions, self._control, self._clock = functions, control, clock
        self._ours, self._post, self._draw = ours, post, draw
        self._pauses = {channel: _Pause() for channel in channels}

    def round(self) -> None:
        """Try each channel that isn't pausing; errors end with a line in the log. Raises StoreError."""
        for function in self._functions:
            if self._ours(function):
                for channel, pause in self._pauses.items():
                    if self._clock.monotonic() >= pause.until:
                        self._carry(channel, function, pause)

    def until(self, stop: Flag) -> None:
        """Go round until `stop` is set, and once more."""
        trouble = ""
        while True:
            ends = stop.wait(BEAT.total_seconds())
            try:
                self.round()
                trouble = ""
            except PlannerError as error:
                if error.message != trouble:
                    _log(f"nothing can be told: {error.message}", logging.ERROR)
                trouble = error.message
            except Exception:
                LOG.exception("a bug in telling channels", extra={"action": "bug"})
            if ends:
                return

    def _carry(self, channel: Channel, function: FunctionRef, pause: _Pause) -> None:
        for waiting in self._waiting(channel, function):
            topic, event = topic_of(waiting.event), waiting.event
            if topic in channel.topics and not self._told(channel, waiting, topic, pause):
                if self._clock.now() - event.at < GIVE_UP:
                    return
                _log(f"gave up to tell {channel.name} after a day: {function} {topic}: {event.sentence}", logging.ERROR)
            self._note(channel, function, waiting.number, f"done with: {event.sentence}")

    def _told(self, channel: Channel, waiting: NumberedEvent, topic: Topic, pause: _Pause) -> bool:
        event = waiting.event
        message = Message(
            id=f"{event.function}/{waiting.number}",
            function=event.function,
            topic=topic,
            at=event.at,
            sentence=event.sentence,
        )
        try:
            channel.send(message, clock=self._clock, post=self._post)
        except SourceError as error:
            longest = min(FIRST_PAUSE * 2**pause.failures, LONGEST_PAUSE).total_seconds()
            pause.failures = min(pause.failures + 1, 10)
            pause.until = self._clock.monotonic() + longest * (1 + self._draw()) / 2
            if pause.failures == 1:
                _log(f"{channel.name} was not told of {topic}: {error.message}; tried again for a day", logging.WARNING)
            return False
        pause.failures, pause.until = 0, 0.0
        _log(f"told {channel.name}: {event.function} {topic}", logging.INFO)
        return True

    def _waiting(self, channel: Channel, function: FunctionRef) -> tuple[NumberedEvent, ...]:
        cursor = self._cursor(channel, function)
        if cursor is not None:
            return self._control.events_after(function, TOLD, json.loads(cursor.facts)["number"], limit=AT_ONCE)
        since = self._clock.now() - NEW
        waiting = self._control.events_after(function, TOLD, 0, since=since, limit=AT_ONCE)
        if waiting:
            # Fixed now: while the channel refuses, what is new ages.
            self._note(channel, function, waiting[0].number - 1, "begins")
        return waiting

    def _cursor(self, channel: Channel, function: FunctionRef) -> Event | None:
        """Up to where the channel was told; the newest by its time."""
        return self._control.newest_event(function, _kind(channel))

    def _note(self, channel: Channel, function: FunctionRef, number: int, sentence: str) -> None:
        before, now = self._cursor(channel, function), self._clock.now()
        # After a clock was set back as well: else all since the cursor before would be told again each round.
        at = now if before is None else max(before.at, now)
        facts = json.dumps({"number": number})
        self._control.note_event(Event(function=function, kind=_kind(channel), at=at, sentence=sentence, facts=facts))


def _kind(channel: Channel) -> str:
    return f"{BOOKS}told:{channel.name}"


def _log(sentence: str, level: int) -> None:
    LOG.log(level, "notify: %s", sentence, extra={"action": "notify", "sentence": sentence})
