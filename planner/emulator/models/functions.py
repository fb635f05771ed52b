"""The actions on functions."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from planner.emulator.errors import FunctionAlreadyExists, FunctionNotEmpty, InvalidArgument, NotCovered
from planner.emulator.models.account import Account
from planner.emulator.models.call import Call
from planner.emulator.models.configs import in_the_way
from planner.emulator.models.document import Json, ScalingDocument
from planner.emulator.models.function import FunctionSpec
from planner.emulator.models.function_input import checked_function, checked_name
from planner.emulator.models.paging import Place, page
from planner.emulator.models.validation import checked_object

_NO_FILTERS = ("description", "resourceGroupId", "tags")
_UNSET = (None, "", "[]")
"""The official Python SDK may send an empty list of tags for none."""


def stamp(at: datetime) -> str:
    """A time as the service writes it: UTC, whole seconds, with `Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def create_function(account: Account, call: Call) -> Json:
    """Make a function; without an alias, a load and instances."""
    body = checked_object(call.body)
    name = checked_name(body, "functionName", 64)
    if name in account.functions:
        raise FunctionAlreadyExists(name)
    arn, now = account.arn(name), stamp(account.at)
    born = {"functionId": str(uuid5(NAMESPACE_URL, f"{arn}@{account.at.isoformat()}")), "createdTime": now}
    function = _function({"functionName": name, **checked_function(body, {}), **born, "lastModifiedTime": now})
    account.keep_function(function)
    return function.to_wire(arn)


def update_function(account: Account, call: Call) -> Json:
    """Change a function: a field that is sent replaces the stored one whole, the others are kept."""
    function = account.function(call.function_name)
    stored = function.to_json()
    fields = checked_function(checked_object(call.body), stored)
    changed = _function({**stored, **fields, "lastModifiedTime": stamp(account.at)})
    if changed.card != function.card and _in_pool(account, function.name):
        message = "GPU type should not be changed with resident scaling config"  # text known to Serverless Devs fc3
        raise InvalidArgument(message)
    account.keep_function(changed)
    return changed.to_wire(account.arn(changed.name))


def _function(fields: Json) -> FunctionSpec:
    try:
        return FunctionSpec.from_wire(fields)
    except ValueError as error:
        raise InvalidArgument(str(error)) from error


def _in_pool(account: Account, name: str) -> bool:
    """Whether a scaling config binds the function to a resident pool, whose cards are of one type."""
    documents = [config.document for key, config in account.configs.items() if key[0] == name]
    return any(isinstance(document, ScalingDocument) and document.resident_pool_id for document in documents)


def delete_function(account: Account, call: Call) -> None:
    """Remove a function, its loads and, behind the switch, its aliases; a config is in the way."""
    function = account.function(call.function_name)
    for key, config in sorted(account.configs.items()):
        if key[0] == function.name:
            raise in_the_way(config)
    if function.aliases and account.settings.function_with_aliases == "kept":
        raise FunctionNotEmpty(function.name)
    account.drop_function(function.name)


def get_function(account: Account, call: Call) -> Json:
    """The function; a qualifier must exist."""
    function = account.function(call.function_name)
    if call.qualifier:
        account.key(call.function_name, call.qualifier)
    return function.to_wire(account.arn(function.name))


def list_functions(account: Account, call: Call) -> Json:
    """A page of the functions in order of name.

    `prefix`, `functionName`, `runtime` and `gpuType` select; all of them are FC 3.0. `NotCovered`
    for the other filters.
    """
    query = call.query
    if uncovered := [name for name in _NO_FILTERS if query.get(name) not in _UNSET]:
        message = f"the emulator does not filter functions by {', '.join(uncovered)}"
        raise NotCovered(message)
    functions: dict[Place, Json] = {}
    for name, function in account.functions.items():
        body = function.to_wire(account.arn(name))
        values = {"functionName": name, "runtime": body["runtime"], "gpuType": function.gpu_type}
        selected = all(query.get(name) in (None, "", value) for name, value in values.items())
        if selected and name.startswith(query.get("prefix", "")) and query.get("fcVersion") != "v2":
            functions[(name,)] = body
    return page(functions, "functions", query, account.settings.page_limit)
