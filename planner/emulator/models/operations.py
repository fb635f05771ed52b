"""The table of the actions of the API."""

from collections.abc import Callable, Mapping
from functools import partial

from planner.emulator.models import configs, functions
from planner.emulator.models.account import Account
from planner.emulator.models.call import Call
from planner.emulator.models.document import Document, Json, ScalingDocument

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
    "GetFunction": functions.get_function,
}
WRITES = frozenset(
    {
        "PutProvisionConfig",
        "DeleteProvisionConfig",
        "PutScalingConfig",
        "DeleteScalingConfig",
    }
)
"""The actions after which the state must be on disk before the answer."""
