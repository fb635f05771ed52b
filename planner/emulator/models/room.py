"""The room for new instances at one instant: what quotas, growth, capacity and images leave."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from planner.emulator.faults import ANY, REPLENISHED, CapacityFault, QuotaFault, StartupFault
from planner.emulator.models.account import Account
from planner.emulator.models.config import ConfigState
from planner.emulator.models.function import FunctionSpec

QUOTA = "Reserve resource exceeded limit"
"""Over the account's limit (vendor's GPU FAQ)."""
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
        """The room as the instances of the moment leave it."""
        cards: Counter[str | None] = Counter()
        for (name, _), config in account.configs.items():
            cards[account.function(name).gpu_type] += config.fleet.count
        return cls(account=account, instances=cards.total(), cards=cards)

    def grow(self, config: ConfigState, missing: int) -> None:
        """Ask for the missing instances; what there is no room for is tried again at the next evaluation."""
        account, settings = self.account, self.account.settings
        function, at = account.function(config.key[0]), config.fleet.at
        slow = account.faults.hit(StartupFault, function.name, at)
        blocked = function.image_pull_error or (slow.error if slow and slow.fails else "")
        room, config.error = (0, blocked) if blocked else self._left(config, missing, function)
        points = function.startup_seconds or settings.startup_seconds
        if slow:
            points = tuple(point * slow.factor for point in points)
        config.fleet.launch(room, points, f"{settings.seed}/{'/'.join(config.key)}")
        account.growth.allowance -= room
        self.instances += room
        self.cards[function.gpu_type] += room

    def _left(self, config: ConfigState, missing: int, function: FunctionSpec) -> tuple[int, str]:
        """How many of the missing may be asked for, and the error of the tightest limit."""
        account, at = self.account, config.fleet.at
        region, cards = self._quotas(function.gpu_type, at)
        limits = [
            (missing, ""),
            (region - self.instances, QUOTA),
            (account.growth.refill(at, account.settings), GROWING),
        ]
        if function.gpu_type is not None:
            exceeded = f"Account's total GPU usage of '{function.gpu_type}' exceeded"
            limits.append((cards - self.cards[function.gpu_type], exceeded))
        if short := account.faults.hit(CapacityFault, function.name, at):
            limits.append((short.most(config.target) - config.fleet.count, short.error))
        room, error = min(limits, key=lambda limit: limit[0])
        return max(room, 0), error

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
