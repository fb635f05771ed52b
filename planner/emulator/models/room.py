"""The room for new instances at one instant: what quotas, growth, capacity and images leave."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from planner.emulator.faults import ANY, REPLENISHED, CapacityFault, QuotaFault, StartupFault
from planner.emulator.models.account import Account
from planner.emulator.models.config import ConfigState, Key
from planner.emulator.models.function import FunctionSpec
from planner.emulator.models.ondemand import OnDemand

QUOTA = "Reserve resource exceeded limit"
"""Over the account's limit (vendor's GPU FAQ)."""
_NEVER_SECONDS = 1e9
GROWING = REPLENISHED
"""Here: the growth limit is reached, more next minute."""


@dataclass(slots=True, kw_only=True)
class Room:
    """The room of an account, asked by one config after the other."""

    account: Account
    instances: int
    """Instances of the region, warm and starting."""
    cards: Counter[str | None]
    """Those with a card, per type."""

    @classmethod
    def of(cls, account: Account) -> Self:
        """The room as the instances of the moment leave it, provisioned and on-demand ones alike.

        Source: quotas and growth are shared by both
        (https://help.aliyun.com/zh/functioncompute/instance-scaling-restrictions-and-rules).
        """
        cards: Counter[str | None] = Counter()
        for (name, _), config in account.configs.items():
            cards[account.function(name).card] += config.fleet.count
        for (name, _), meter in account.meters.items():
            if count := meter.on_demand_count:
                cards[account.function(name).card] += count
        return cls(account=account, instances=cards.total(), cards=cards)

    def grow(self, config: ConfigState, missing: int) -> None:
        """Ask for the missing instances; what there is no room for is tried again at the next evaluation."""
        account, at = self.account, config.fleet.at
        function = account.function(config.key[0])
        points, config.error = self._startup(function, at)
        room = 0
        if not config.error:
            limits = []
            if short := account.faults.hit(CapacityFault, function.name, at):
                limits.append((short.most(config.target) - config.fleet.count, short.error))
            room, config.error = self._take(function, at, missing, limits)
        config.fleet.launch(room, points, f"{account.settings.seed}/{'/'.join(config.key)}")

    def start(self, key: Key, elastic: OnDemand, missing: int, at: datetime) -> None:
        """Start on-demand instances; what there is no room for is refused, what cannot start waits."""
        function = self.account.function(key[0])
        points, blocked = self._startup(function, at)
        elastic.refused = 0
        if not blocked:
            room, _ = self._take(function, at, missing)
            elastic.launch(room, at, points, f"{self.account.settings.seed}/{'/'.join(key)}/on-demand")
            elastic.refused = missing - room

    def admit(self, function: FunctionSpec, at: datetime) -> bool:
        """Whether there is room for one more on-demand instance, which then is taken."""
        room, _ = self._take(function, at, 1)
        return room == 1

    def _startup(self, function: FunctionSpec, at: datetime) -> tuple[tuple[float, ...], str]:
        """Points of the start-up times at `at`, and why nothing can start, if so."""
        points = function.startup_seconds or self.account.settings.startup_seconds
        if function.process and self.account.processes:
            points = (_NEVER_SECONDS,)
        slow = self.account.faults.hit(StartupFault, function.name, at)
        if slow:
            points = tuple(point * slow.factor for point in points)
        return points, function.image_pull_error or (slow.error if slow and slow.fails else "")

    def _take(
        self, function: FunctionSpec, at: datetime, missing: int, further: Iterable[tuple[int, str]] = ()
    ) -> tuple[int, str]:
        """Take as many of the missing as the limits allow; how many, and the error of the tightest."""
        account = self.account
        region, cards = self._quotas(function.card, at)
        limits = [
            (missing, ""),
            (region - self.instances, QUOTA),
            (account.growth.refill(at, account.settings), GROWING),
        ]
        if function.card is not None:
            exceeded = f"Account's total GPU usage of '{function.card}' exceeded"
            limits.append((cards - self.cards[function.card], exceeded))
        room, error = min((*limits, *further), key=lambda limit: limit[0])
        room = max(room, 0)
        account.growth.allowance -= room
        self.instances += room
        self.cards[function.card] += room
        return room, error

    def _quotas(self, gpu_type: str | None, at: datetime) -> tuple[int, int]:
        """Instances of the region, and cards of a type."""
        settings = self.account.settings
        region, cards = settings.region_instances, settings.gpu_cards_per_type
        cut = self.account.faults.hit(QuotaFault, "", at)
        if cut is None:
            return region, cards
        if cut.region_instances is not None:
            region = min(region, cut.region_instances)
        if cut.gpu_cards is not None and cut.gpu_type in (ANY, gpu_type):
            cards = min(cards, cut.gpu_cards)
        return region, cards
