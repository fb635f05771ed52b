"""The port on the SDK's client. Importing this imports the SDK, which is slow: `sdk.connect` does it when it must."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client

from planner.base import FunctionRef
from planner.errors import FCRefused
from planner.fc.asking import translated
from planner.fc.port import FunctionFacts
from planner.fc.retry import ANY_TROUBLE, NO_EFFECT, Retrier
from planner.fc.translate import Request
from planner.provision import LiveDocument, ProvisionConfig, config_from_wire

Answer = TypeVar("Answer")


class SdkFunctionCompute:
    """Implements `FunctionCompute` on the SDK's client; made by `connect`."""

    def __init__(self, client: Client, host: str, retrier: Retrier) -> None:
        self._client, self._host, self._retrier = client, host, retrier

    def get_provision_config(self, function: FunctionRef) -> LiveDocument:
        """The live document. FC's answer where none is set isn't published: both likely forms are understood."""
        asked = models.GetProvisionConfigRequest(qualifier=function.qualifier)

        def ask() -> LiveDocument:
            return _live(self._client.get_provision_config(function.name, asked).body)

        try:
            return self._retrier.call(self._translated("GetProvisionConfig", function, ask), ANY_TROUBLE)
        except FCRefused as error:
            # Not any 404: a missing function or alias, or a server that isn't FC, must not read as "none set".
            if error.status == 404 and "ProvisionConfig" in error.code:
                return LiveDocument()
            raise

    def put_provision_config(self, function: FunctionRef, config: ProvisionConfig) -> LiveDocument:
        """Send the whole document, both lists always: the SDK sends `[]` for an absent one, and that clears it."""
        asked = models.PutProvisionConfigRequest(
            qualifier=function.qualifier, body=models.PutProvisionConfigInput().from_map(config.wire())
        )

        def ask() -> LiveDocument:
            return _live(self._client.put_provision_config(function.name, asked).body)

        return self._retrier.call(self._translated("PutProvisionConfig", function, ask), NO_EFFECT)

    def get_function(self, function: FunctionRef) -> FunctionFacts:
        """The function's facts; what FC leaves out has its documented default."""
        asked = models.GetFunctionRequest(qualifier=function.qualifier)

        def ask() -> FunctionFacts:
            return _facts(self._client.get_function(function.name, asked).body)

        return self._retrier.call(self._translated("GetFunction", function, ask), ANY_TROUBLE)

    def _translated(self, action: str, function: FunctionRef, ask: Callable[[], Answer]) -> Callable[[], Answer]:
        return translated(Request(action=action, function=function, host=self._host), ask)


def _live(body: models.ProvisionConfig) -> LiveDocument:
    exists = bool(body.function_arn)
    return LiveDocument(
        # What stands in an answer without an ARN was never put by anybody.
        config=config_from_wire(body.to_map()) if exists else ProvisionConfig(),
        exists=exists,
        target=body.target or 0,
        current=body.current or 0,
        current_error=body.current_error or "",
    )


def _facts(body: models.Function) -> FunctionFacts:
    gpu, log = body.gpu_config, body.log_config
    return FunctionFacts(
        instance_concurrency=body.instance_concurrency or 1,
        instance_metrics=bool(log and log.enable_instance_metrics),
        gpu_type=(gpu and gpu.gpu_type) or "",
        cpu=float(body.cpu or 0),
    )
