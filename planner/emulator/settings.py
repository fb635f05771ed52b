"""The switches of the emulator: one field per point on which the public contract of FC is open.

The contract of provisioned instances leaves questions that only the live service could answer.
Those whose answer changes what a client has to do have a switch here; its docstring says what is
known and why the default was chosen. Whatever talks to FC should behave under every combination.
The others are answered one way; docs/emulator.md lists them under "Open points answered one way".
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, Self, get_args, get_origin

BY_REGION = -1
_LARGE_REGIONS = ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-zhangjiakou", "cn-shenzhen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this FC reads the open points of its contract, and how large the account is.

    Contract: values out of range, and words that are no choice of the switch, raise `ValueError`
    at construction.
    """

    evaluation_lag_seconds: int = 60
    """Seconds (0 to 120) after a put in which `target` is the plain `defaultTarget`.

    The put's answer shows the static value, and a separate loop moves `target` within 120 s
    (fc-java-sdk's live test waits that long at most). Surplus instances are destroyed at once, so
    this is the dangerous reading. 60 is the middle; 0 evaluates right after the put was answered.
    An evaluation that is due from an earlier put comes no later for another put."""

    among: Literal["last", "max"] = "last"
    """Which value counts among several schedules in effect: the latest trigger's, or the largest.

    Published: the maximum of all policies in effect. But the product's own pair (20:00 to 50,
    22:00 to 10) could never come down by that, so the last trigger is the better reading. Ties go
    to the larger value. Between schedules and trackers it is always the maximum."""

    past_at: Literal["fires", "ignored"] = "fires"
    """Whether an `at()` that lies before the put takes effect in a window that is already open.

    fc-java-sdk's live test saw it fire (a strong inference, not a published rule)."""

    look_back: Literal["window", "unbounded"] = "window"
    """Which past triggers count: those since `startTime`, or those before it too.

    With "window" an entry that has not triggered since its window opened has no value yet."""

    target_field: Literal["defaultTarget", "target"] = "defaultTarget"
    """Which field wins when a put sends both; with one of them, that one is the value."""

    absent_scalars: Literal["kept", "reset"] = "kept"
    """Whether a put without `alwaysAllocate*` or a default keeps the stored one or resets it
    (true, and 0)."""

    missing_config: Literal["empty", "not_found"] = "empty"
    """What Get answers when nothing is set: 200 with an empty `functionArn`, which is what
    Serverless Devs fc3 tests for, or 404 `ProvisionConfigNotFound`."""

    one_kind_per: Literal["function", "qualifier"] = "function"
    """How far a provision config and a scaling config exclude each other.

    The service refuses a switch between them (codes in Serverless Devs fc3). The texts that fc3 knows
    name the function alone; "qualifier" lets two aliases of one function differ."""

    deleted_instances: Literal["gone", "linger"] = "linger"
    """What Get answers right after Delete of a config with warm instances: as if nothing were set, or for
    `evaluation_lag_seconds` more the function's ARN, zeros, empty lists and those instances as `current`.

    Serverless Devs fc3 polls until `current` is 0, so that it may take a while is likely; how long, and what
    else Get answers then, is not public. Only the answer lingers: the instances are gone, and neither
    billed nor counted. Not kept over a restart."""

    trackers_without_metrics: Literal["hold", "scale"] = "hold"
    """What trackers do after UpdateFunction has switched the instance metrics off, without which a put of
    trackers is refused: hold the number that there is, since nothing is measured, or go on to scale."""

    function_with_aliases: Literal["kept", "deleted"] = "kept"
    """What DeleteFunction does to a function that has aliases: refuses it (`FunctionNotEmpty`), or takes
    them along. Serverless Devs fc3 deletes the aliases first, which suits both."""

    bare_at: Literal["refused", "utc"] = "refused"
    """What `at(2020-10-10T10:10:10)` is where no `timeZone` is given. The vendor's page prints
    it so; the live texts demand a `Z`."""

    missing_local_time: Literal["shifted", "skipped"] = "shifted"
    """A cron time inside the hour that daylight saving skips: fires after the gap, or not."""

    repeated_local_time: Literal["first", "both"] = "first"
    """A cron time inside the hour that daylight saving repeats: fires once, or twice."""

    tracker_out_minutes: int = 3
    """Full minutes above its metric target before a tracker scales out. Published: only that
    scaling out is aggressive and scaling in conservative."""

    tracker_in_minutes: int = 15
    """Full minutes below its metric target before a tracker scales in."""

    scale_in_coefficient: float = 0.5
    """The share, in (0, 1], of the computed surplus that one scale-in step removes."""

    growth_burst: int = BY_REGION
    """Instances of the region that may be asked for at once; -1 is what is published of the region: 300 in
    Hangzhou, Shanghai, Beijing, Zhangjiakou and Shenzhen, 100 in the others
    (https://help.aliyun.com/zh/functioncompute/instance-scaling-restrictions-and-rules)."""

    growth_per_minute: int = BY_REGION
    """How fast that allowance refills; -1 as above."""

    region_instances: int = 300
    """Instances of the account in the region. Pages of different dates say 100 and 300."""

    gpu_cards_per_type: int = 30
    """Physical cards of one GPU type in the account and region; an instance takes one."""

    startup_seconds: tuple[float, ...] = (10.0, 30.0)
    """Start-up time, as evenly spaced points of its quantile function, interpolated: one value is
    a constant, two a uniform range, measured values (sorted) a measured distribution. 10 to 30 s
    is the vendor's figure for common GPU models. A function may carry its own."""

    dispatch: Literal["packed", "spread"] = "packed"
    """Whether requests fill one warm instance after the other, or go to all of them alike.

    It decides how many are idle, which is what hibernation is billed by. Not published; packed gives
    the least active time, spread the most."""

    kept_days: int = 31
    """Days of minutes that are kept of each function and qualifier, as Cloud Monitor keeps series of
    60 s (https://alibabacloud.com/help/doc-detail/51936.htm)."""

    coarse_kept_days: int = 91
    """Days of means of five minutes, as Cloud Monitor keeps series of 300 s and more (the same page);
    reports, bills and series of 60 s end with the minutes."""

    kept_rows: int = 1_500_000
    """Minutes and means of five that are kept of all functions together, the oldest go first. A bound of the
    emulator, not of the service: a row takes some 450 bytes of memory."""

    metric_delay_seconds: int = 60
    """Seconds after the end of a period until Cloud Monitor shows it (0 to 3600). No figure is
    published; the vendor's charts (devsapp/fc-metrics) count a missing point as zero only when it
    is older than some minutes. With 60 a client always finds the newest whole minute missing."""

    metric_timestamp: Literal["start", "end"] = "start"
    """Whether a point's timestamp is where its period starts or ends. Published: only that the range
    is (StartTime, EndTime]."""

    metric_idle_minutes: Literal["absent", "zero"] = "absent"
    """Whether minutes without calls (without instances, for counts of instances) have no point or
    zeros. Kept answers of the service lack them; averages of nothing are absent in any case."""

    metric_statistics: Literal["value", "named"] = "value"
    """Whether points carry one `Value`, as in kept answers of the service, or `Average`, `Maximum`,
    `Minimum` and `Sum` of their minutes, as other products' do. `Value` over a longer period
    is the sum of calls, the mean of averages and instances, the largest of maxima: chosen."""

    metric_zone: Literal["Asia/Shanghai", "UTC"] = "Asia/Shanghai"
    """The zone of `YYYY-MM-DD hh:mm:ss` in requests to Cloud Monitor. The example of
    DescribeMetricList asks from 2019-01-30 00:00:00 and gets 1548777660000, which is 00:01 there."""

    metric_calls_per_second: int = 50
    """Calls of each metric action in a real second before `Throttling.User`; 0 is no limit. 50 is
    published (https://alibabacloud.com/help/doc-detail/51936.htm)."""

    first_health_check: Literal["after_initializer", "before_initializer"] = "after_initializer"
    """When an instance that is a process is first asked whether it is well. The vendor's page on health
    checks says that the Initializer runs first
    (https://www.alibabacloud.com/help/en/functioncompute/fc/configure-a-custom-health-check-policy-for-instances-1);
    pages on the life cycle name the health check before it. In both cases its port listens first."""

    start_deadline_seconds: float = 120.0
    """Real seconds in which a process must listen and pass its first health check, together; the Initializer
    has a timeout of its own. 120 is the service's."""

    on_demand_idle_seconds: float = 300.0
    """Seconds of the clock after which an unused on-demand instance ends, simulated or process. Usually 3 to
    5 minutes, and no promise (https://help.aliyun.com/zh/functioncompute/fc/user-guide/instance-level-events)."""

    termination_grace_seconds: float = 10.0
    """Real seconds between SIGTERM and SIGKILL. No figure is published."""

    max_processes: int = 8
    """Processes at once, of all functions, those included that are about to end; over it a request is
    answered 429 and `currentError` tells. A bound of the emulator, not of the service."""

    max_process_memory_mb: int = 4096
    """Resident memory at which a process is killed; the function's `memorySize` counts where it is less.
    Measured each second, with all that the process has started: a limit on address space would
    stop libraries that reserve much more than they use."""

    body_limit_mb: int = 32
    """The largest body of a request or an answer. 32 is published for requests, no figure for answers."""

    control_body_limit_mb: int = 1
    """The largest body (MiB) of an API call that is no request to an instance; over it 413 `EntityTooLarge`.

    The code is published, neither its status here nor a figure. A full config of 200 policies has 60 KB.
    CreateFunction and UpdateFunction, which may carry code, go by `body_limit_mb`."""

    seed: int = 0
    """Seed of the start-up draws: the same seed and calls give the same history."""

    signature_tolerance_minutes: int = 15
    """How far the date of a signed request may be from the machine's time; 0 lets any pass.

    Only where the world has credentials. 15 is the OpenAPI gateway's; the emulator's clock has no part in it."""

    page_limit: int = 20
    """List entries per page when the request names no `limit` (the 2.0 default); at most 100."""

    region: str = "cn-shanghai"
    """Region in `functionArn`, which also decides how fast instances may grow."""

    account_id: str = "1234567890123456"
    """Account in `functionArn`."""

    def __post_init__(self) -> None:
        """Refuse values that no reading of the contract allows."""
        for field in fields(self):
            choices = _choices(field.name)
            if choices and getattr(self, field.name) not in choices:
                message = f"{field.name} must be one of {', '.join(choices)}"
                raise ValueError(message)
        ranges = (
            (
                min(self.growth_burst, self.growth_per_minute) >= BY_REGION,
                "growth_burst and growth_per_minute must not be negative, but for -1",
            ),
            (0 <= self.evaluation_lag_seconds <= 120, "evaluation_lag_seconds must be from 0 to 120"),
            (0 < self.scale_in_coefficient <= 1, "scale_in_coefficient must be in (0, 1]"),
            (min(self.startup_seconds, default=-1.0) >= 0, "startup_seconds needs at least one value, none negative"),
            (min(self.tracker_out_minutes, self.tracker_in_minutes) >= 1, "trackers need at least one full minute"),
            (
                min(self.max_processes, self.max_process_memory_mb, self.body_limit_mb, self.control_body_limit_mb)
                >= 1,
                "max_processes, max_process_memory_mb, body_limit_mb and control_body_limit_mb must be at least 1",
            ),
            (
                min(self.start_deadline_seconds, self.on_demand_idle_seconds, self.termination_grace_seconds) >= 0,
                "the times of processes must not be negative",
            ),
            (self.signature_tolerance_minutes >= 0, "signature_tolerance_minutes must not be negative"),
            (
                min(self.kept_days, self.coarse_kept_days, self.kept_rows) >= 1,
                "kept_days, coarse_kept_days and kept_rows must be at least 1",
            ),
            (
                0 <= self.metric_delay_seconds <= 3600 and self.metric_calls_per_second >= 0,
                "metric_delay_seconds must be from 0 to 3600, metric_calls_per_second not negative",
            ),
        )
        for holds, message in ranges:
            if not holds:
                raise ValueError(message)

    @property
    def burst(self) -> int:
        """Instances of the region that may be asked for at once."""
        return self._growth if self.growth_burst == BY_REGION else self.growth_burst

    @property
    def refill(self) -> int:
        """Instances by which that allowance grows in a minute."""
        return self._growth if self.growth_per_minute == BY_REGION else self.growth_per_minute

    @property
    def _growth(self) -> int:
        return 300 if self.region in _LARGE_REGIONS else 100

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """Settings from a file's or a command line's keys; strings are read as the field's type.

        Contract: an unknown key raises `ValueError` that lists the known ones.
        """
        known = {field.name: field.default for field in fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            message = f"unknown settings: {', '.join(unknown)}; known: {', '.join(known)}"
            raise ValueError(message)
        typed = {name: _like(known[name], value) for name, value in values.items()}
        return cls(**typed)  # type: ignore[arg-type]  # the names and types were checked above


def _choices(name: str) -> tuple[str, ...]:
    """The words that a switch allows; none for a number or a free text."""
    hint: object = Settings.__annotations__[name]
    return get_args(hint) if get_origin(hint) is Literal else ()


def _like(example: object, value: object) -> object:
    """`value` as the type of `example`: "30" for an int, [10, 30] or "10,30" for the tuple."""
    if isinstance(example, tuple):
        items = value if isinstance(value, list | tuple) else str(value).split(",")
        return tuple(sorted(float(item) for item in items))
    if isinstance(example, int):
        return int(str(value))
    return float(str(value)) if isinstance(example, float) else str(value)
