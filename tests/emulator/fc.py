"""Builders and verbs for tests that talk to the emulator as any client of FC does."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
from darabonba.model import DaraModel
from darabonba.runtime import RuntimeOptions

from planner.emulator import (
    Clock,
    Emulator,
    FunctionSpec,
    ManualClock,
    Settings,
    World,
    running,
)
from tests.published import Body

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""A Monday."""
ASR = FunctionSpec(
    name="asr",
    aliases=("prod", "canary"),
    instance_concurrency=4,
    instance_metrics=True,
    startup_seconds=(20.0,),
)
_OPENER = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fc:
    """The official client, and the emulator behind it."""

    client: Client
    url: str
    emulator: Emulator

    def put(self, body: Body, qualifier: str = "prod", name: str = "asr") -> Body:
        """PutProvisionConfig as the typed SDK sends it: lists always present."""
        typed = models.PutProvisionConfigInput().from_map(body)
        request = models.PutProvisionConfigRequest(qualifier=qualifier, body=typed)
        return _map(self.client.put_provision_config(name, request).body)

    def put_raw(self, body: object, qualifier: str = "prod", name: str = "asr") -> Body:
        """PutProvisionConfig with exactly this body, by the SDK's generic call."""
        params = Params(
            action="PutProvisionConfig",
            version="2023-03-30",
            protocol="HTTP",
            pathname=f"/2023-03-30/functions/{name}/provision-config",
            method="PUT",
            auth_type="AK",
            style="ROA",
            req_body_type="json",
            body_type="json",
        )
        request = OpenApiRequest(query={"qualifier": qualifier}, body=body)
        answer: Body = self.client.call_api(params, request, RuntimeOptions())["body"]
        return answer

    def get(self, qualifier: str = "prod", name: str = "asr") -> Body:
        """GetProvisionConfig."""
        request = models.GetProvisionConfigRequest(qualifier=qualifier)
        return _map(self.client.get_provision_config(name, request).body)

    def delete(self, qualifier: str = "prod", name: str = "asr") -> int:
        """DeleteProvisionConfig; the status."""
        request = models.DeleteProvisionConfigRequest(qualifier=qualifier)
        return int(self.client.delete_provision_config(name, request).status_code)

    def page(self, **query: object) -> tuple[list[Body], str | None]:
        """ListProvisionConfigs: one page and the token of the next."""
        answer = self.client.list_provision_configs(models.ListProvisionConfigsRequest(**query))
        body = _map(answer.body)
        return body["provisionConfigs"], body.get("nextToken")

    def target(self) -> int:
        """The target of the moment."""
        return int(self.get()["target"])

    def targets(self, moments: Sequence[datetime]) -> list[int]:
        """The target at each moment, the clock moved from one to the next."""
        found = []
        for moment in moments:
            self.emulator.move_to(moment)
            found.append(self.target())
        return found

    def wait(self, **by: float) -> None:
        """Move the clock: `wait(minutes=3)`."""
        self.emulator.advance(timedelta(**by))

    def refusal(self, body: object) -> tuple[str, str]:
        """Code and text of a put that must be refused."""
        try:
            self.put_raw(body)
        except ClientException as error:
            return str(error.code), str(error.data["Message"])
        message = "the put was accepted"
        raise AssertionError(message)

    def admin(self, method: str, path: str, body: object = None) -> tuple[int, Body]:
        """Any request without the SDK: status and JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, method=method)
        try:
            with _OPENER.open(request, timeout=5) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except HTTPError as error:
            return error.code, json.loads(error.read())


class Switches(TypedDict, total=False):
    """The settings that tests turn."""

    evaluation_lag_seconds: int
    among: Any
    past_at: Any
    look_back: Any
    target_field: Any
    absent_scalars: Any
    missing_config: Any
    one_kind_per: Any
    deleted_instances: Any
    trackers_without_metrics: Any
    region: str
    function_with_aliases: Any
    bare_at: Any
    missing_local_time: Any
    repeated_local_time: Any
    growth_burst: int
    growth_per_minute: int
    region_instances: int
    gpu_cards_per_type: int
    page_limit: int
    seed: int


@contextmanager
def emulated(
    *functions: FunctionSpec,
    at: datetime = NOON,
    clock: Clock | None = None,
    **switches: Unpack[Switches],
) -> Iterator[Fc]:
    """A running emulator with a clock moved by hand; one function `asr` by default."""
    world = World(functions=functions or (ASR,), settings=Settings(**switches))
    with running(world, clock=clock or ManualClock(at)) as server:
        yield Fc(client=client(server.endpoint), url=server.url, emulator=server.emulator)


def client(endpoint: str) -> Client:
    """The official client, pointed at an endpoint."""
    keys = {"access_key_id": "id", "access_key_secret": "secret"}
    return Client(Config(endpoint=endpoint, protocol="http", **keys))


def _map(model: DaraModel) -> Body:
    return dict(model.to_map())
