"""Builders and verbs for tests that read Cloud Monitor with its official SDK."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alibabacloud_cms20190101 import models
from alibabacloud_cms20190101.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from alibabacloud_tea_openapi.models import Config

from planner.emulator import Emulator, Load, ManualClock, Settings, World, running
from tests.emulator.fc import ASR, NOON, Fc
from tests.emulator.fc import client as fc_client
from tests.published import Body

MINUTE = timedelta(minutes=1)
FUNCTION = {"region": "cn-shanghai", "functionName": "asr"}
TTS = replace(ASR, name="tts", aliases=(), instance_metrics=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """The official client of Cloud Monitor, and Function Compute beside it."""

    client: Client
    fc: Fc

    @property
    def emulator(self) -> Emulator:
        return self.fc.emulator

    def page(self, metric: str, **asked: object) -> models.DescribeMetricListResponseBody:
        """DescribeMetricList, of the hour after noon unless told otherwise."""
        return self.client.describe_metric_list(request(metric, **asked)).body

    def points(self, metric: str, **asked: object) -> list[Body]:
        """The points of one page."""
        return list(json.loads(self.page(metric, **asked).datapoints))

    def values(self, metric: str, **asked: object) -> list[float]:
        """Their values."""
        return [point["Value"] for point in self.points(metric, **asked)]

    def all_points(self, metric: str, between: Callable[[], None] = lambda: None, **asked: object) -> list[Body]:
        """The points of all pages; `between` happens after each."""
        found, token = [], None
        while token is not None or not found:
            page = self.page(metric, **asked, next_token=token)
            found += json.loads(page.datapoints)
            token = page.next_token
            between()
            if token is None:
                break
        return found

    def refusal(self, **asked: object) -> tuple[int, str, str]:
        """Status, code and text of a request that must be refused."""
        try:
            self.client.describe_metric_list(models.DescribeMetricListRequest(**asked))
        except (ClientException, ServerException) as error:
            return error.status_code, error.code, error.data["Message"]
        message = "the request was accepted"
        raise AssertionError(message)


def milliseconds(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1000))


def request(metric: str, **asked: object) -> models.DescribeMetricListRequest:
    fields = {
        "namespace": "acs_fc",
        "metric_name": metric,
        "dimensions": json.dumps(FUNCTION) if metric.startswith("Function") else None,
        "start_time": milliseconds(NOON - MINUTE),
        "end_time": milliseconds(NOON + timedelta(hours=1)),
    }
    return models.DescribeMetricListRequest(**{**fields, **asked})


@contextmanager
def monitored(*, at: datetime = NOON, **switches: object) -> Iterator[Monitor]:
    """A running emulator with the functions asr (instance metrics on) and tts (off)."""
    world = World(functions=(ASR, TTS), settings=Settings.from_mapping({"metric_delay_seconds": 0, **switches}))
    with running(world, clock=ManualClock(at)) as server:
        keys = {"access_key_id": "id", "access_key_secret": "secret"}
        fc = Fc(client=fc_client(server.endpoint), url=server.url, emulator=server.emulator)
        yield Monitor(client=Client(Config(endpoint=server.endpoint, protocol="http", **keys)), fc=fc)


@contextmanager
def busy(**switches: object) -> Iterator[Monitor]:
    """Two minutes after noon: 10 requests of 2 s at once on 2 warm instances that take 4 each.

    The 2 that find no room keep one on-demand instance busy.
    """
    with monitored(at=NOON - MINUTE, **switches) as monitor:
        monitor.fc.put({"defaultTarget": 2})
        load = Load(values=(0.0, 10.0), start=NOON - MINUTE, duration_seconds=2.0)
        monitor.emulator.offer("asr", load, qualifier="prod")
        monitor.fc.wait(minutes=3)
        yield monitor
