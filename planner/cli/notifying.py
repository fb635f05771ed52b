"""notify test, and the thread that carries messages beside the daemon."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.options import CONFIG, ConfigFile
from planner.cli.output import say
from planner.cli.room import Room
from planner.errors import InputError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.base import FunctionRef
    from planner.world import World

ChannelName = Annotated[
    str | None, typer.Argument(metavar="[CHANNEL]", help="Name of a channel; every one without it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help="Messages of the daemon.", no_args_is_help=True)
    group.command("test")(try_channels)
    app.add_typer(group, name="notify")


def try_channels(channel: ChannelName = None, config: ConfigFile = CONFIG) -> None:
    """Send a message to the configured channels, and say which of them took it."""
    from planner.notices import Message, Topic, channels_of  # noqa: PLC0415  # `planner --help` stays fast

    room = Room.open_any(config)
    known = channels_of(room.config.notify, os.environ)
    chosen = [each for each in known if channel in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in known) or "none"
        raise InputError("There is no such channel", remedy=f"Channels of notify.channels: {names}.")
    now, failed = room.clock.now(), []
    for each in chosen:
        message = Message(
            id=f"test/{now:%Y%m%dT%H%M%S}",
            function=room.settings.ref,
            topic=Topic.TEST,
            at=now,
            sentence="This channel hears from planner.",
        )
        try:
            each.send(message, clock=room.clock)
            say(f"{each.name} took the message.")
        except SourceError as error:
            failed.append(each.name)
            say(f"{error.message}. {error.remedy}")
    if failed:
        raise SourceError(f"Not told: {', '.join(failed)}", remedy="The lines above say why.")


@contextmanager
def told(room: Room, worlds: Sequence[World], holder: str, *, rehearsed: bool) -> Iterator[None]:
    """Carry what the daemon notes to the channels while the block runs, and once more after it; no rehearsal is told.

    Raises ConfigError where the environment lacks what a channel needs.
    """
    from planner.notices import Courier, channels_of  # noqa: PLC0415  # as above

    control, clock = room.store.control, room.clock
    channels = channels_of(room.config.notify, os.environ)
    if rehearsed or not channels:
        yield
        return

    def ours(function: FunctionRef) -> bool:
        lease = control.lease(function)
        return lease is None or lease.holder == holder or lease.expires_at <= clock.now()

    courier = Courier([world.function for world in worlds], control, channels, clock=clock, ours=ours)
    stop = Event()
    thread = Thread(target=courier.until, args=(stop,), name="notify", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # A receiver that hangs must not hold the end up: what is on its way is told again by the next daemon.
        thread.join(timeout=10)
