"""The section `notify`: who is told what the daemon sees, and how. URLs and secrets come from the environment."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from planner.config.fields import Duration, between
from planner.config.sections import Section

TopicName = Literal["proposal", "drift", "demotion", "rollback", "shortfall", "surprise", "failing"]
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name of a channel; write small letters, digits and _, such as oncall")
    return name


class ChannelConfig(Section):
    """One webhook: its URL is environment PLANNER_NOTIFY_<NAME>_URL, its secret PLANNER_NOTIFY_<NAME>_SECRET."""

    name: Annotated[
        str,
        AfterValidator(_check_name),
        Field(
            description="Small letters, digits and _; for oncall the URL is environment PLANNER_NOTIFY_ONCALL_URL, the "
            "signing secret PLANNER_NOTIFY_ONCALL_SECRET"
        ),
    ]
    kind: Annotated[Literal["json", "dingtalk", "feishu"], Field(description="json: any receiver; feishu: Lark too")]
    topics: Annotated[tuple[TopicName, ...] | None, Field(description="What it is told; null: everything")] = None
    language: Annotated[Literal["en", "zh"], Field(description="Of titles and advice; findings are English")] = "en"
    allow_private: Annotated[
        bool, Field(description="true: the URL's name may lead to a private network (10.0.0.0/8 and others)")
    ] = False

    @property
    def url_variable(self) -> str:
        """Environment variable with the URL."""
        return f"PLANNER_NOTIFY_{self.name.upper()}_URL"

    @property
    def secret_variable(self) -> str:
        """Environment variable with the secret."""
        return f"PLANNER_NOTIFY_{self.name.upper()}_SECRET"


class NotifyConfig(Section):
    """Messages of the daemon."""

    repeat_every: Annotated[
        Duration, AfterValidator(between("5m", "7d")), Field(description="What lasts is told again after this")
    ] = timedelta(hours=1)
    channels: Annotated[tuple[ChannelConfig, ...], Field(description="Webhooks")] = ()

    @field_validator("channels")
    @classmethod
    def _one_of_a_name(cls, channels: tuple[ChannelConfig, ...]) -> tuple[ChannelConfig, ...]:
        for name, count in Counter(channel.name for channel in channels).items():
            if count > 1:
                raise ValueError(f"{count} channels have the name '{name}'; give each its own")
        return channels
