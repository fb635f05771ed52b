"""Pages of a list, in order of key.

The token names the last key of the page before, so that what is added or deleted between two
pages neither repeats nor hides anything else.
"""

import base64
import binascii
import json
from collections.abc import Mapping

from planner.emulator.errors import InvalidArgument
from planner.emulator.incoming import read_json, read_whole
from planner.emulator.models.document import Json

_MAX_PAGE = 100

Place = tuple[str, ...]
"""The key by which a list is ordered."""


def page(entries: Mapping[Place, Json], name: str, query: Mapping[str, str], default: int) -> Json:
    """A page of entries under `name`, with `nextToken` if there are more.

    Contract: `limit` (1 to 100, else `default`) and `nextToken` are the query's; `InvalidArgument`
    for a limit or token that is none.
    """
    after = _read_token(query.get("nextToken", ""))
    rest = sorted(place for place in entries if place > after)
    limit = _limit(query.get("limit", ""), default)
    shown = rest[:limit]
    answer: Json = {name: [entries[place] for place in shown]}
    if len(rest) > limit:
        answer["nextToken"] = base64.urlsafe_b64encode(json.dumps(shown[-1]).encode()).decode()
    return answer


def _read_token(token: str) -> Place:
    if not token:
        return ()
    try:
        place = read_json(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError) as error:
        raise _no_token(token) from error
    if not isinstance(place, list):
        raise _no_token(token)
    return tuple(str(part) for part in place)


def _no_token(token: str) -> InvalidArgument:
    return InvalidArgument(f"The NextToken is invalid (actual: '{token}')")


def _limit(text: str, default: int) -> int:
    if not text:
        return default
    limit = read_whole(text)
    if limit is not None and 1 <= limit <= _MAX_PAGE:
        return limit
    message = f"The Limit should be an integer from 1 to {_MAX_PAGE} (actual: '{text}')"
    raise InvalidArgument(message)
