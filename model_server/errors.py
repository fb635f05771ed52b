"""What can go wrong with a call. Which HTTP status an error has is decided in one place, `app.STATUS`.

CallError
├── BadBody              the body is not what its content type says
├── UnsupportedBody      a content type or encoding that is not read here
├── WrongShape           well-formed, but not texts
├── BodyTooLarge         more bytes than are taken; the rest was not read
├── TooMuchText          more texts, or longer ones, than are taken
├── SlowBody             the body did not arrive in time
├── Overloaded           no room to wait
├── TooManyConnections   others hold all that are taken
├── NotReady             loading, warming up or failed
├── Draining             no new work before the end
├── DeadlinePassed       not answered in time
├── ClientGone           nobody waits for the answer
├── WorkerLost           the process with the model has ended
└── InferenceFailed      the model raised an error
"""


class CallError(Exception):
    """The base: its text is one sentence for the client."""


class BadBody(CallError):
    """The body is not what its content type says."""


class UnsupportedBody(CallError):
    """A content type or encoding that is not read here."""


class WrongShape(CallError):
    """The body is well-formed, but it is not texts."""


class BodyTooLarge(CallError):
    """More bytes than are taken; the rest was not read."""


class TooMuchText(CallError):
    """More texts, or longer ones, than are taken."""


class SlowBody(CallError):
    """The body did not arrive in time."""


class Overloaded(CallError):
    """There is no room to wait; `retry_after` is in whole seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyConnections(CallError):
    """Others hold all the connections that are taken."""


class NotReady(CallError):
    """The model is loading, warming up or failed."""


class Draining(CallError):
    """The server takes no new work before its end."""


class DeadlinePassed(CallError):
    """The answer was not there in time."""


class ClientGone(CallError):
    """Nobody waits for the answer."""


class WorkerLost(CallError):
    """The process with the model has ended."""


class InferenceFailed(CallError):
    """The model raised an error."""
