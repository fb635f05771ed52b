"""The table of the actions of the API."""

from collections.abc import Callable, Mapping
from functools import partial

from planner.emulator.models import aliases, configs, functions
from planner.emulator.models.account import Account
from planner.emulator.models.call import Call
from planner.emulator.models.document import Document, Json, ScalingDocument
from planner.emulator.models.instance_list import list_instances

__all__ = ["OPERATIONS", "WRITES", "Call"]

OPERATIONS: Mapping[str, Callable[[Account, Call], Json | None]] = {
    "PutProvisionConfig": partial(configs.put_config, form=Document),
    "GetProvisionConfig": partial(configs.get_config, form=Document),
    "DeleteProvisionConfig": partial(configs.delete_config, form=Document),
    "ListProvisionConfigs": partial(configs.list_configs, form=Document),
    "PutScalingConfig": partial(configs.put_config, form=ScalingDocument),
    "GetScalingConfig": partial(configs.get_config, form=ScalingDocument),
    "DeleteScalingConfig": partial(configs.delete_config, form=ScalingDocument),
    "ListScalingConfigs": partial(configs.list_configs, form=ScalingDocument),
    "CreateFunction": functions.create_function,
    "ListFunctions": functions.list_functions,
    "GetFunction": functions.get_function,
    "UpdateFunction": functions.update_function,
    "DeleteFunction": functions.delete_function,
    "ListInstances": list_instances,
    "CreateAlias": aliases.create_alias,
    "ListAliases": aliases.list_aliases,
    "GetAlias": aliases.get_alias,
    "UpdateAlias": aliases.update_alias,
    "DeleteAlias": aliases.delete_alias,
}
_READS = ("Get", "List")
WRITES = frozenset(action for action in OPERATIONS if not action.startswith(_READS))
"""The actions after which the state must be on disk before the answer."""
