"""The actions on aliases. There are no versions: the one that an alias names is stored and not looked at."""

from dataclasses import replace

from planner.emulator.errors import AliasAlreadyExists, AliasNotFound, InvalidArgument
from planner.emulator.models.account import Account
from planner.emulator.models.call import Call
from planner.emulator.models.configs import in_the_way
from planner.emulator.models.document import Json
from planner.emulator.models.function import LATEST, FunctionSpec
from planner.emulator.models.function_input import checked_name
from planner.emulator.models.functions import stamp
from planner.emulator.models.paging import Place, page
from planner.emulator.models.validation import checked_object, optional

_LONGEST = 128


def create_alias(account: Account, call: Call) -> Json:
    """Add an alias; `AliasAlreadyExists` if there is one of the name."""
    function = account.function(call.function_name)
    body = checked_object(call.body)
    name = checked_name(body, "aliasName", _LONGEST)
    if name == LATEST:
        message = f"The AliasName should not be {LATEST}"
        raise InvalidArgument(message)
    if name in function.aliases:
        raise AliasAlreadyExists(function.name, name)
    fields = _fields(body)
    if not fields.get("versionId"):
        message = "The VersionId is required"
        raise InvalidArgument(message)
    now = stamp(account.at)
    born = {"aliasName": name, "createdTime": now, "lastModifiedTime": now}
    return _keep(account, replace(function, aliases=(*function.aliases, name)), name, {**fields, **born})


def update_alias(account: Account, call: Call) -> Json:
    """Change an alias: a field that is sent replaces the stored one."""
    function = _owner(account, call)
    fields = _fields(checked_object(call.body))
    stored = function.alias(call.alias_name)
    return _keep(account, function, call.alias_name, {**stored, **fields, "lastModifiedTime": stamp(account.at)})


def get_alias(account: Account, call: Call) -> Json:
    """The alias."""
    return _owner(account, call).alias(call.alias_name)


def list_aliases(account: Account, call: Call) -> Json:
    """A page of a function's aliases in order of name; `prefix` selects."""
    function = account.function(call.function_name)
    prefix = call.query.get("prefix", "")
    aliases: dict[Place, Json] = {(name,): function.alias(name) for name in function.aliases if name.startswith(prefix)}
    return page(aliases, "aliases", call.query, account.settings.page_limit)


def delete_alias(account: Account, call: Call) -> None:
    """Remove an alias and its loads; a config is in the way, which is the emulator's choice."""
    function = _owner(account, call)
    if config := account.configs.get((function.name, call.alias_name)):
        raise in_the_way(config)
    rest = tuple(name for name in function.aliases if name != call.alias_name)
    fields = {name: fields for name, fields in function.alias_fields.items() if name in rest}
    account.keep_function(replace(function, aliases=rest, alias_fields=fields))


def _owner(account: Account, call: Call) -> FunctionSpec:
    """The function of an alias that exists."""
    function = account.function(call.function_name)
    if call.alias_name not in function.aliases:
        raise AliasNotFound(function.name, call.alias_name)
    return function


def _fields(body: Json) -> Json:
    """What a body sets on an alias."""
    kinds = {"versionId": str, "description": str, "additionalVersionWeight": dict}
    return {name: value for name, kind in kinds.items() if (value := optional(body, name, kind)) is not None}


def _keep(account: Account, function: FunctionSpec, name: str, fields: Json) -> Json:
    changed = replace(function, alias_fields={**function.alias_fields, name: fields})
    account.keep_function(changed)
    return changed.alias(name)
