"""ListInstances: the instances of a function and qualifier that has a config, warm and starting."""

from collections.abc import Iterator

from planner.emulator.errors import InvalidArgument, NotCovered
from planner.emulator.incoming import read_json, read_whole
from planner.emulator.models.account import Account
from planner.emulator.models.call import Call
from planner.emulator.models.config import ConfigState
from planner.emulator.models.document import Json
from planner.emulator.models.function import LATEST

WARM = "Running"
STARTING = "Creating"
"""Values of `status`. FC's are not public: these are the emulator's, as is the `resourceType` below."""

_MAX = 1000
_OF_THE_PAST = ("startTimeMs", "endTimeMs", "startKey")


def list_instances(account: Account, call: Call) -> Json:
    """The instances of a qualifier, LATEST without one; of all with `withAllActive`.

    `instanceIds` and `instanceStatus` select (JSON lists, as the official SDK sends them), and
    `limit` cuts off, from 0 to 1000 as in FC 2.0. An id is the instance's as long as it lives.
    `NotCovered` for the search in the past.
    """
    query = call.query
    if uncovered := [name for name in _OF_THE_PAST if query.get(name)]:
        message = f"the emulator lists no instances of the past ({', '.join(uncovered)})"
        raise NotCovered(message)
    key = account.key(call.function_name, call.qualifier)
    everywhere = query.get("withAllActive", "").lower() == "true"
    ids, states = _words(query.get("instanceIds", "")), _words(query.get("instanceStatus", ""))
    found = [
        instance
        for place, config in sorted(account.configs.items())
        if place == key or (everywhere and place[0] == key[0])
        for instance in _instances(account, config)
        if (not ids or instance["instanceId"] in ids) and (not states or instance["status"] in states)
    ]
    return {"instances": found[: _limit(query.get("limit", ""))]}


def _instances(account: Account, config: ConfigState) -> Iterator[Json]:
    name, qualifier = config.key
    version = "0" if qualifier == LATEST else account.function(name).alias(qualifier)["versionId"]
    for member in config.fleet.members(account.arn(*config.key)):
        yield {
            "instanceId": member.id,
            "versionId": version,
            "qualifier": qualifier,
            "status": WARM if member.warm else STARTING,
            "createdTimeMs": int(member.born.timestamp() * 1000),
            "resourceType": "on-demand" if member.on_demand else "provisioned",
        }


def _words(text: str) -> list[str]:
    try:
        words = read_json(text) if text else []
    except ValueError:
        words = None
    if isinstance(words, list):
        return words
    message = f"A list in the query should be one of JSON (actual: '{text}')"
    raise InvalidArgument(message)


def _limit(text: str) -> int:
    if not text:
        return _MAX
    limit = read_whole(text)
    if limit is not None and limit <= _MAX:
        return limit
    message = f"The Limit should be an integer from 0 to {_MAX} (actual: '{text}')"
    raise InvalidArgument(message)
