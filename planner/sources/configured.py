"""From the settings of a function to the monitoring system that knows its load."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from planner.clock import Clock
from planner.config import FcConfig, FunctionConfig
from planner.endpoint import is_loopback, log_host, monitor_host
from planner.errors import ConfigError
from planner.fc.retry import Budgets
from planner.sources.metered import MetricSource


def configured(
    fc: FcConfig, settings: FunctionConfig, *, clock: Clock, environ: Mapping[str, str], budgets: Budgets | None = None
) -> MetricSource:
    """The source of a function whose history is collected; nothing is sent yet. `budgets`: retries to share.

    Raises ConfigError where the history comes from elsewhere, or where nothing says where the system is.
    """
    history = settings.history
    if history.source == "cloudmonitor":
        from planner.fc.sdk import Connection  # noqa: PLC0415  # slow to import
        from planner.sources.cloudmonitor import connect  # noqa: PLC0415  # as above

        connection = Connection(endpoint=_endpoint(fc, settings, monitor_host, "Cloud Monitor"))
        mean = history.mean_duration
        return connect(connection, region=fc.region, clock=clock, mean_duration=mean, budgets=budgets)
    if history.source == "prometheus" and history.prometheus is not None:
        from planner.sources.prometheus import TOKEN_VARIABLE, Prometheus  # noqa: PLC0415  # as above

        asked = history.prometheus
        return Prometheus(
            url=asked.url,
            query=asked.query,
            step=asked.step,
            token=environ.get(TOKEN_VARIABLE, ""),
            allow_reserved=asked.allow_reserved,
            clock=clock,
            budgets=budgets,
        )
    if history.source == "sls" and history.sls is not None:
        from planner.fc.sdk import Connection  # noqa: PLC0415  # slow to import
        from planner.sources import sls  # noqa: PLC0415  # as above

        logs = history.sls
        return sls.connect(
            Connection(endpoint=_endpoint(fc, settings, log_host, "Log Service")),
            project=logs.project,
            logstore=logs.logstore,
            statistic=history.statistic,
            back=logs.kept,
            clock=clock,
            budgets=budgets,
        )
    raise ConfigError(
        f"the history of {settings.ref} is not collected: history.source is {history.source}",
        remedy="Set history.source to cloudmonitor, prometheus or sls, or name a file: `planner collect FILE`.",
    )


def _endpoint(fc: FcConfig, settings: FunctionConfig, host: Callable[[str], str], service: str) -> str:
    history = settings.history
    if history.endpoint is not None:
        return f"{history.protocol}://{history.endpoint}"
    if host is monitor_host and fc.endpoint is not None and fc.protocol == "http" and is_loopback(fc.endpoint):
        # The emulator is both.
        return f"http://{fc.endpoint}"
    if fc.region is not None:
        return f"https://{host(fc.region)}"
    raise ConfigError(
        f"nothing says where the {service} of {settings.ref} is",
        remedy=f"Set fc.region (the endpoint is then {host('<region>')}) or history.endpoint.",
    )
