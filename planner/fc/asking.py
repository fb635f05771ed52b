"""One call of any of the vendor's clients, with its errors in planner's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from darabonba.exceptions import DaraException, UnretryableException

from planner.errors import FCUnreachable
from planner.fc.translate import Request, is_credential_trouble, translate

Answer = TypeVar("Answer")


def translated(request: Request, ask: Callable[[], Answer]) -> Callable[[], Answer]:
    """`ask`, with the SDK's errors as planner's; an answer that it can't read counts as none."""

    def asked() -> Answer:
        try:
            return ask()
        except (DaraException, UnretryableException) as error:
            told = translate(error, request)
            # The chain's text may quote secrets, and a chained error would print it.
            raise told from (None if is_credential_trouble(error) else error)
        except (KeyError, TypeError, ValueError) as error:
            raise FCUnreachable(f"The answer to {request} from {request.host} can't be read: {error!r}") from error

    return asked
