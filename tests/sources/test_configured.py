"""Which monitoring system a configuration means, and where it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from planner.clock import ManualClock
from planner.config.models import FcConfig, FunctionConfig
from planner.config.sections import HistoryConfig, PrometheusConfig
from planner.errors import ConfigError
from planner.sources.cloudmonitor import CloudMonitor
from planner.sources.configured import configured
from planner.sources.metered import MetricSource
from planner.sources.prometheus import Prometheus
from tests.builders import NOON


def source(fc: FcConfig, history: HistoryConfig, **environ: str) -> MetricSource:
    return configured(fc, FunctionConfig(name="asr", history=history), clock=ManualClock(NOON), environ=environ)


@pytest.mark.parametrize(
    ("fc", "history", "host", "protocol"),
    [
        ({"region": "cn-hangzhou"}, {}, "metrics.cn-hangzhou.aliyuncs.com", "https"),
        ({"region": "cn-hangzhou", "endpoint": "fc.example"}, {}, "metrics.cn-hangzhou.aliyuncs.com", "https"),
        ({"region": "cn-hangzhou"}, {"endpoint": "metrics.example"}, "metrics.example", "https"),
        ({}, {"endpoint": "127.0.0.1:9", "protocol": "http"}, "127.0.0.1:9", "http"),
        ({"endpoint": "127.0.0.1:9600", "protocol": "http"}, {}, "127.0.0.1:9600", "http"),
        (
            {"endpoint": "127.0.0.1:9600", "protocol": "http"},
            {"endpoint": "metrics.example"},
            "metrics.example",
            "https",
        ),
    ],
    ids=["region", "another endpoint of FC", "endpoint", "plain http", "emulator", "beside an emulator"],
)
def test_cloud_monitor_is_where_the_configuration_says(
    fc: dict[str, str], history: dict[str, str], host: str, protocol: str
) -> None:
    found = source(FcConfig.model_validate(fc), HistoryConfig.model_validate({"source": "cloudmonitor", **history}))

    assert isinstance(found, CloudMonitor)
    assert (found._client._endpoint, found._client._protocol) == (host, protocol)


def test_an_endpoint_of_fc_that_is_no_emulator_says_nothing_of_cloud_monitor() -> None:
    with pytest.raises(ConfigError, match="nothing says where the Cloud Monitor of asr:LATEST is"):
        source(FcConfig(endpoint="fc.example"), HistoryConfig(source="cloudmonitor"))


def test_prometheus_takes_its_token_from_the_environment() -> None:
    asked = PrometheusConfig(url="https://h/p", query="up", step=timedelta(seconds=30))
    found = source(
        FcConfig(), HistoryConfig(source="prometheus", prometheus=asked), PLANNER_PROMETHEUS_TOKEN="canary-token"
    )

    assert isinstance(found, Prometheus)
    assert (found.url, found.query, found.step, found.token) == (
        "https://h/p",
        "up",
        timedelta(seconds=30),
        "canary-token",
    )


@pytest.mark.parametrize("name", ["file", "database"])
def test_a_file_is_not_collected_by_itself(name: str) -> None:
    with pytest.raises(ConfigError, match=f"history.source is {name}"):
        source(FcConfig(region="cn-hangzhou"), HistoryConfig.model_validate({"source": name}))
