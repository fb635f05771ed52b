"""The figures of the worked example in docs/tick.md, taken from a real run on docs/tick.yaml."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from planner.config import load_config
from planner.exports import picture
from planner.history import History
from planner.pipeline import Question, make_plan
from planner.plan import Plan
from planner.provision import LiveDocument, canonical_json
from planner.sources.files import read_history
from planner.sources.sample import moved_to, sample_path

ROOT = Path(__file__).parents[2]
NOW = datetime.fromisoformat("2026-11-23T08:00:00+08:00")
PLACE = ZoneInfo("Asia/Shanghai")
SHOWN = tuple(timedelta(hours=hours) for hours in (0, 4, 8, 12))


class Example:
    """The plan of the page, and what the page quotes of it."""

    def __init__(self) -> None:
        (settings,) = load_config(ROOT / "docs" / "tick.yaml", environ={}).functions
        with sample_path() as path:
            self.history: History = moved_to(NOW, read_history(path, minimum=settings.history.minimum))
        question = Question(
            now=NOW,
            horizon=timedelta(hours=24),
            history=self.history,
            live=LiveDocument(),
            instance_concurrency=settings.instance_concurrency or 1,
            lacked=("no Function Compute is configured: planned against an empty document",),
        )
        self.plan: Plan = make_plan(settings, question)

    def picture(self) -> bytes:
        """What `--export` draws."""
        return picture.render(self.plan)

    def blocks(self) -> dict[str, str]:
        """The quoted texts by the name in the page's comment."""
        return {
            "history": self._history(),
            "forecast": self._forecast(),
            "policies": self._policies(),
            "schedule": self._schedule(),
            "document": self._document(),
            "plan": self._verdict(),
        }

    def _evidence(self):
        assert self.plan.evidence is not None
        return self.plan.evidence

    def _history(self) -> str:
        found = self._evidence()
        points = len(self.history.until(NOW).series)
        span = f"{found.history_start:%Y-%m-%d %H:%M} to {found.history_end:%Y-%m-%d %H:%M} UTC"
        every = f"{points:,} points, one every {found.history_step.seconds // 60} minutes"
        return f"{found.history_source}\n{span}, {every}\nrepairs: {', '.join(found.repairs) or 'none'}"

    def _forecast(self) -> str:
        band = self._evidence().band
        lines = ["in Shanghai   " + "".join(f"{f'P{100 * level:g}':>8}" for level in band.levels)]
        for ahead in SHOWN:
            slot = int((NOW + ahead - band.start) // band.slot)
            values = "".join(f"{row[slot]:8.1f}" for row in band.values)
            lines.append(f"{(NOW + ahead).astimezone(PLACE):%a %H:%M}     {values}")
        scores = ", ".join(f"{name} {excuse or format(loss, '.2f')}" for name, loss, excuse in self._evidence().scores)
        return "\n".join([*lines, f"forecaster {self._evidence().forecaster}; losses: {scores}"])

    def _policies(self) -> str:
        found = self._evidence()
        until = f"until {found.near_end.astimezone(PLACE):%a %H:%M}"
        guard = (
            f"{window.start.astimezone(PLACE):%H:%M} to {window.end.astimezone(PLACE):%H:%M}  {window.target:g}"
            for window in found.guard[:3]
        )
        return "\n".join(
            [
                f"{until}: {found.near_reason}",
                f"from then on: {found.policy_reason}",
                *guard,
                f"... {len(found.guard)} windows of the guard in all",
            ]
        )

    def _schedule(self) -> str:
        steps = self.plan.schedule.steps
        turn = min(range(len(steps)), key=lambda i: steps[i].instances)
        shown = (*steps[:3], *steps[turn : turn + 3])
        lines = [f"{step.at.astimezone(PLACE):%a %H:%M}  {step.instances:3d}  {step.reason}" for step in shown]
        lines.insert(3, "...")
        return "\n".join([*lines, f"... {len(steps)} steps in all"])

    def _document(self) -> str:
        wire = self.plan.wanted.wire()
        actions, trackers = wire["scheduledActions"], wire["targetTrackingPolicies"]
        assert isinstance(actions, list)
        assert isinstance(trackers, list)
        first_cron = next(i for i, action in enumerate(actions) if "timeZone" in action)
        shown = (*actions[:2], actions[first_cron - 1], actions[first_cron])
        return "\n".join(
            (
                f"defaultTarget {wire['defaultTarget']}, {len(actions)} scheduled actions, {len(trackers)} trackers",
                *(canonical_json(action) for action in shown),
                *(canonical_json(tracker) for tracker in trackers),
            )
        )

    def _verdict(self) -> str:
        costs = self.plan.estimate
        assert costs is not None
        rows = (("this plan", costs.wanted), (f"static peak of {costs.static_instances}", costs.static_peak))
        verdict = f"{'safe' if self.plan.safe else 'unsafe'}, {len(self.plan.changes)} changes"
        lines = [f"{verdict}, to be applied by {self.plan.valid_until.astimezone(PLACE):%a %H:%M}"]
        lines += [
            f"{name:20}{cost.instance_hours:8.1f} instance-hours{cost.cold_share:9.3%} cold" for name, cost in rows
        ]
        daily, most = costs.recurring_daily_hours, costs.recurring_daily_hours_max
        reading = f"{most:.1f} if the maximum among schedules wins"
        return "\n".join([*lines, f"{'fallback':20}{daily:8.1f} instance-hours a day, {reading}"])
