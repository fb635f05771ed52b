"""apply, rollback and release: the commands that change Function Compute."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName, Yes
from planner.cli.output import err, progress, say, show_json
from planner.cli.processes import ended_like_ctrl_c, still_runs, who
from planner.cli.room import Room
from planner.cli.undoing import daemon_paused, rolled_back
from planner.errors import FCError, InputError, PlannerError, StalePlan
from planner.outcome import LONGEST_WAIT, Arrival, OutcomeKind

if TYPE_CHECKING:
    from planner.freeze import Freeze
    from planner.outcome import Outcome
    from planner.plan import Plan

Force = Annotated[bool, typer.Option("--force", help="Apply although the plan is unsafe; the audit records it.")]
Wait = Annotated[
    int,
    typer.Option(metavar="SECONDS", min=0, max=LONGEST_WAIT, help="Seconds to wait for the instances; 0 doesn't wait."),
]
To = Annotated[
    int | None,
    typer.Option(metavar="ID", help="Id of the plan to go back to; without it the one applied before the last."),
]
ToZero = Annotated[bool, typer.Option("--to-zero", help="Remove every policy and every provisioned instance.")]
Default = Annotated[
    int | None,
    typer.Option(
        "--default", metavar="N", min=0, help="Default target to leave, in place of the one found at adoption."
    ),
]
FOLLOW = 300
LATER = timedelta(minutes=5)
"""A plan dated so much after this machine's clock was made for later, not by a clock that is a little fast."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("apply")(apply)
    app.command("rollback")(rollback)
    app.command("release")(release)


def apply(  # noqa: PLR0917  # typer makes each an option
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Plan id, or an exported plan.json.")],
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    yes: Yes = False,
    force: Force = False,
    wait: Wait = FOLLOW,
    json: AsJson = False,
) -> None:
    """Carry a plan out: read again, put, read back, follow the instances."""
    from planner.cli.lookup import open_with_plan  # noqa: PLC0415  # `planner --help` stays fast

    room, wanted = open_with_plan(config, function, plan)
    _prepare(room, yes=yes)
    _carry_out(room, wanted, yes=yes, force=force, wait=wait, json=json)


def rollback(  # noqa: PLR0917  # as above
    to: To = None,
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    yes: Yes = False,
    force: Force = False,
    wait: Wait = FOLLOW,
    json: AsJson = False,
) -> None:
    """Go back to an earlier plan, its steps dated anew, and pause the daemon; before the first there is `release`."""
    room, earlier = _earlier(config, function, to)
    _prepare(room, yes=yes)
    made = rolled_back(room, earlier)
    with daemon_paused(room, made):
        _carry_out(room, made, yes=yes, force=force, wait=wait, json=json)


def release(  # noqa: PLR0917  # as above
    function: Annotated[
        str, typer.Argument(metavar="FUNCTION", help="Function (name or name:qualifier) to hand back.")
    ],
    config: ConfigFile = CONFIG,
    to_zero: ToZero = False,
    default: Default = None,
    yes: Yes = False,
    wait: Wait = 0,
    json: AsJson = False,
) -> None:
    """Remove our policies and restore what was found at adoption."""
    from planner import custody, undo  # noqa: PLC0415  # as above

    if to_zero and default is not None:
        raise InputError("--to-zero leaves nothing, so there is no default", remedy="Leave --default or --to-zero out.")
    room = Room.open(config, function)
    _prepare(room, yes=yes)
    present = room.present()
    if to_zero:
        made = undo.release_to_zero(present)
    else:
        made = undo.release(custody.to_restore(room.store, present, default=default), present)
    _carry_out(room, made, yes=yes, force=False, wait=wait, json=json)
    if not json:
        say(custody.restored(made))


def _earlier(config: Path, function: str | None, to: int | None) -> tuple[Room, Plan]:
    """The plan to go back to: the one named, or the newest applied one that left another document than the last."""
    from planner import custody  # noqa: PLC0415  # as above
    from planner.cli.lookup import open_with_plan  # noqa: PLC0415  # as above
    from planner.provision import holds_ours  # noqa: PLC0415  # as above

    if to is not None:
        room, named = open_with_plan(config, function, str(to))
        if not holds_ours(named.wanted):
            raise InputError(
                f"Plan {to} is a release: it has no schedule to go back to",
                remedy=f"`planner release {named.function}` releases the function again.",
            )
        return room, named
    room = Room.open(config, function)
    plan = custody.earlier_plan(room.store, room.settings.ref)
    if plan is not None:
        return room, plan
    raise InputError(
        f"There is no earlier plan of {room.settings.ref} to go back to",
        remedy=f"`planner release {room.settings.ref}` restores what was there before the first one.",
    )


def _prepare(room: Room, *, yes: bool) -> None:
    """Before anything is decided: is there somebody to ask, and what became of an apply that never ended."""
    from planner.custody import close_unfinished  # noqa: PLC0415  # as above

    if not (yes or sys.stdin.isatty()):
        raise InputError(
            "There is no terminal to ask on, and nothing was sent", remedy="Add --yes to apply without a question."
        )
    close_unfinished(room.store, room.fc, room.settings.ref, clock=room.clock, still_runs=still_runs, say=say)


def _carry_out(room: Room, plan: Plan, *, yes: bool, force: bool, wait: int, json: bool) -> None:
    if plan.created_at > room.clock.now() + LATER:
        raise StalePlan(
            f"The plan is made for {plan.created_at:%Y-%m-%d %H:%M} UTC, which has not come yet; nothing was sent.",
            remedy="Plan again without --now; if that time has come, set this machine's clock.",
        )
    address = room.config.fc.address or ""
    if plan.endpoint != address:
        raise StalePlan(
            f"The plan was made against {plan.endpoint or 'no Function Compute'}, {room.config.path} names "
            f"{address or 'none'}; nothing was sent.",
            remedy="Plan again with this configuration, or apply with the one that the plan was made with.",
        )
    if (freeze := _frozen(room)) is not None:
        say(f"The daemon would push nothing now: {freeze.sentence}. You may, and it goes on record.")
    if not yes:
        _ask(plan)
    if freeze is not None:
        _note_override(room, plan, freeze)
    began = room.clock.now()
    try:
        outcome = _send(room, plan, force=force, wait=wait)
    except (PlannerError, KeyboardInterrupt) as error:
        known = _recorded(room, plan, who())
        if json and known is not None:
            show_json(known.data)
        if isinstance(error, KeyboardInterrupt):
            truth = known.message if known is not None else "Nothing was sent."
            raise PlannerError(
                f"Interrupted after {(room.clock.now() - began).seconds} s. {truth}",
                remedy="`planner status` shows what Function Compute holds.",
            ) from error
        raise
    if json:
        show_json(outcome.data)
    _conclude(outcome, quiet=json)


def _frozen(room: Room) -> Freeze | None:
    from planner.freeze import frozen  # noqa: PLC0415  # as above
    from planner.policies import freeze_windows  # noqa: PLC0415  # as above

    return frozen(freeze_windows(room.settings), room.clock.now(), room.settings.time_zone)


def _note_override(room: Room, plan: Plan, freeze: Freeze) -> None:
    """A person may change Function Compute when the daemon may not; that somebody did is on record."""
    from planner.store import Event  # noqa: PLC0415  # as above

    sentence = f"{who()} went on with plan {plan.digest[:12]} though {freeze.sentence}"
    room.store.control.note_event(
        Event(function=plan.function, kind="freeze_overridden", at=room.clock.now(), sentence=sentence)
    )


def _ask(plan: Plan) -> None:
    from planner.exports.terminal import diff_view, plan_view  # noqa: PLC0415  # as above

    # The question and what it is about are talk: stdout carries the outcome only.
    err().print(plan_view(plan))
    err().print(diff_view(plan.changes))
    typer.confirm(f"Apply {len(plan.changes)} changes to {plan.function}?", abort=True, err=True)


def _send(room: Room, plan: Plan, *, force: bool, wait: int) -> Outcome:
    from planner import custody  # noqa: PLC0415  # as above
    from planner.apply import apply as carry_out  # noqa: PLC0415  # as above

    if plan.safe or force:
        custody.adopt(room.store, plan, who=who(), clock=room.clock, say=say)
    with progress() as stage, ended_like_ctrl_c():
        outcome = carry_out(
            plan,
            fc=room.fc,
            audit=room.store,
            clock=room.clock,
            who=who(),
            force=force,
            follow=timedelta(seconds=wait),
            progress=stage,
        )
    custody.settle(room.store, plan, outcome)
    return outcome


def _recorded(room: Room, plan: Plan, whose: str) -> Outcome | None:
    """What the audit says of this process's attempt; None if there was none."""
    last = room.store.last_outcome(plan.function)
    return last.outcome if last is not None and last.who == whose and last.digest == plan.digest else None


def _conclude(outcome: Outcome, *, quiet: bool) -> None:
    """Say what came of it, or exit with its code."""
    match outcome.kind:
        case OutcomeKind.APPLIED | OutcomeKind.UNCHANGED:
            _check_arrival(outcome)
        case OutcomeKind.STALE:
            raise StalePlan(outcome.message, remedy="Plan again: `planner plan`.")
        case OutcomeKind.REFUSED | OutcomeKind.DRIFTED | OutcomeKind.FAILED:
            raise PlannerError(outcome.message, remedy="`planner status` shows what Function Compute holds.")
        case _:
            assert_never(outcome.kind)
    if not quiet:
        say(outcome.message)


def _check_arrival(outcome: Outcome) -> None:
    if outcome.arrival is Arrival.BLOCKED:
        raise FCError(
            outcome.message, remedy="The document is in place and FC goes on trying; `planner status` follows it."
        )
    if outcome.arrival is Arrival.STARTING:
        raise PlannerError(
            outcome.message,
            remedy="The document is in place; `planner status` follows it, and --wait sets how long apply waits.",
        )
