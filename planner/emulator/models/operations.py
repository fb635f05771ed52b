"""The actions of the API on the account: one function each, and the table of them."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from planner.emulator import rules
from planner.emulator.errors import (
    InstanceMetricsRequired,
    InvalidArgument,
    ProvisionConfigNotFound,
)
from planner.emulator.models.account import Account
from planner.emulator.models.config import NOT_EVALUATED, ConfigState, Key
from planner.emulator.models.document import Document, Json
from planner.emulator.models.evaluation import evaluate_now, settle
from planner.emulator.models.validation import merge

_MAX_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, taken off the wire."""

    function_name: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    stale: bool = False
    """Answer a read from before the last put or delete of each config."""

    @property
    def qualifier(self) -> str:
        """The qualifier as sent, empty if absent."""
        return self.query.get("qualifier", "")


def put_provision_config(account: Account, call: Call) -> Json:
    """Create or replace; the answer shows the static value, evaluation comes after the lag.

    Lowering destroys at once and raising starts at once, by the static value: that is what makes
    a put with a small `defaultTarget` dangerous.
    """
    key = account.key(call.function_name, call.qualifier)
    config = account.configs.get(key)
    document = merge(call.body, config.document if config else None, account.settings)
    sent = call.body.get("targetTrackingPolicies") if isinstance(call.body, dict) else None
    if sent and not account.function(call.function_name).instance_metrics:
        raise InstanceMetricsRequired
    account.past[key] = account.view(key)
    if config is None:
        config = account.configs[key] = ConfigState.new(key, account.at)
    _store(account, config, document)
    return config.view(account.arn(*key))


def _store(account: Account, config: ConfigState, document: Document) -> None:
    lag = timedelta(seconds=account.settings.evaluation_lag_seconds)
    config.document = document
    config.policies = rules.read_document(document, account.settings)
    config.put_at, config.evaluate_from = account.at, account.at + lag
    if lag:
        config.target, config.by = document.default_target, NOT_EVALUATED
        settle(account, [config])
    else:
        evaluate_now(account, config)


def get_provision_config(account: Account, call: Call) -> Json:
    """The config; if nothing is set an empty one, or 404 behind the switch."""
    key = account.key(call.function_name, call.qualifier)
    view = account.past.get(key) if call.stale and key in account.past else account.view(key)
    if view is not None:
        return view
    if account.settings.missing_config == "not_found":
        message = f"provision config of '{'/'.join(key)}' does not exist."
        raise ProvisionConfigNotFound(message)
    nothing = Document(always_allocate_cpu=False, always_allocate_gpu=False).to_wire()
    return {"functionArn": "", "current": 0, "currentError": "", "target": 0, **nothing}


def delete_provision_config(account: Account, call: Call) -> None:
    """Remove the config and its instances; that nothing was set is no error."""
    key = account.key(call.function_name, call.qualifier)
    account.past[key] = account.view(key)
    account.configs.pop(key, None)


def list_provision_configs(account: Account, call: Call) -> Json:
    """A page of configs in order of function and qualifier.

    The token names the last key of the page before, so that a config put or deleted between two
    pages neither repeats nor hides another.
    """
    views = {key: account.view(key) for key in account.configs}
    if call.stale:
        views |= account.past
    wanted = call.query.get("functionName", "")
    after = _read_token(call.query.get("nextToken", ""))
    rest = sorted(key for key, view in views.items() if view is not None and key > after and wanted in ("", key[0]))
    limit = _page_size(call.query.get("limit", ""), account.settings.page_limit)
    page = rest[:limit]
    answer: Json = {"provisionConfigs": [views[key] for key in page]}
    if len(rest) > limit:
        answer["nextToken"] = _token(page[-1])
    return answer


def _token(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_token(token: str) -> Key:
    if not token:
        return ("", "")
    try:
        name, qualifier = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, TypeError) as error:
        message = f"The NextToken is invalid (actual: '{token}')"
        raise InvalidArgument(message) from error
    return str(name), str(qualifier)


def _page_size(text: str, default: int) -> int:
    if not text:
        return default
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _MAX_PAGE:
        return int(text)
    message = f"The Limit should be an integer from 1 to {_MAX_PAGE} (actual: '{text}')"
    raise InvalidArgument(message)


def get_function(account: Account, call: Call) -> Json:
    """The function; a qualifier must exist."""
    function = account.function(call.function_name)
    if call.qualifier:
        account.key(call.function_name, call.qualifier)
    return function.to_wire(account.arn(function.name))


OPERATIONS: Mapping[str, Callable[[Account, Call], Json | None]] = {
    "PutProvisionConfig": put_provision_config,
    "GetProvisionConfig": get_provision_config,
    "DeleteProvisionConfig": delete_provision_config,
    "ListProvisionConfigs": list_provision_configs,
    "GetFunction": get_function,
}
WRITES = frozenset({"PutProvisionConfig", "DeleteProvisionConfig"})
"""The actions after which the state must be on disk before the answer."""
