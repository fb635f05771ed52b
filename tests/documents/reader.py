"""The independent reader: a document read by the rules of the emulator, which shares no code with the planner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import product

from planner.emulator import Settings, rules
from planner.emulator.models.document import Document
from planner.provision import ProvisionConfig

NOTHING = -1
"""The value of a schedule that has none."""
READINGS = tuple(product(("last", "max"), ("fires", "ignored", "missed")))
"""Among schedules x past at(): takes effect; ignored if it lies before the put; or before the first evaluation."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A document put at `put_at`, under one reading of FC's open points."""

    config: ProvisionConfig
    put_at: datetime
    among: str = "last"
    past_at: str = "fires"
    look_back: str = "window"
    lag: timedelta = timedelta(0)
    missing_local_time: str = "shifted"
    repeated_local_time: str = "first"

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_mapping(
            {
                "among": self.among,
                "past_at": "fires" if self.past_at == "fires" else "ignored",
                "look_back": self.look_back,
                "missing_local_time": self.missing_local_time,
                "repeated_local_time": self.repeated_local_time,
            }
        )

    @cached_property
    def policies(self) -> rules.Policies:
        return rules.read_document(Document.from_wire(self.config.wire()), self.settings)

    def schedule(self, at: datetime) -> int:
        """What the scheduled actions alone ask for; NOTHING without a value."""
        return self._value(replace(self.policies, default_target=NOTHING, trackers=()), at)

    def least(self, at: datetime) -> int:
        """What FC gives at least once it has evaluated: with every tracker at its floor, else the default."""
        return self._value(self.policies, at)

    def serves(self, at: datetime) -> int:
        """What FC gives at least: the default until it has evaluated the put."""
        return self.config.default_target if at < self.put_at + self.lag else self.least(at)

    def _value(self, policies: rules.Policies, at: datetime) -> int:
        # No instance and no metric: a tracker gives its floor, the least that it can give.
        seen = self.put_at + self.lag if self.past_at == "missed" else self.put_at
        moment = rules.Moment(at=at, put_at=seen, warm=0, current=0, utilisations={}, steps=True)
        return rules.evaluate(policies, moment, self.settings).target
