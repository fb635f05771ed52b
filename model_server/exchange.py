"""An exchange: a request as it comes in, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Answering(Protocol):
    """What an exchange needs of its connection."""

    own: bool
    """The server's, to itself."""

    spare: bool
    """One beyond those that are taken, for a short question; its first answer is its last."""

    def answer(self, exchange: Exchange, answer: Answer) -> None:
        """Write the answer of the first exchange, and turn to the next."""


@dataclass(slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True, eq=False)
class Exchange:
    """A request and its answer. Whoever answers requests makes a class of this one and fills in the hooks.

    The hooks are called on the loop, `opened` first, when it is this exchange's turn on its connection. Each may
    `send` at once or leave it for later; after that, and after `gone`, none is called any more.
    """

    connection: Answering
    began: float
    """When its first byte was read, on the loop's clock."""

    method: str = ""
    path: str = ""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    """By name in small letters; of one that comes again, the last; a coding's go on."""

    body: bytearray = field(default_factory=bytearray)
    """In one piece: small chunks, kept as objects of their own, would take many times their size."""

    size: int = 0
    complete: bool = False
    """The request has been read to its end."""

    excess: bool = False
    """Its body is larger than is taken."""

    flaw: str = ""
    """Why this is no HTTP request."""

    deadline: float | None = None
    begun: bool = False
    over: bool = False
    """Answered, or the client is gone: nobody waits."""

    keep: bool = True
    """The connection may be used again."""

    def opened(self) -> None:
        """The head is there."""

    def completed(self) -> None:
        """The body is there as well."""
        raise NotImplementedError

    def too_large(self) -> None:
        """The body is larger than is taken; it may still be coming."""
        raise NotImplementedError

    def malformed(self) -> None:
        """What came is no HTTP request; nothing more is read."""
        raise NotImplementedError

    def expired(self) -> None:
        """The deadline has passed."""
        raise NotImplementedError

    def gone(self) -> None:
        """The client went before its answer."""

    def send(self, answer: Answer) -> None:
        """Answer, unless nobody waits any more."""
        if not self.over:
            self.over = True
            self.connection.answer(self, answer)
