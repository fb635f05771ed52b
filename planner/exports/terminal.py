"""What the command line shows: rich renderables for 80 columns and up. Colour helps; no meaning rests on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from planner.exports import words
from planner.plan import Change, ChangeKind, Estimate, Plan

if TYPE_CHECKING:
    from planner.explain import Explanation
    from planner.exports.backtest_words import Report
    from planner.rehearsal.measured import Rehearsal

BLOCKS = "▁▂▃▄▅▆▇█"
DAY_CELLS = 72
RULER_CELLS = 12
BAR_CELLS = 8
_MARK = {ChangeKind.ADD: "+", ChangeKind.CHANGE: "~", ChangeKind.REMOVE: "-"}
_STYLE = {ChangeKind.ADD: "green", ChangeKind.CHANGE: "yellow", ChangeKind.REMOVE: "red"}
_SCHEDULED = re.compile(
    r"scheduleExpression=(?P<when>at|cron)\((?P<text>[^)]+)\) target=(?P<target>\d+) startTime=(?P<start>\S+)"
    r"(?: endTime=(?P<end>[-:TZ0-9]+))?(?: timeZone=\S+)?"
)
"""A scheduled action as the difference describes it."""
_DONE = {ChangeKind.ADD: "added", ChangeKind.CHANGE: "changed", ChangeKind.REMOVE: "removed"}
_PART = {
    "defaultTarget": ("default", "default"),
    "alwaysAllocateCPU": ("CPU when idle", "CPU when idle"),
    "alwaysAllocateGPU": ("GPU when idle", "GPU when idle"),
    "scheduledActions": ("step", "steps"),
    "targetTrackingPolicies": ("tracker", "trackers"),
}


def plan_view(plan: Plan) -> RenderableType:
    """The plan on a terminal: verdict, cost, the day at a glance, every step, notes."""
    parts: list[RenderableType] = [_title(plan), Text(words.headline(plan)), Text()]
    parts += [_breaches(plan), Text()] if plan.breaches else []
    parts += [_cost(plan, plan.estimate), Text()] if plan.estimate else []
    parts += [*_day(plan), Text(), _steps(plan)] if plan.schedule.steps else []
    remarks = [*plan.notes, *(f"could not be read: {text}" for text in plan.lacked)]
    parts += [Text(), *(_bullet(text) for text in remarks)] if remarks else []
    return Group(*parts)


def diff_view(changes: Sequence[Change]) -> RenderableType:
    """The difference between two documents: `+` added, `~` changed, `-` removed, each with its reason."""
    if not changes:
        return Text("No changes: the live document is the wanted one.")
    kinds = Counter(change.kind for change in changes)
    total = ", ".join(f"{kinds[kind]} {_DONE[kind]}" for kind in ChangeKind if kinds[kind])
    lines: list[RenderableType] = [Text(f"{words.count(len(changes), 'change')}: {total}", style="bold")]
    for part, group in groupby(changes, key=lambda change: change.part):
        members = tuple(group)
        lines += [Text(_PART.get(part, (part, part))[len(members) > 1], style="bold"), _change_rows(members)]
    return Group(*lines)


def backtest_view(report: Report) -> RenderableType:
    """A backtest on a terminal: the verdict, every policy, what would have been saved, how it was judged."""
    from planner.backtest import OURS  # noqa: PLC0415  # brings the whole pipeline, which `planner diff` needs not
    from planner.exports import backtest_words  # noqa: PLC0415  # as above

    table = light_table("policy", *(f"{head}:" for head in backtest_words.heads(report)[1:]))
    for row in backtest_words.rows(report):
        table.add_row(*row, style="bold" if row[0] == OURS else "dim" if row[0] == backtest_words.REFERENCE else "")
    remarks = [*backtest_words.savings(report), *report.remarks]
    return Group(
        Text(backtest_words.headline(report), style="bold"),
        Text(),
        table,
        Text(),
        *(_bullet(text) for text in remarks),
        Text(),
        Text(backtest_words.CAPTION, style="dim"),
        Text(backtest_words.grounds(report), style="dim"),
    )


def rehearsal_view(found: Rehearsal) -> RenderableType:
    """A rehearsal on a terminal: the verdict, the policies side by side, what was scaled and what not."""
    from planner.exports import rehearsal_words  # noqa: PLC0415  # as above

    table = light_table("", *(f"{run.name}:" for run in found.runs))
    for row in rehearsal_words.rows(found):
        table.add_row(*row, style="" if any(row[1:]) else "bold")
    return Group(
        Text(rehearsal_words.headline(found), style="bold"),
        Text(),
        table,
        Text(),
        *(_bullet(text) for text in rehearsal_words.grounds(found)),
    )


def explanation_view(found: Explanation) -> RenderableType:
    """Why so many instances: what adds up to them, and what else acts at that minute."""
    when = f"{words.clock(found.minute, found.time_zone)} ({found.time_zone})"
    title = Text(f"{found.function} at {when}: {words.count(found.instances, 'instance')}", style="bold")
    table = light_table("", "instances:", "why")
    for number, line in enumerate(found.parts):
        changed = f"{line.instances:+d}" if number else str(line.instances)
        table.add_row(line.kind.value, changed, Text(line.why))
    table.add_section()
    table.add_row("instances wanted", str(found.instances), "", style="bold")
    table.add_section()
    for line in found.beside:
        table.add_row(line.kind.value, "" if line.instances is None else str(line.instances), Text(line.why))
    return Group(title, Text(), table)


def _title(plan: Plan) -> Text:
    safe = Text(f" {words.verdict(plan)} ", style="bold reverse green" if plan.safe else "bold reverse red")
    until = words.clock(plan.valid_until, plan.time_zone)
    name = Text(f"  {plan.function}", style="bold")
    grounds = Text(f"plan {plan.digest[:12]}, apply by {until} ({plan.time_zone})", style="dim")
    return safe + name + Text("\n") + grounds


def _breaches(plan: Plan) -> RenderableType:
    lines: list[RenderableType] = []
    for breach in plan.breaches:
        lines.append(Text(f"! {breach.rule.value.replace('_', ' ')}: {breach.detail}", style="red"))
        lines.append(Padding(Text(f"remedy: {breach.remedy}"), (0, 0, 0, 2)))
    return Group(*lines)


def _cost(plan: Plan, estimate: Estimate) -> Table:
    table = light_table("document", "instance-hours:", "cost:", "cold:", "this plan:")
    for name, cost, against in words.cost_rows(plan):
        price = words.money(cost.money, estimate.currency)
        table.add_row(name, words.hours(cost.instance_hours), price, words.percent(cost.cold_share), against)
    return table


def _day(plan: Plan) -> tuple[Text, Text]:
    """The schedule as a row of blocks over a ruler of local time; a dot is a time without any instance."""
    start, span = plan.schedule.start, plan.schedule.end - plan.schedule.start
    values = [_instances_at(plan, start + span * (2 * cell + 1) / (2 * DAY_CELLS)) for cell in range(DAY_CELLS)]
    peak = _peak(plan)
    ruler = ""
    for cell in range(0, DAY_CELLS, RULER_CELLS):
        ruler += f"{words.local(start + span * cell / DAY_CELLS, plan.time_zone):%H:%M}".ljust(RULER_CELLS)
    bars = "".join(_block(value, peak) for value in values)
    return Text(bars, style="cyan") + Text(f" {peak}", style="bold"), Text(ruler.rstrip(), style="dim")


def _steps(plan: Plan) -> Table:
    """A line a step; of a reason only what stands before its colon, the whole of it is in plan.md."""
    peak = _peak(plan)
    table = light_table("from", "instances:", "change:", "", "why")
    for span in words.spans(plan.schedule):
        bar = Text("█" * round(BAR_CELLS * span.instances / peak) if peak else "", style="cyan")
        when = words.clock(span.start, plan.time_zone)
        table.add_row(when, str(span.instances), words.signed(span.delta), bar, Text(span.reason.partition(":")[0]))
    return table


def _change_rows(changes: Sequence[Change]) -> Table:
    """A line a change where it can be: of a step what its name doesn't say, all of it is in the documents."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold", ratio=3)
    grid.add_column(overflow="fold", ratio=5)
    for change in changes:
        values = " → ".join(_in_short(value) for value in (change.before, change.after) if value)
        reason = change.reason.partition(":")[0] if _SCHEDULED.fullmatch(change.after) else change.reason
        grid.add_row(
            Text(_MARK[change.kind], style=_STYLE[change.kind]),
            Text(change.name or change.part),
            Text(values) + Text(f"  {reason}", style="dim"),
        )
    return grid


def _in_short(value: str) -> str:
    """`19 until 23 Nov 17:02Z` of a dated step, `23 cron(0 0 0 * * MON-FRI)` of a recurring one, else as it stands."""
    match = _SCHEDULED.fullmatch(value)
    if match is None:
        return value
    if match["when"] == "cron":
        return f"{match['target']} cron({match['text']})"
    word, text = ("until", match["end"]) if match["end"] else ("from", match["start"])
    return f"{match['target']} {word} {datetime.fromisoformat(text):%d %b %H:%M}Z"


def light_table(*heads: str) -> Table:
    """A light table; a head that ends in a colon aligns its column to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), header_style="dim")
    for head in heads:
        table.add_column(head.removesuffix(":"), justify="right" if head.endswith(":") else "left")
    return table


def _bullet(text: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row("·", Text(text))
    return grid


def _instances_at(plan: Plan, moment: datetime) -> int:
    return next((step.instances for step in reversed(plan.schedule.steps) if step.at <= moment), 0)


def _peak(plan: Plan) -> int:
    return max((step.instances for step in plan.schedule.steps), default=0)


def _block(value: int, peak: int) -> str:
    return BLOCKS[-(-value * len(BLOCKS) // peak) - 1] if value else "·"
