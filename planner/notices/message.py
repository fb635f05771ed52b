"""One message, and its words in two languages: a title, what was found, and what a person can do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from planner.base import FunctionRef, iso
from planner.notices.alerts import Topic

Language = Literal["en", "zh"]

_TITLES: dict[Topic, tuple[str, str]] = {
    Topic.PROPOSAL: ("A plan waits for approval", "有计划等待审批"),
    Topic.DRIFT: ("Somebody else changed the document", "配置被他人修改"),
    Topic.DEMOTION: ("Another forecast plans now", "预测方式已切换"),
    Topic.ROLLBACK: ("A push was taken back", "一次推送已自动回滚"),
    Topic.SHORTFALL: ("Instances are missing", "实例不足"),
    Topic.SURPRISE: ("Load above the forecast", "负载超出预测"),
    Topic.FAILING: ("No plan can be made", "持续无法生成计划"),
    Topic.TEST: ("Test of planner", "planner 测试消息"),
}
_ADVICE: dict[Topic, tuple[str, str]] = {
    Topic.PROPOSAL: (
        "`planner approve ID` or `planner reject ID`; it runs out by itself.",
        "执行 `planner approve ID` 或 `planner reject ID`；过期自动失效。",
    ),
    Topic.DRIFT: (
        "`planner diff` shows both. Keep it with `planner plan` and `planner apply`, or set daemon.drift.",
        "用 `planner diff` 查看差异；要保留，执行 `planner plan` 和 `planner apply`，或设置 daemon.drift。",
    ),
    Topic.DEMOTION: (
        "`planner status` says why; it goes down and up by itself.",
        "用 `planner status` 查看原因；升降都是自动的。",
    ),
    Topic.ROLLBACK: ("`planner history` says what was taken back.", "用 `planner history` 查看回滚了什么。"),
    Topic.SHORTFALL: (
        "`planner status` has Function Compute's own words; see quota, GPU stock and the function's log.",
        "用 `planner status` 查看函数计算给出的原因；检查配额、GPU 库存和函数日志。",
    ),
    Topic.SURPRISE: (
        "The daemon plans anew by itself. A campaign that nobody entered? See docs/calendar.md.",
        "守护进程会自动重新规划。是否有活动没有录入日历？见 docs/calendar.md。",
    ),
    Topic.FAILING: (
        "`planner status` has the last sentence; what is live goes on and expires by itself.",
        "用 `planner status` 查看最后一次的原因；线上配置继续生效，到期自动转入兜底。",
    ),
    Topic.TEST: ("Nothing is to be done.", "无需处理。"),
}
URGENT = frozenset({Topic.SHORTFALL, Topic.ROLLBACK, Topic.FAILING})
"""What a person on call looks at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An alert on its way to a channel. `id` is one for each message: a repeated delivery has the same."""

    id: str
    function: FunctionRef
    topic: Topic
    at: datetime
    sentence: str

    @property
    def severity(self) -> str:
        """`critical`, `warning`, or `info` for what waits or was only tried."""
        if self.topic in URGENT:
            return "critical"
        return "info" if self.topic in (Topic.PROPOSAL, Topic.TEST) else "warning"

    def title(self, language: Language) -> str:
        """What it is about."""
        return _TITLES[self.topic][language == "zh"]

    def advice(self, language: Language) -> str:
        """What a person can do."""
        return _ADVICE[self.topic][language == "zh"]

    def data(self, language: Language) -> dict[str, object]:
        """As plain JSON values: the body of a channel of kind `json`, version 1."""
        return {
            "version": 1,
            "id": self.id,
            "function": self.function.name,
            "qualifier": self.function.qualifier,
            "topic": self.topic.value,
            "severity": self.severity,
            "at": iso(self.at),
            "title": self.title(language),
            "sentence": self.sentence,
            "advice": self.advice(language),
        }
