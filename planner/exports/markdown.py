"""`plan.md`: the plan for a merge request. Everything a reviewer needs, with the details folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planner.base import iso
from planner.exports import plan_json, provision_v2, scaling_config, schedule_csv, words
from planner.exports.serverless_devs import put_command
from planner.plan import Change, Plan

NAME = "plan.md"
STEPS_SHOWN = 12
CHANGES_SHOWN = 20


def render(plan: Plan) -> str:
    """GitHub's and GitLab's Markdown; one section a question."""
    sections = (
        _top(plan),
        _breaches(plan),
        _cost(plan),
        _steps(plan),
        _fallback(plan),
        _changes(plan),
        _evidence(plan),
        _remarks(plan),
        _apply(plan),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _top(plan: Plan) -> str:
    made, until = (f"{words.clock(when, plan.time_zone)}" for when in (plan.created_at, plan.valid_until))
    return "\n\n".join(
        (
            f"# Capacity plan for {plan.function}",
            words.headline(plan),
            f"**{words.verdict(plan)}** · made {made}, apply by {until} ({plan.time_zone}) · digest `{plan.digest}`",
            "![History, forecast and steps](plan.png)",
        )
    )


def _breaches(plan: Plan) -> str:
    if plan.safe:
        return ""
    rows = ((f"`{breach.rule}`", breach.detail, breach.remedy) for breach in plan.breaches)
    return "## Why it is unsafe\n\n" + _table(("rule", "what", "remedy"), rows)


def _cost(plan: Plan) -> str:
    if plan.estimate is None:
        return ""
    currency = plan.estimate.currency
    rows = (
        (
            name,
            words.hours(cost.instance_hours),
            words.money(cost.money, currency),
            words.percent(cost.cold_share),
            against,
        )
        for name, cost, against in words.cost_rows(plan)
    )
    head = ("document", "instance-hours:", "cost:", "cold share:", "this plan against it")
    return "## Cost\n\n" + _table(head, rows) + "\n\nOver the same hours and the same expected load."


def _steps(plan: Plan) -> str:
    spans = words.spans(plan.schedule)
    if not spans:
        return ""
    rows = (
        (words.clock(span.start, plan.time_zone), str(span.instances), words.signed(span.delta), span.reason)
        for span in spans[:STEPS_SHOWN]
    )
    more = len(spans) - STEPS_SHOWN
    rest = f"\n\nAnd {words.count(more, 'later step')} in {schedule_csv.NAME}." if more > 0 else ""
    head = (f"from ({plan.time_zone})", "instances:", "change:", "why")
    return "## Next steps\n\n" + _table(head, rows) + rest


def _fallback(plan: Plan) -> str:
    if not plan.recurring.steps:
        return ""
    estimate = plan.estimate
    when = words.clock(plan.schedule.end, plan.time_zone)
    ours = [tracker for tracker in plan.wanted.tracking_policies if tracker.ours]
    bounds = "; ".join(f"{tracker.name} from {tracker.min_capacity} to {tracker.max_capacity}" for tracker in ours)
    guard = f" Trackers of ours, before and after: {bounds}." if bounds else ""
    price = f": {words.daily(estimate)}" if estimate else ""
    return f"## If no newer plan is applied\n\nFrom {when} the recurring week takes over{price}.{guard}"


def _changes(plan: Plan) -> str:
    if not plan.changes:
        return "## Changes\n\nNone: the live document is the wanted one."
    shown, rest = plan.changes[:CHANGES_SHOWN], plan.changes[CHANGES_SHOWN:]
    folded = _folded(words.count(len(rest), "further change"), _change_table(rest)) if rest else ""
    return "\n\n".join(filter(None, ("## Changes", _change_table(shown), folded)))


def _change_table(changes: Sequence[Change]) -> str:
    rows = (
        (change.kind, f"`{change.part}`", change.name, change.before, change.after, change.reason) for change in changes
    )
    return _table(("", "part", "name", "before", "after", "why"), rows)


def _evidence(plan: Plan) -> str:
    found = plan.evidence
    if found is None:
        return ""
    span = " to ".join(words.clock(when, plan.time_zone) for when in (found.history_start, found.history_end))
    facts = (
        ("history", f"{found.history_source}, {span}, a point every {words.span(found.history_step)}"),
        ("history digest", f"`{found.history_digest[:12]}`"),
        ("repairs", "; ".join(found.repairs) or "none"),
        ("forecaster", f"{found.forecaster}: {found.forecaster_reason}"),
        ("chosen", words.clock(found.chosen_at, plan.time_zone)),
        ("policy", found.policy_reason),
        (f"policy until {words.clock(found.near_end, plan.time_zone)}", found.near_reason),
        ("instance concurrency", str(found.instance_concurrency)),
        ("lead", f"{words.span(found.lead)} from asking for an instance to its first warm request"),
    )
    scores = ((name, f"{loss:.4g}", excuse) for name, loss, excuse in found.scores)
    table = _table(("forecaster", "weighted quantile loss:", "excuse"), scores)
    return "## Evidence\n\n" + _table(("", ""), facts) + (f"\n\n{table}" if found.scores else "")


def _remarks(plan: Plan) -> str:
    remarks = [*plan.notes, *(f"Could not be read: {text}" for text in plan.lacked)]
    remarks.append(f"{scaling_config.NAME} can't carry {' and '.join(scaling_config.lost(plan.wanted))}.")
    remarks += [f"{provision_v2.NAME} leaves out {text}." for text in provision_v2.translate(plan).omissions]
    return "## Notes\n\n" + "\n".join(f"- {_inline(text)}" for text in remarks)


def _apply(plan: Plan) -> str:
    command = f"```sh\n{put_command(plan)}\n```"
    return "\n\n".join(
        (
            "## How to apply it",
            f"```sh\nplanner apply {plan_json.NAME}\n```",
            f"It refuses once the live document differs from the one read, or after {iso(plan.valid_until)}.",
            _folded("The same document with Serverless Devs, in the folder of s.yaml, without these checks", command),
        )
    )


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a head that ends in a colon aligns its column to the right."""
    lines = [[name.removesuffix(":") for name in head], ["---:" if name.endswith(":") else "---" for name in head]]
    lines += [[_inline(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _inline(text: str) -> str:
    return " ".join(text.split())
