"""The actions on functions."""

from planner.emulator.models.account import Account
from planner.emulator.models.call import Call
from planner.emulator.models.document import Json


def get_function(account: Account, call: Call) -> Json:
    """The function; a qualifier must exist."""
    function = account.function(call.function_name)
    if call.qualifier:
        account.key(call.function_name, call.qualifier)
    return function.to_wire(account.arn(function.name))
