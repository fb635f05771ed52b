"""What minutes cost: compute units (CU) of active, hibernating and on-demand instances, and their price.

Factors and the price of a unit are those of FC's pay-as-you-go page of China for functions with a
GPU (help.aliyun.com, as seen 2025-12-13), where an instance that hibernates pays less for its GPU
and memory and nothing for its vCPU.

Readings of what the page leaves open: a provisioned instance is billed from when it is asked for
until it is released, and as active while it starts; an on-demand one for the time in which it has
requests; memory hibernates with the CPU.

Left out: the page's grain (a GPU is billed in steps of 1 s, a provisioned CPU of 10 s, an on-demand
one of 1 ms), which rounds each instance's life up once, while minutes know means only; the cheaper
units above 200 M a month, since a month's total is the account's, not a span's; traffic.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Self

from planner.emulator.models.document import Json
from planner.emulator.models.function import FunctionSpec
from planner.emulator.models.ledger import Minute

_MINUTE_SECONDS = 60
_FREE_DISK_MB = 512
_CALLS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """Compute units a second of one vCPU or GB, while the instance is active and while it hibernates."""

    active: float
    hibernating: float

    def __post_init__(self) -> None:
        """Refuse what no price list has."""
        if min(self.active, self.hibernating) < 0:
            message = "a price must not be negative"
            raise ValueError(message)

    def of(self, *, active: bool) -> float:
        """The price of the one or the other."""
        return self.active if active else self.hibernating

    def times(self, amount: float) -> Self:
        """Of so many vCPU or GB."""
        return type(self)(active=self.active * amount, hibernating=self.hibernating * amount)


def _gpus() -> Mapping[str, Factor]:
    """Tesla and Ada are on the page; the others were published by users only, so they are unconfirmed."""
    small_ada = Factor(active=1.95, hibernating=0.23)
    return {
        "fc.gpu.tesla.1": Factor(active=2.1, hibernating=0.5),
        "fc.gpu.ada.1": Factor(active=1.7, hibernating=0.2),
        "fc.gpu.ada.2": small_ada,
        "fc.gpu.ada.3": small_ada,
        "fc.gpu.ampere.1": Factor(active=1.8, hibernating=0.3),
        "fc.gpu.hopper.1": Factor(active=2.31, hibernating=0.315),
        "fc.gpu.xpu.1": Factor(active=1.2, hibernating=0.23),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A price list; `prices` in the world file replaces any of it."""

    as_of: str = "2025-12-13"
    """The day on which the list was read."""
    currency: str = "CNY"
    unit: float = 0.00011
    """Of one CU: the first 200 M of a month, without the discount that ended on 2026-08-27."""
    vcpu: Factor = Factor(active=1.0, hibernating=0.0)
    memory: Factor = Factor(active=0.15, hibernating=0.10)
    """Of a GB."""
    disk: Factor = Factor(active=0.05, hibernating=0.05)
    """Of a GB above the 512 MB that every instance has."""
    gpu: Mapping[str, Factor] = field(default_factory=_gpus)
    """Of a GB of the GPU's memory, by GPU type."""
    ten_thousand_calls: float = 75.0
    """CU for 10,000 requests."""

    def __post_init__(self) -> None:
        """Refuse what no price list has."""
        if min(self.unit, self.ten_thousand_calls) < 0:
            message = "a price must not be negative"
            raise ValueError(message)

    @classmethod
    def from_mapping(cls, values: Json) -> Self:
        """Read `{unit: 0.000088, gpu: {fc.gpu.ada.1: {active: 1.5, hibernating: 0.25}}}`; all are optional.

        GPU types that are not named keep their default; `ValueError` for what is no price list.
        """
        known = {entry.name for entry in fields(cls)}
        if unknown := sorted(set(values) - known):
            message = f"unknown prices: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            raise ValueError(message)
        read: Json = {name: str(values[name]) for name in ("as_of", "currency") if name in values}
        read |= {name: float(values[name]) for name in ("unit", "ten_thousand_calls") if name in values}
        read |= {name: Factor(**values[name]) for name in ("vcpu", "memory", "disk") if name in values}
        named = {gpu_type: Factor(**factor) for gpu_type, factor in values.get("gpu", {}).items()}
        return cls(**read, gpu={**_gpus(), **named})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Compute units a second of one instance, by what the two flags let hibernate."""

    cpu: Factor
    """vCPU and memory."""
    gpu: Factor
    disk: Factor

    @property
    def active(self) -> float:
        """Of an instance with a request."""
        return self.idle(cpu=True, gpu=True)

    def idle(self, *, cpu: bool, gpu: bool) -> float:
        """Of an instance without one, its CPU and GPU allocated or not."""
        return self.cpu.of(active=cpu) + self.gpu.of(active=gpu) + self.disk.of(active=cpu or gpu)


def rates(function: FunctionSpec, prices: Prices) -> Rates:
    """What an instance of the function costs; `ValueError` if its GPU type has no price.

    Worked: a Tesla GPU of 16 GB with 8 vCPU and 32 GB of memory takes 16 x 2.1 + 8 x 1 + 32 x 0.15 =
    46.4 CU/s active, and 16 x 0.5 + 32 x 0.1 = 11.2 CU/s hibernating: 18.4 and 4.4 CNY an hour.
    """
    gpu = Factor(active=0.0, hibernating=0.0)
    if function.card is not None:
        if function.card not in prices.gpu:
            message = f"no price for GPU type '{function.card}'; prices.gpu has {', '.join(prices.gpu)}"
            raise ValueError(message)
        gpu = prices.gpu[function.card].times((function.gpu_memory_mb or 0) / 1024)
    vcpu, memory = prices.vcpu.times(function.cpu), prices.memory.times(function.memory_mb / 1024)
    disk_mb = int(function.extra.get("diskSize", _FREE_DISK_MB))
    return Rates(
        cpu=Factor(active=vcpu.active + memory.active, hibernating=vcpu.hibernating + memory.hibernating),
        gpu=gpu,
        disk=prices.disk.times(max(disk_mb - _FREE_DISK_MB, 0) / 1024),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Compute units of a span, by what the instances did, and their price in `currency`."""

    active: float
    """Provisioned instances that start, serve, or are always allocated."""
    hibernating: float
    """Provisioned instances that wait, with either flag off."""
    on_demand: float
    calls: float
    """Those that were not refused."""
    units: float
    """All of them."""
    unit_price: float
    amount: float
    currency: str
    prices_as_of: str


def bill(minutes: Iterable[Minute], function: FunctionSpec, prices: Prices) -> Bill:
    """The bill of these minutes, each by the flags that it was lived under.

    Worked: an instance of 46.4 CU/s active and 11.2 hibernating that is warm for an hour and busy in
    half of it takes 1800 x 46.4 + 1800 x 11.2 = 103,680 CU where both flags are off: 11.40 CNY.
    """
    rate = rates(function, prices)
    active = hibernating = on_demand = calls = 0.0
    for minute in minutes:
        cpu, gpu = minute.always_allocate_cpu, minute.always_allocate_gpu
        idle = (minute.warm - minute.busy) * _MINUTE_SECONDS * rate.idle(cpu=cpu, gpu=gpu)
        if cpu and gpu:
            active += idle
        else:
            hibernating += idle
        active += (minute.busy + minute.starting) * _MINUTE_SECONDS * rate.active
        on_demand += minute.on_demand * _MINUTE_SECONDS * rate.active
        calls += (minute.invocations - minute.throttles) / _CALLS * prices.ten_thousand_calls
    units = active + hibernating + on_demand + calls
    return Bill(
        active=active,
        hibernating=hibernating,
        on_demand=on_demand,
        calls=calls,
        units=units,
        unit_price=prices.unit,
        amount=units * prices.unit,
        currency=prices.currency,
        prices_as_of=prices.as_of,
    )
