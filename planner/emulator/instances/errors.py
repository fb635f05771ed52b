"""Errors of requests to instances, beside those of `planner.emulator.errors`.

ApiError
├── CAExited            412  the instance ended while it had the request
├── FunctionNotStarted  412  the instance that was started for the request did not get warm
├── EntityTooLarge      413  the payload, of the request or the answer
├── ResourceExhausted   429  over a limit of instances
└── InvocationTimeout   504  no answer within the function's timeout

CAExited and ResourceExhausted are of the vendor's pages of error codes, with their status; the
text of FunctionNotStarted is known from users, its status is not. Of a request that takes too
long neither code nor status is public. EntityTooLarge is 400 on an older page
(https://www.alibabacloud.com/help/en/function-compute/latest/error-codes).
"""

from planner.emulator.errors import ApiError


class CAExited(ApiError):
    """The instance ended while it had the request."""

    status = 412

    def __init__(self, instance_id: str) -> None:
        """Name the instance: its log says more."""
        super().__init__(f"the instance {instance_id} exited, or closed the connection without an answer")


class FunctionNotStarted(ApiError):
    """The instance that was started for the request did not get warm."""

    status = 412


class EntityTooLarge(ApiError):
    """The payload is larger than what is allowed."""

    status = 413

    def __init__(self, limit: int) -> None:
        """Carry the vendor's text; the limit is in bytes."""
        super().__init__(f"payload size exceeds maximum allowed size ({limit} bytes)")


class ResourceExhausted(ApiError):
    """Over a limit of instances."""

    status = 429


class InvocationTimeout(ApiError):
    """No answer within the function's timeout."""

    status = 504

    def __init__(self, seconds: float) -> None:
        """Say how long was waited."""
        super().__init__(f"Function timed out after {seconds:g} seconds")
