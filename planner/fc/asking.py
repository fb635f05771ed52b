"""One call of any of the vendor's clients, with its errors in planner's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from darabonba.exceptions import DaraException, UnretryableException

from planner.errors import FCUnreachable
from planner.fc.translate import Request, may_be_shown, translate

Answer = TypeVar("Answer")


def translated(request: Request, ask: Callable[[], Answer]) -> Callable[[], Answer]:
    """`ask`, with the SDK's errors as planner's; an answer that it can't read counts as none."""

    def asked() -> Answer:
        try:
            return ask()
        except (DaraException, UnretryableException) as error:
            told = translate(error, request)
            # A chained error is printed with a traceback, and its text may quote secrets.
            raise told from (error if may_be_shown(error) else None)
        except (KeyError, TypeError, ValueError) as error:
            raise FCUnreachable(f"The answer to {request} from {request.host} can't be read: {error!r}") from error

    return asked
