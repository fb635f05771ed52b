"""Every metric of the daemon: name, meaning, labels. docs/metrics.md explains them, and a test compares."""

from __future__ import annotations

from planner.observing.exposition import Family, Kind

WHOSE = ("function", "qualifier")
"""Labels of what concerns one function."""
TASK = (*WHOSE, "task")
"""Labels of what concerns one of its jobs; `job` is Prometheus' own label, of the target."""

BUILD = Family(name="planner_build_info", help="The planner's version; always 1.", labels=("version",))
STARTED = Family(name="planner_start_timestamp_seconds", help="When the daemon was started.")
BEAT = Family(name="planner_last_beat_timestamp_seconds", help="When the daemon's loop came round last.")
DATABASE = Family(name="planner_database_up", help="Whether the records could be read for this scrape (1) or not (0).")
COMPLETE = Family(
    name="planner_function_complete",
    help="Whether all that is on record of the function could be read for this scrape (1) or not (0).",
    labels=WHOSE,
)
INFO = Family(
    name="planner_function_info",
    help="What the configuration lets the daemon do: mode, and what it does about a document changed by others.",
    labels=(*WHOSE, "mode", "drift"),
)

LEASE = Family(
    name="planner_lease_held", help="Whether this daemon is the one that acts on the function.", labels=WHOSE
)
LEASE_ENDS = Family(
    name="planner_lease_expiry_timestamp_seconds",
    help="When the lease on record ends, of whichever daemon; it is renewed before.",
    labels=WHOSE,
)
PAUSED = Family(name="planner_paused", help="Whether a person paused the function: nothing is sent.", labels=WHOSE)
FROZEN = Family(
    name="planner_frozen", help="Whether the windows for changes let the daemon send nothing now.", labels=WHOSE
)
RUNG = Family(
    name="planner_ladder_rung",
    help="How far below the champion's forecast the plans stand: 0 on it, 1 last week, 2 last good, 3 guardrails.",
    labels=WHOSE,
)
PROPOSALS = Family(name="planner_proposals_waiting", help="Proposed plans that wait for a person.", labels=WHOSE)
PROPOSAL_ENDS = Family(
    name="planner_proposal_expiry_timestamp_seconds", help="When the proposal that waits runs out.", labels=WHOSE
)

JOB_PERIOD = Family(name="planner_job_period_seconds", help="How often the job is due.", labels=TASK)
JOB_RAN = Family(name="planner_job_last_run_timestamp_seconds", help="When the job's newest run ended.", labels=TASK)
JOB_TOOK = Family(name="planner_job_last_run_duration_seconds", help="How long the job's newest run took.", labels=TASK)
JOB_FAILED = Family(name="planner_job_last_run_failed", help="Whether the job's newest run failed.", labels=TASK)
JOB_LATE = Family(
    name="planner_job_lateness_seconds",
    help="For how long the job has been due; 0 while its period has seen it.",
    labels=TASK,
)

APPLIES = Family(
    name="planner_applies_total",
    help="Applies on record by what came of them, those of people included.",
    labels=(*WHOSE, "outcome"),
    kind=Kind.COUNTER,
)
UNFINISHED = Family(
    name="planner_applies_unfinished", help="Applies on record that began and have not ended.", labels=WHOSE
)
APPLIED = Family(
    name="planner_last_applied_timestamp_seconds",
    help="When the newest apply began after which Function Compute held what was wanted.",
    labels=WHOSE,
)
WANTED = Family(
    name="planner_wanted_instances", help="Instances that the plan applied last asks for now.", labels=WHOSE
)
SCHEDULE_STARTS = Family(
    name="planner_schedule_start_timestamp_seconds",
    help="When the schedule of the plan applied last began.",
    labels=WHOSE,
)
SCHEDULE_ENDS = Family(
    name="planner_schedule_end_timestamp_seconds",
    help="When the schedule of the plan applied last ends and its recurring fallback takes over.",
    labels=WHOSE,
)

SEEN = Family(
    name="planner_observed_timestamp_seconds",
    help="When this daemon read the function's document from Function Compute last.",
    labels=WHOSE,
)
TARGET = Family(name="planner_target_instances", help="Function Compute's target, as read last.", labels=WHOSE)
CURRENT = Family(
    name="planner_current_instances", help="Provisioned instances that are there, as read last.", labels=WHOSE
)
CALLS = Family(
    name="planner_fc_calls_total",
    help="Calls of Function Compute since this daemon was started, by operation and by what came of them.",
    labels=(*WHOSE, "operation", "outcome"),
    kind=Kind.COUNTER,
)
DRIFTED = Family(
    name="planner_document_drifted",
    help="Whether Function Compute held another document than was applied last, as read last.",
    labels=WHOSE,
)

ACTUAL = Family(name="planner_actual_concurrency", help="Requests in flight: the newest point on record.", labels=WHOSE)
HISTORY_ENDS = Family(
    name="planner_history_end_timestamp_seconds", help="When the newest metric ends that the daemon read.", labels=WHOSE
)
FRESH_WITHIN = Family(
    name="planner_history_limit_seconds",
    help="With an older newest metric nothing is pushed that lowers capacity.",
    labels=WHOSE,
)
FORECAST = Family(
    name="planner_forecast_concurrency",
    help="Peak requests in flight in the present slot, by the newest plan's forecast, at a quantile level.",
    labels=(*WHOSE, "level"),
)
COVERAGE = Family(
    name="planner_forecast_coverage_ratio",
    help="Share of the last day's slots whose peak stayed within the highest level of the champion's forecast.",
    labels=WHOSE,
)
PLANNED = Family(name="planner_planned_instances", help="Instances that the newest plan asks for now.", labels=WHOSE)
PLAN_MADE = Family(name="planner_plan_created_timestamp_seconds", help="When the newest plan was made.", labels=WHOSE)
PLAN_SAFE = Family(name="planner_plan_safe", help="Whether the newest plan breaks no safety rule.", labels=WHOSE)
HORIZON = Family(
    name="planner_plan_horizon_seconds", help="What the newest plan's expectations are summed over.", labels=WHOSE
)
LEAD = Family(
    name="planner_lead_seconds",
    help="What plans take for the time from asking for an instance to its first warm request, evaluation included.",
    labels=WHOSE,
)
LEAD_LEARNT = Family(
    name="planner_lead_learnt", help="Whether that time was learnt from the function's own rises.", labels=WHOSE
)
RISES = Family(
    name="planner_lead_rises",
    help="Rises that the learnt lead goes by: the newest of each kind, those cut short included.",
    labels=(*WHOSE, "kind"),
)
COLD = Family(
    name="planner_expected_cold_ratio",
    help="Share of requests that the newest plan expects to wait for an instance to start, by document.",
    labels=(*WHOSE, "document"),
)
HOURS = Family(
    name="planner_expected_instance_seconds",
    help="Instances times the seconds that they are there, over the newest plan's horizon, by document.",
    labels=(*WHOSE, "document"),
)
COST = Family(
    name="planner_expected_cost",
    help="Money that the document takes over the newest plan's horizon, in a currency.",
    labels=(*WHOSE, "document", "currency"),
)
SAVED = Family(
    name="planner_expected_saving",
    help="Money that the newest plan saves over its horizon against a static peak, in a currency.",
    labels=(*WHOSE, "currency"),
)

BACKTEST_AT = Family(
    name="planner_backtest_timestamp_seconds", help="When the newest backtest on record was made.", labels=WHOSE
)
BACKTEST_SPAN = Family(
    name="planner_backtest_span_seconds", help="How much of the past the newest backtest judged.", labels=WHOSE
)
BACKTEST_COLD = Family(
    name="planner_backtest_cold_ratio",
    help="Share of requests that would have waited for an instance to start, by policy; planner: as planned.",
    labels=(*WHOSE, "policy"),
)
BACKTEST_HOURS = Family(
    name="planner_backtest_instance_seconds",
    help="Instances times the seconds that they would have been there, by policy.",
    labels=(*WHOSE, "policy"),
)
BACKTEST_SAVED = Family(
    name="planner_backtest_saving",
    help="Money that planning would have saved in the backtest against a static peak, in a currency.",
    labels=(*WHOSE, "currency"),
)

FAMILIES = tuple(value for value in tuple(globals().values()) if isinstance(value, Family))
"""All of them, in the order above."""
