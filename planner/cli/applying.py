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
from planner.errors import FCError, InputError, PlannerError, StalePlan
from planner.outcome import Arrival, OutcomeKind

if TYPE_CHECKING:
    from planner.outcome import Outcome
    from planner.plan import Plan

Force = Annotated[bool, typer.Option("--force", help="Apply although the plan is unsafe; the audit records it.")]
Wait = Annotated[
    int, typer.Option(metavar="SECONDS", min=0, max=3600, help="Seconds to wait for the instances; 0 doesn't wait.")
]
To = Annotated[
    int | None,
    typer.Option(metavar="ID", help="Id of the plan to go back to; without it the one applied before the last."),
]
ToZero = Annotated[bool, typer.Option("--to-zero", help="Remove every policy and every provisioned instance.")]
FOLLOW = 300
LATER = timedelta(minutes=5)
"""A plan dated so much after this machine's clock was made for later, not by a clock that is a little fast."""
RECENT = 100
"""Applies to look through for an earlier plan."""


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
    """Go back to an earlier plan, its steps dated anew; before the first plan there is `release`."""
    from planner import undo  # noqa: PLC0415  # as above
    from planner.policies import guard_policy, safety_rules  # noqa: PLC0415  # as above

    room, earlier = _earlier(config, function, to)
    made = undo.rollback(
        earlier, room.present(), guards=guard_policy(room.settings), safety=safety_rules(room.settings)
    )
    _carry_out(room, made, yes=yes, force=force, wait=wait, json=json)


def release(  # noqa: PLR0917  # as above
    function: Annotated[
        str, typer.Argument(metavar="FUNCTION", help="Function (name or name:qualifier) to hand back.")
    ],
    config: ConfigFile = CONFIG,
    to_zero: ToZero = False,
    yes: Yes = False,
    wait: Wait = 0,
    json: AsJson = False,
) -> None:
    """Remove our policies and restore what was found at adoption."""
    from planner import undo  # noqa: PLC0415  # as above

    room = Room.open(config, function)
    if to_zero:
        made = undo.release_to_zero(room.present())
    else:
        found = room.store.adoption(room.settings.ref)
        if found is None:
            raise InputError(
                f"{room.settings.ref} was never adopted in {room.store.location}: what to restore isn't known",
                remedy="Nothing of ours may be there (`planner status`); --to-zero removes every policy and instance.",
            )
        made = undo.release(found.config, room.present())
    _carry_out(room, made, yes=yes, force=False, wait=wait, json=json)


def _earlier(config: Path, function: str | None, to: int | None) -> tuple[Room, Plan]:
    """The plan to go back to: the one named, or the newest applied one that isn't the last."""
    from planner import undo  # noqa: PLC0415  # as above
    from planner.cli.lookup import open_with_plan  # noqa: PLC0415  # as above

    if to is not None:
        room, named = open_with_plan(config, function, str(to))
        if not undo.holds_ours(named.wanted):
            raise InputError(
                f"Plan {to} is a release: it has no schedule to go back to",
                remedy=f"`planner release {named.function}` releases the function again.",
            )
        return room, named
    room = Room.open(config, function)
    applied = room.store.applied(room.settings.ref, limit=RECENT)
    for number in dict.fromkeys(attempt.plan_id for attempt in applied if attempt.digest != applied[0].digest):
        plan = room.store.plan(number)
        if undo.holds_ours(plan.wanted):
            return room, plan
    raise InputError(
        f"There is no earlier plan of {room.settings.ref} to go back to",
        remedy=f"`planner release {room.settings.ref}` restores what was there before the first one.",
    )


def _carry_out(room: Room, plan: Plan, *, yes: bool, force: bool, wait: int, json: bool) -> None:
    if not (yes or sys.stdin.isatty()):
        raise InputError(
            "There is no terminal to ask on, and nothing was sent", remedy="Add --yes to apply without a question."
        )
    _close_unfinished(room)
    if plan.created_at > room.clock.now() + LATER:
        raise StalePlan(
            f"The plan is made for {plan.created_at:%Y-%m-%d %H:%M} UTC, which has not come yet; nothing was sent.",
            remedy="Plan again without --now; if that time has come, set this machine's clock.",
        )
    if not yes:
        _ask(plan)
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


def _ask(plan: Plan) -> None:
    from planner.exports.terminal import diff_view, plan_view  # noqa: PLC0415  # as above

    # The question and what it is about are talk: stdout carries the outcome only.
    err().print(plan_view(plan))
    err().print(diff_view(plan.changes))
    typer.confirm(f"Apply {len(plan.changes)} changes to {plan.function}?", abort=True, err=True)


def _send(room: Room, plan: Plan, *, force: bool, wait: int) -> Outcome:
    from planner.apply import apply as carry_out  # noqa: PLC0415  # as above

    if plan.safe or force:
        _adopt(room, plan)
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
    _settle(room, plan, outcome)
    return outcome


def _adopt(room: Room, plan: Plan) -> None:
    """Record what was there before our first change.

    An earlier record counts only if something of ours came after it: an apply that came to nothing (a stale plan, a
    refusal) left one, and a person may have changed the document since.
    """
    from planner.undo import holds_ours  # noqa: PLC0415  # as above

    if not holds_ours(plan.wanted):
        return
    known, last = room.store.adoption(plan.function), room.store.last_applied(plan.function)
    came_to_nothing = known is not None and (last is None or last.began_at < known.adopted_at)
    if came_to_nothing and not holds_ours(plan.live):
        room.store.forget_adoption(plan.function)
    room.store.adopt(plan.function, plan.live, existed=plan.live_exists, who=who(), at=room.clock.now())


def _settle(room: Room, plan: Plan, outcome: Outcome) -> None:
    """Once nothing of ours is left, the next adoption is a first one again."""
    from planner.undo import holds_ours  # noqa: PLC0415  # as above

    if outcome.kind in (OutcomeKind.APPLIED, OutcomeKind.UNCHANGED) and not holds_ours(plan.wanted):
        room.store.forget_adoption(plan.function)


def _recorded(room: Room, plan: Plan, whose: str) -> Outcome | None:
    """What the audit says of this process's attempt; None if there was none."""
    last = room.store.last_outcome(plan.function)
    return last.outcome if last is not None and last.who == whose and last.digest == plan.digest else None


def _close_unfinished(room: Room) -> None:
    """Give attempts whose process is gone the outcome that FC shows, before anything new is sent."""
    from planner.apply import recover  # noqa: PLC0415  # as above

    for attempt in room.store.unfinished(room.settings.ref):
        if still_runs(attempt.who, attempt.began_at):
            raise InputError(
                f"Another apply of {attempt.function} is running since {attempt.began_at:%H:%M:%S} UTC ({attempt.who})",
                remedy="Wait for it, or end that process.",
            )
        plan = room.store.plan(attempt.plan_id)
        outcome = recover(plan, attempt=attempt.id, fc=room.fc, audit=room.store, clock=room.clock)
        _settle(room, plan, outcome)
        say(f"Apply {attempt.id} of plan {attempt.plan_id}, begun {attempt.began_at:%H:%M:%S} UTC: {outcome.message}")


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
