"""Dates and zones of policies: with a `timeZone` local and without `Z`, else UTC with `Z`.

Struct pages and docstrings of the official SDK; the text for a missing `Z` was seen live
(fc-java-sdk). That `Z` together with a zone is refused is the emulator's choice: a client that
sends both has not decided what it means.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from planner.emulator.errors import InvalidArgument
from planner.emulator.expressions import At, Trigger, parse_cron
from planner.emulator.settings import Settings

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?)(Z?)")
_EXPRESSION = re.compile(r"(at|cron)\((.*)\)")
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a policy is in effect: from `start` on, until just before `end`; None is unbounded."""

    start: datetime | None
    end: datetime | None

    def contains(self, at: datetime) -> bool:
        """Whether the policy is in effect at `at`."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


def parse_window(start_text: str | None, end_text: str | None, zone_text: str | None) -> Window:
    """The window of a policy; `InvalidArgument` says which date is wrong and why."""
    zone = parse_zone(zone_text)
    start = _bound("StartTime", start_text, zone)
    end = _bound("EndTime", end_text, zone)
    if start is not None and end is not None and start >= end:
        message = f"The StartTime should be before the EndTime (actual: '{start_text}', '{end_text}')"
        raise InvalidArgument(message)
    return Window(start=start, end=end)


def parse_zone(text: str | None) -> ZoneInfo | None:
    """The IANA zone, None where none is given."""
    if not text:
        return None
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"The TimeZone is not an IANA time zone (example: 'Asia/Shanghai', actual: '{text}')"
        raise InvalidArgument(message) from error


def _bound(field: str, text: str | None, zone: ZoneInfo | None) -> datetime | None:
    if not text:
        return None
    moment = _instant(text, zone, bare_is_utc=False)
    if moment is not None:
        return moment
    kind, example = ("local", "") if zone else ("UTC", "Z")
    message = f"The {field} is not in {kind} time format (example: '2020-10-10T10:10:10{example}', actual: '{text}')"
    raise InvalidArgument(message)


def _instant(text: str, zone: ZoneInfo | None, *, bare_is_utc: bool) -> datetime | None:
    """The instant of a date in the right form, None for any other text."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    marked = bool(match[2])
    if marked if zone else not (marked or bare_is_utc):
        return None
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=zone or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_expression(text: str, zone_text: str | None, settings: Settings) -> Trigger:
    """The trigger of a `scheduleExpression`; `InvalidArgument` with the text seen live."""
    zone = parse_zone(zone_text)
    match = _EXPRESSION.fullmatch(text)
    if match and match[1] == "at":
        instant = _instant(match[2], zone, bare_is_utc=settings.bare_at == "utc")
        if instant is not None:
            return At(instant=instant)
    if match and match[1] == "cron":
        try:
            return parse_cron(match[2], zone or _UTC, settings)
        except ValueError:
            pass  # answered below, as every other text that is no expression
    message = (
        "The ScheduleExpression should be atTime or cron expression (example: "
        f"['at(2020-10-10T10:10:10Z)', 'cron(0 */30 * * * *)'], actual: '{text}')"
    )
    raise InvalidArgument(message)
