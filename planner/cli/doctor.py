"""The examination behind `planner doctor`: every check is made, whatever became of the others, and nothing is written.

A finding is a sentence, and the fix where one is needed. What can't be told apart without a test that costs something
(whether a put would be allowed, what the account's quota is) is said as such.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from planner.cli.findings import Finding, Findings, Verdict, failed, skipped, unconfigured
from planner.cli.processes import still_runs
from planner.cli.room import Room
from planner.cli.serverclock import server_time
from planner.errors import FCError, FCUnreachable, PlannerError

if TYPE_CHECKING:
    from planner.fc.port import FunctionFacts

SIGNATURE_TOLERANCE = timedelta(minutes=15)
"""FC refuses a request that was signed so far from its own time."""
CLOCK_WORRY = timedelta(seconds=30)
"""A clock that is kept by NTP is never so far off; steps would come early or late by as much."""
WEEK = timedelta(days=7)
SHORT = timedelta(days=2)
"""Below, only the last-resort forecaster works."""
CREDENTIAL_CODES = ("InvalidCredentials", "InvalidAccessKeyID", "SignatureNotMatch")


def examine(room: Room, stage: Callable[[str], None]) -> Findings:
    """Make every check, in the order in which one would mend."""
    patient = _Patient(room)
    found: list[Finding] = []
    for check in (
        patient.configuration,
        patient.credentials,
        patient.endpoint,
        patient.permissions,
        patient.function,
        patient.instance_metrics,
        patient.instance_concurrency,
        patient.quota,
        patient.history,
        patient.database,
        patient.daemon,
        patient.clock,
        patient.unfinished_applies,
        patient.messages,
    ):
        name = check.__name__.replace("_", " ")
        stage(f"checking: {name}")
        try:
            found.append(check())
        except PlannerError as error:
            found.append(failed(name, error))
    return tuple(found)


class _Patient:
    """What is examined; Function Compute is asked once for each thing, and its refusal kept."""

    def __init__(self, room: Room) -> None:
        self._room, self._settings = room, room.settings

    @cached_property
    def _answer(self) -> FunctionFacts | FCError:
        try:
            return self._room.fc.get_function(self._settings.ref)
        except FCError as error:
            return error

    @cached_property
    def _facts(self) -> FunctionFacts | None:
        return None if not self._room.connected or isinstance(self._answer, FCError) else self._answer

    @property
    def _emulated(self) -> bool:
        """Plain HTTP is only allowed to this machine: an emulator, which looks at no signature."""
        return self._room.config.fc.protocol == "http"

    def configuration(self) -> Finding:
        """Notes of the configuration; its faults ended the command before."""
        notes = self._room.config.notes()
        detail = f"{self._room.config.path} is sound" + (f"; {'; '.join(notes)}" if notes else "")
        return Finding(check="configuration", verdict=Verdict.WARNING if notes else Verdict.OK, detail=detail)

    def credentials(self) -> Finding:
        """Told from the answer to a signed request."""
        check = "credentials"
        if not self._room.connected:
            return unconfigured(check)
        if self._emulated:
            return Finding(check=check, verdict=Verdict.OK, detail="an endpoint on this machine needs none")
        match self._answer:
            case FCUnreachable():
                return skipped(check, "no signed request came through")
            case FCError() as error if error.code in CREDENTIAL_CODES:
                return failed(check, error)
            case _:
                return Finding(check=check, verdict=Verdict.OK, detail="found, and Function Compute accepts them")

    def endpoint(self) -> Finding:
        """Whether anything answers there."""
        check, address = "endpoint", self._room.config.fc.address
        if address is None:
            return unconfigured(check)
        if isinstance(self._answer, FCUnreachable):
            return failed(check, self._answer)
        if isinstance(self._answer, FCError) and self._answer.code == "InvalidCredentials":
            return skipped(check, "nothing is sent without credentials")
        return Finding(check=check, verdict=Verdict.OK, detail=f"{address} answers")

    def permissions(self) -> Finding:
        """Reading is tried; writing can't be without writing."""
        check = "permissions"
        if not self._room.connected:
            return unconfigured(check)
        if isinstance(self._answer, FCError):
            if self._answer.code == "AccessDenied":
                return failed(check, self._answer)
            return skipped(check, "no request came so far")
        self._room.live()
        return Finding(
            check=check,
            verdict=Verdict.OK,
            detail=(
                "fc:GetFunction and fc:GetProvisionConfig are allowed; fc:PutProvisionConfig can't be tried without "
                "writing, so see that the RAM policy allows it too"
            ),
        )

    def function(self) -> Finding:
        """Whether the planned function exists."""
        check, ref = "function", self._settings.ref
        if not self._room.connected:
            return unconfigured(check)
        if isinstance(self._answer, FCError):
            if self._answer.code in ("FunctionNotFound", "AliasNotFound"):
                return failed(check, self._answer)
            return skipped(check, "Function Compute didn't say")
        what = self._answer.gpu_type or "no GPU"
        return Finding(check=check, verdict=Verdict.OK, detail=f"{ref} exists ({what}, {self._answer.cpu:g} vCPU)")

    def instance_metrics(self) -> Finding:
        """Tracking needs them, and FC's default is off."""
        check, enabled = "instance metrics", self._settings.guardrails.enabled
        if self._facts is None:
            return skipped(check, "the function couldn't be read")
        if self._facts.instance_metrics:
            return Finding(check=check, verdict=Verdict.OK, detail="on")
        if not enabled:
            return Finding(check=check, verdict=Verdict.OK, detail="off, and no guardrails need them")
        return Finding(
            check=check,
            verdict=Verdict.FAILED,
            detail="off, so Function Compute refuses every tracking policy",
            fix=(
                "Set logConfig.enableInstanceMetrics: true on the function (console: Logs, Instance-level metrics), or "
                "plan without trackers (guardrails.enabled: false)."
            ),
            code=5,
        )

    def instance_concurrency(self) -> Finding:
        """Configured against live."""
        check, wanted = "instance concurrency", self._settings.instance_concurrency
        if self._facts is None:
            return skipped(check, "the function couldn't be read")
        live = self._facts.instance_concurrency
        if wanted is None or wanted == live:
            return Finding(check=check, verdict=Verdict.OK, detail=f"{live} requests an instance")
        return Finding(
            check=check,
            verdict=Verdict.WARNING,
            detail=f"plans count on {wanted} requests an instance, the function takes {live}",
            fix=f"Set instance_concurrency to {live}, or to null: then the function is asked.",
        )

    def quota(self) -> Finding:
        """The account's quota can't be read from Function Compute; the configured one can be compared."""
        check, most = "quota", self._settings.capacity.max_instances
        quota, config = self._settings.safety.quota, self._room.config
        together = sum(each.capacity.max_instances for each in config.functions)
        if config.fc.quota is not None and together > config.fc.quota:
            return Finding(
                check=check,
                verdict=Verdict.WARNING,
                detail=f"all functions together may ask for {together} instances, fc.quota is {config.fc.quota}",
                fix="Plans that add beyond it wait; lower capacity.max_instances of some, or ask for more quota.",
            )
        if quota is None and config.fc.quota is None:
            return Finding(
                check=check,
                verdict=Verdict.WARNING,
                detail=f"not configured, so nothing keeps a plan of up to {most} instances within it",
                fix="Look the region's instance and GPU card quota up in Quota Center and set safety.quota.",
            )
        if quota is None:
            return Finding(
                check=check, verdict=Verdict.OK, detail=f"{together} together, fc.quota is {config.fc.quota}"
            )
        if most > quota:
            return Finding(
                check=check,
                verdict=Verdict.WARNING,
                detail=f"capacity.max_instances is {most}, the quota {quota}: a plan that needs more is unsafe",
                fix="Ask for more in Quota Center and raise safety.quota, or lower capacity.max_instances.",
            )
        return Finding(check=check, verdict=Verdict.OK, detail=f"{most} instances at most, the quota is {quota}")

    def history(self) -> Finding:
        """Readable, fresh and long enough."""
        check, source = "history", self._settings.history
        if source.source == "file" and source.file is None:
            return Finding(
                check=check,
                verdict=Verdict.SKIPPED,
                detail="none is configured",
                fix="Set history.file, or give every plan a --history FILE.",
            )
        now = self._room.clock.now()
        history = self._room.history(None, now)
        age, allowed = now - history.end, self._settings.safety.history_max_age
        facts = f"{_days(history.days)} until {history.end:%Y-%m-%d %H:%M} UTC, a point every {history.step}"
        if age > allowed:
            return Finding(
                check=check,
                verdict=Verdict.FAILED,
                detail=f"{facts}: {_days(age)} old, {_days(allowed)} are allowed, so a plan is unsafe",
                fix="Bring it up to date, or raise safety.history_max_age.",
                code=2,
            )
        fresh = self._settings.daemon.fresh_within
        if self._settings.daemon.mode != "observe" and age > fresh:
            return Finding(
                check=check,
                verdict=Verdict.WARNING,
                detail=f"{facts}: {_days(age)} old, so that the daemon pushes nothing that lowers capacity",
                fix="Bring it up to date, or raise daemon.fresh_within.",
            )
        if history.days < WEEK:
            few = "only the last-resort forecaster works" if history.days < SHORT else "it has no weekly tide yet"
            return Finding(
                check=check, verdict=Verdict.WARNING, detail=f"{facts}: {few}", fix="Collect at least two weeks."
            )
        seen = ""
        if source.source == "sls":
            from planner.sources.sls import SEEN  # noqa: PLC0415  # as above

            seen = f"; {SEEN}"
        repaired = f"; repaired: {'; '.join(repair.detail for repair in history.repairs)}" if history.repairs else ""
        return Finding(check=check, verdict=Verdict.OK, detail=facts + repaired + seen)

    def database(self) -> Finding:
        """Reachable, and of this planner's schema; a missing SQLite file is not made here."""
        check = "database"
        if self._room.database_is_to_be_made:
            return Finding(check=check, verdict=Verdict.OK, detail="not there yet; the first plan makes it")
        with self._room.records() as store:
            where = store.location
        file = self._room.database_file
        if file is not None and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
            return Finding(
                check=check,
                verdict=Verdict.FAILED,
                detail=f"{where} can be read, and this user may not write it or its folder",
                fix="Run the planner as the user whose file it is; SQLite writes files beside it, too.",
                code=1,
            )
        return Finding(check=check, verdict=Verdict.OK, detail=f"{where} has this planner's schema")

    def daemon(self) -> Finding:
        """Whether one acts where one should, and its jobs go well."""
        check, mode = "daemon", self._settings.daemon.mode
        if mode != "observe" and self._settings.history.source == "file":
            return Finding(
                check=check,
                verdict=Verdict.WARNING,
                detail=f"mode {mode}, and the history is a file: each plan reads what somebody put there",
                fix="Set history.source to cloudmonitor, prometheus or database (docs/sources.md).",
            )
        if self._room.database_is_to_be_made:
            return Finding(check=check, verdict=Verdict.OK, detail=f"mode {mode}; none has run yet")
        now = self._room.clock.now()
        with self._room.records() as store:
            lease, runs = store.control.lease(self._settings.ref), store.control.last_runs(self._settings.ref)
        broken = [f"{job}: {run.sentence}" for job, run in sorted(runs.items()) if run.failed]
        if broken:
            return Finding(
                check=check,
                verdict=Verdict.WARNING,
                detail=f"the newest runs of some jobs failed: {'; '.join(broken)}",
                fix="Mend what they say; each is tried again within two minutes.",
            )
        acts = lease is not None and now < lease.expires_at
        if mode != "observe" and not acts:
            return Finding(
                check=check,
                verdict=Verdict.WARNING,
                detail=f"mode {mode}, and no daemon acts",
                fix="Start `planner run` (docs/deploy.md), or look at its log.",
            )
        return Finding(check=check, verdict=Verdict.OK, detail=f"mode {mode}; {'one acts' if acts else 'none acts'}")

    def messages(self) -> Finding:
        """Whether the environment holds what the channels need; nothing is sent."""
        from planner.notices import channels_of  # noqa: PLC0415  # as above

        check = "messages"
        channels = channels_of(self._room.config.notify, os.environ)
        if not channels:
            return Finding(check=check, verdict=Verdict.OK, detail="no channel is configured: nobody is told")
        names = ", ".join(f"{each.name} ({each.kind}{'' if each.secret else ', unsigned'})" for each in channels)
        return Finding(check=check, verdict=Verdict.OK, detail=f"{names}; `planner notify test` sends a message")

    def clock(self) -> Finding:
        """This machine's against the server's."""
        check = "clock"
        if not self._room.connected:
            return unconfigured(check)
        theirs = server_time(self._room.config.fc)
        if theirs is None:
            return skipped(check, "no answer with a date came")
        off = abs(self._room.clock.now() - theirs)
        detail = f"{off.total_seconds():.0f} s from Function Compute's"
        if off <= CLOCK_WORRY:
            return Finding(check=check, verdict=Verdict.OK, detail=detail)
        if self._emulated:
            return Finding(check=check, verdict=Verdict.WARNING, detail=f"{detail} (an emulator may keep its own time)")
        late = off > SIGNATURE_TOLERANCE
        return Finding(
            check=check,
            verdict=Verdict.FAILED if late else Verdict.WARNING,
            detail=f"{detail}; {'signatures are refused' if late else 'steps come early or late by as much'}",
            fix="Let NTP set this machine's clock.",
            code=5,
        )

    def unfinished_applies(self) -> Finding:
        """Applies that began and never ended."""
        check = "unfinished applies"
        if self._room.database_is_to_be_made:
            return Finding(check=check, verdict=Verdict.OK, detail="none")
        with self._room.records() as store:
            open_ones = store.unfinished(self._settings.ref)
        now = self._room.clock.now()
        alive = [(attempt.who, still_runs(attempt.who, attempt.began_at, now)) for attempt in open_ones]
        if not open_ones:
            return Finding(check=check, verdict=Verdict.OK, detail="none")
        for whose, runs in alive:
            if runs is not False:
                where = "is running" if runs else "runs on another machine, or was killed there"
                return Finding(check=check, verdict=Verdict.OK, detail=f"one {where}: {whose}")
        return Finding(
            check=check,
            verdict=Verdict.WARNING,
            detail=f"{len(open_ones)} never ended; the newest began {open_ones[0].began_at:%Y-%m-%d %H:%M:%S} UTC",
            fix="`planner status` says what Function Compute holds; the next apply puts it on record.",
        )


def _days(span: timedelta) -> str:
    """`34.2 days`; hours below two days."""
    hours = span / timedelta(hours=1)
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
