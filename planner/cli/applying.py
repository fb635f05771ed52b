"""apply, rollback and release: the commands that change Function Compute."""

from __future__ import annotations

import os
import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from planner.cli.options import CONFIG, AsJson, ConfigFile, FunctionName, Yes
from planner.cli.output import progress, say, show, show_json
from planner.cli.room import Room, who
from planner.errors import InputError, PlannerError, StalePlan
from planner.outcome import Arrival, OutcomeKind

if TYPE_CHECKING:
    from planner.outcome import Outcome
    from planner.plan import Plan
    from planner.store import Attempt

Force = Annotated[bool, typer.Option("--force", help="Apply although the plan is unsafe; the audit records it.")]
Wait = Annotated[int, typer.Option(min=0, max=3600, help="Seconds to wait for the instances; 0 doesn't wait.")]
FOLLOW = 300


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("apply")(apply)
    app.command("rollback")(rollback)
    app.command("release")(release)


def apply(  # noqa: PLR0917  # typer makes each an option
    plan: Annotated[str, typer.Argument(help="Plan id, or an exported plan.json.")],
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    yes: Yes = False,
    force: Force = False,
    wait: Wait = FOLLOW,
    json: AsJson = False,
) -> None:
    """Carry a plan out: read again, put, read back, follow the instances."""
    from planner.cli.lookup import find_plan  # noqa: PLC0415  # `planner --help` stays fast

    room = Room.open(config, function)
    _carry_out(room, find_plan(room, plan), yes=yes, force=force, wait=wait, json=json)


def rollback(  # noqa: PLR0917  # as above
    to: Annotated[int | None, typer.Option(help="Id of the plan to go back to; the one applied before the last.")] = None,
    config: ConfigFile = CONFIG,
    function: FunctionName = None,
    yes: Yes = False,
    force: Force = False,
    wait: Wait = FOLLOW,
    json: AsJson = False,
) -> None:
    """Go back to an earlier plan, its steps dated anew; before the first plan there is `release`."""
    from planner import undo  # noqa: PLC0415  # `planner --help` stays fast
    from planner.pipeline import guard_policy, safety_rules  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    earlier = room.store.plan(_earlier(room) if to is None else to)
    made = undo.rollback(
        earlier, room.present(), guards=guard_policy(room.settings), safety=safety_rules(room.settings)
    )
    _carry_out(room, made, yes=yes, force=force, wait=wait, json=json)


def release(  # noqa: PLR0917  # as above
    function: Annotated[str, typer.Argument(help="Function (name or name:qualifier) to hand back.")],
    config: ConfigFile = CONFIG,
    to_zero: Annotated[bool, typer.Option("--to-zero", help="Remove every policy and every provisioned instance.")] = False,
    yes: Yes = False,
    wait: Wait = 0,
    json: AsJson = False,
) -> None:
    """Remove our policies and restore what was found at adoption."""
    from planner import undo  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    present = room.present()
    if to_zero:
        made = undo.release_to_zero(present)
    else:
        found = room.store.adoption(room.settings.ref)
        if found is None:
            raise InputError(
                f"{room.settings.ref} was never adopted in {room.store.location}: what to restore isn't known",
                remedy="Nothing of ours may be there (`planner status`); --to-zero removes every policy and instance.",
            )
        made = undo.release(found.config, present)
    _carry_out(room, made, yes=yes, force=False, wait=wait, json=json)
    room.store.forget_adoption(room.settings.ref)


def _earlier(room: Room) -> int:
    applied = room.store.applied(room.settings.ref, limit=100)
    for attempt in applied:
        if attempt.digest != applied[0].digest:
            return attempt.plan_id
    raise InputError(
        f"There is no earlier plan of {room.settings.ref} to go back to",
        remedy=f"`planner release {room.settings.ref}` restores what was there before the first one.",
    )


def _carry_out(room: Room, plan: Plan, *, yes: bool, force: bool, wait: int, json: bool) -> None:
    from planner.apply import apply as carry_out  # noqa: PLC0415  # as above
    from planner.exports.terminal import diff_view, plan_view  # noqa: PLC0415  # as above

    _close_unfinished(room)
    if not yes:
        show(plan_view(plan), diff_view(plan.changes))
        _ask(plan)
    at = room.clock.now()
    if plan.safe or force:
        room.store.adopt(plan.function, plan.live, existed=plan.live_exists, who=who(), at=at)
    with progress() as stage:
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
    _report(outcome, json=json)


def _ask(plan: Plan) -> None:
    if not sys.stdin.isatty():
        raise InputError("There is no terminal to ask on", remedy="Add --yes.")
    typer.confirm(f"Apply {len(plan.changes)} changes to {plan.function}?", abort=True, err=True)


def _close_unfinished(room: Room) -> None:
    """Give attempts whose process is gone the outcome that FC shows, before anything new is sent."""
    from planner.apply import recover  # noqa: PLC0415  # as above

    for attempt in room.store.unfinished(room.settings.ref):
        if _runs(attempt):
            raise InputError(
                f"Another apply of {attempt.function} is running since {attempt.began_at:%H:%M:%S} UTC ({attempt.who})",
                remedy="Wait for it, or end that process.",
            )
        outcome = recover(
            room.store.plan(attempt.plan_id), attempt=attempt.id, fc=room.fc, audit=room.store, clock=room.clock
        )
        say(f"Attempt {attempt.id}: {outcome.message}")


def _runs(attempt: Attempt) -> bool:
    """Whether the process behind an attempt still lives; one on another machine is taken for dead."""
    match = re.fullmatch(r".*@(.*) pid (\d+)", attempt.who)
    if match is None or not who().split(" pid ")[0].endswith(f"@{match[1]}") or int(match[2]) == os.getpid():
        return False
    try:
        os.kill(int(match[2]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _report(outcome: Outcome, *, json: bool) -> None:
    """Say what came of it, then exit with its code."""
    if json:
        show_json(outcome.data)
    else:
        say(outcome.message)
    match outcome.kind:
        case OutcomeKind.APPLIED | OutcomeKind.UNCHANGED:
            _check_arrival(outcome)
        case OutcomeKind.STALE:
            raise StalePlan(outcome.message, remedy="Plan again: `planner plan`.")
        case OutcomeKind.REFUSED | OutcomeKind.DRIFTED | OutcomeKind.FAILED:
            raise PlannerError(outcome.message, remedy="`planner status` shows what Function Compute holds.")
        case _:
            assert_never(outcome.kind)


def _check_arrival(outcome: Outcome) -> None:
    if outcome.arrival is Arrival.BLOCKED:
        raise PlannerError(
            f"Function Compute can't start the instances: {outcome.current_error}",
            remedy="The document is in place; FC goes on trying. `planner status` follows it.",
        )
    if outcome.arrival is Arrival.STARTING:
        raise PlannerError(
            f"{outcome.current} of {outcome.wanted_instances} instances are warm after the wait",
            remedy="The document is in place. `planner status` follows it; --wait sets how long apply waits.",
        )
