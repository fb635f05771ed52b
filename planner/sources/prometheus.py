"""A Prometheus HTTP API: range queries for one series, the requests in flight.

Facts of the API: https://prometheus.io/docs/prometheus/latest/querying/api/ (range queries, 11,000 points a series at
most, answers as JSON with values as text, `NaN` and `+Inf` among them).
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from planner.base import FunctionRef
from planner.clock import Clock
from planner.errors import SourceBusy, SourceError
from planner.fc.retry import Budgets, Retrier, RetryPolicy
from planner.sources.guarded import Answer, get
from planner.sources.metered import Batch, Kept, Span, Tell, Way
from planner.store.records import Point

TOKEN_VARIABLE = "PLANNER_PROMETHEUS_TOKEN"  # noqa: S105 - its name
MOST_POINTS = 10_000
"""Of one query; Prometheus refuses more than 11,000."""
BACK = timedelta(days=91)
"""How far a first read goes back; what Prometheus no longer keeps is simply not there."""
FUNCTION = "$function"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """Implements `MetricSource`.

    The value at an instant is what the query says there, and stands for the interval that ends then: what a query
    such as `avg_over_time(x[1m])` looks at.
    """

    url: str
    query: str
    step: timedelta
    token: str = field(default="", repr=False)
    allow_reserved: bool = False
    clock: Clock
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    budgets: Budgets | None = None
    draw: Callable[[], float] = random.random

    @property
    def name(self) -> str:
        """The host, for people."""
        return f"Prometheus at {urlsplit(self.url).netloc}"

    @property
    def ways(self) -> Sequence[Way]:
        """One; named with the question, since another question has another answer."""
        asked = f"{self.url}\n{self.query}\n{self.step}".encode()
        return (Way(series=f"prometheus:{hashlib.sha256(asked).hexdigest()[:12]}", words=f"the query of {self.name}"),)

    @property
    def kept(self) -> Sequence[Kept]:
        """Whatever there is of three months."""
        return (Kept(step=self.step, back=BACK),)

    def read(self, function: FunctionRef, span: Span, *, now: datetime, tell: Tell) -> Batch:  # noqa: ARG002 - the port's
        """The series in a span, a query for each 10,000 points; raises SourceError."""
        shared = self.budgets
        budget = None if shared is None else shared.of(f"prometheus {self.url}", self.retry, self.clock)
        retrier = Retrier(self.retry, self.clock, self.draw, budget)
        found: dict[datetime, float] = {}
        dropped, start = 0, span.start
        while start < span.end:
            end = min(start + MOST_POINTS * span.step, span.end)
            values = retrier.call(partial(self._ask, function, start, end), (SourceBusy,))
            for moment, value in values:
                at = datetime.fromtimestamp(moment, UTC) - span.step
                if value is None or not start <= at < end:
                    dropped += 1
                else:
                    found[at] = max(found.get(at, 0.0), value)
            start = end
            tell((start - span.start) / (span.end - span.start))
        points = tuple(Point(at=at, value=value, step=span.step) for at, value in sorted(found.items()))
        remarks = (f"{dropped} values were no use (NaN, infinite or negative), left out",) if dropped else ()
        return Batch(points={self.ways[0]: points}, remarks=remarks)

    def _ask(self, function: FunctionRef, start: datetime, end: datetime) -> list[tuple[float, float | None]]:
        """Instants, in seconds since 1970, and values of the intervals that begin in [start, end)."""
        asked = {
            "query": self.query.replace(FUNCTION, function.name),
            "start": f"{(start + self.step).timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{self.step.total_seconds():g}",
        }
        headers = {"Accept": "application/json", "User-Agent": "planner"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.url.rstrip('/')}/api/v1/query_range?{urlencode(asked)}"
        answer = get(url, headers=headers, clock=self.clock, allow_reserved=self.allow_reserved)
        return self._values(answer)

    def _values(self, answer: Answer) -> list[tuple[float, float | None]]:
        body = _json(answer)
        if answer.status != 200 or body.get("status") != "success":
            raise self._refusal(answer, body)
        data = body.get("data")
        if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
            raise SourceError(f"The answer of {self.name} is no range of values", remedy="Check the URL and the query.")
        if warned := body.get("warnings"):
            # A federation warns where some of its stores did not answer: then a sum is too low.
            raise SourceBusy(f"{self.name} warns that its answer may be partial: {self._hidden(warned)[:200]}")
        series = data["result"]
        if len(series) > 1:
            raise SourceError(
                f"history.prometheus.query gives {len(series)} series", remedy="Make it one: put sum( ) around it."
            )
        try:
            return [(float(moment), _value(text)) for each in series for moment, text in each["values"]]
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(f"The answer of {self.name} can't be read: {error!r}") from error

    def _hidden(self, said: object) -> str:
        """What the server said, should it repeat the token without it."""
        return str(said).replace(self.token, "[hidden]") if self.token else str(said)

    def _refusal(self, answer: Answer, body: dict[str, Any]) -> SourceError:
        said = " ".join(self._hidden(body.get("error") or "no explanation came with it").split())[:300]
        message = f"{self.name} answered {answer.status}: {said}"
        if answer.status in (401, 403):
            return SourceError(message, remedy=f"Set {TOKEN_VARIABLE} to a token that may read.")
        if answer.status == 429 or answer.status >= 500:
            wait = answer.headers.get("retry-after", "")
            return SourceBusy(message, remedy="Try again later.", retry_after=float(wait) if wait.isdigit() else None)
        return SourceError(message, remedy="Check history.prometheus.query.")


def _json(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _value(text: object) -> float | None:
    """A sample's value; None for what is no concurrency."""
    value = float(str(text))
    return value if math.isfinite(value) and value >= 0 else None
