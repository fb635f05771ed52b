"""What every export of a rehearsal says the same way: the verdict, the table, what was scaled and what not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from planner.baselines import VENDOR_TARGET
from planner.exports import words
from planner.rehearsal.measured import NO_PLAN, OURS, VENDOR, Figures, Rehearsal, Run

UNDER = {NO_PLAN: "with no plan", VENDOR: "under the vendor's example", OURS: "under our plan"}

_FIGURES: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("requests", lambda found: f"{found.requests:,}"),
    ("P50", lambda found: seconds(found.quantiles[0])),
    ("P95", lambda found: seconds(found.quantiles[1])),
    ("P99", lambda found: seconds(found.p99)),
    ("longest", lambda found: seconds(found.longest)),
    ("waited for a start", lambda found: f"{found.cold:,}"),
    ("refused (429), failed", lambda found: f"{found.refused:,}, {found.failed:,}"),
)


def headline(found: Rehearsal) -> str:
    """P99 in the ramp under each policy."""
    first, last = (words.local(moment, found.scene.wishes.zone) for moment in found.ramp)
    told = [f"{seconds(found.rising(run).p99)} {UNDER[run.name]}" for run in found.runs]
    return f"P99 in the ramp from {first:%H:%M} to {last:%H:%M}: {', '.join(told[:-1])}, {told[-1]}."


def seconds(latency: float) -> str:
    """`4.81 s`."""
    return f"{latency:.2f} s"


def rows(found: Rehearsal) -> Iterator[tuple[str, ...]]:
    """A label and a cell a policy; a row of empty cells is a heading."""
    for heading, of in (("while the load rises", found.rising), ("whole span", found.whole)):
        yield (heading, *("" for _ in found.runs))
        for label, told in _FIGURES:
            yield (f"  {label}", *(told(of(run)) for run in found.runs))
    yield ("instances", *("" for _ in found.runs))
    for label, tells in _INSTANCES:
        yield (f"  {label}", *(tells(run) for run in found.runs))
    yield ("  bill", *(words.money(run.bill, found.currency) for run in found.runs))


_INSTANCES: tuple[tuple[str, Callable[[Run], str]], ...] = (
    ("started for a request", lambda run: f"{run.cold_starts:,}"),
    ("instance-hours, provisioned", lambda run: f"{run.warm_hours:.1f}"),
    ("on demand, while serving", lambda run: f"{run.on_demand_hours:.1f}"),
)


def grounds(found: Rehearsal) -> tuple[str, ...]:
    """What was scaled, what was not, and whether the machine kept up; whole sentences."""
    scene, wishes = found.scene, found.scene.wishes
    played = (
        f"{scene.history.source}, {words.span(wishes.span)} from {words.clock(scene.start, wishes.zone)} "
        f"({wishes.zone}): the same {len(found.runs[0].rows):,} requests in each run (Poisson, seed {wishes.seed})."
    )
    each = words.count(wishes.instance_concurrency, "request")
    scaled = (
        f"Scaled: time, with Function Compute's minutes and delays, is {wishes.speed:g} times as fast; the concurrency "
        f"fills {words.count(wishes.peak, 'instance')} of {each} at its peak."
    )
    real = (
        f"Not scaled: a request takes {found.pace.request_seconds:.2f} s, a start {found.pace.start_seconds:.1f} s, at "
        f"this speed {words.span(found.lead)} of the trace: so much earlier the plan asks."
    )
    policies = (
        f"The vendor's example tracks a utilisation of {VENDOR_TARGET:g} with up to {scene.ceiling} instances; with "
        "no plan every instance is started on demand, for a request that waits. Hours and bill are in the trace's time."
    )
    kept_up = (
        f"The machine {'did not keep up' if found.saturated else 'kept up'}: P99 of how late requests were sent is "
        f"{1000 * found.lateness:.0f} ms."
    )
    return (played, scaled, real, policies, kept_up, *found.remarks)
