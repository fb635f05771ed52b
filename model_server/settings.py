"""Every setting of the server: a field, a flag and an environment variable, with one text for all three."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

DEVICES = ("auto", "cpu", "cuda")
WARM_UPS = ("initialize", "start")


_T = TypeVar("_T")


def _setting(default: _T, text: str, env: str | None = None) -> _T:
    """A field that knows its help and its variable, MODEL_SERVER_<NAME> unless given."""
    return field(default=default, metadata={"help": text, "env": env})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the server runs. Values that make no sense raise `ValueError` at construction."""

    host: str = _setting("0.0.0.0", "address to listen on; FC needs 0.0.0.0")  # noqa: S104
    port: int = _setting(9000, "port to listen on, the function's caPort; 0 takes a free one", "FC_SERVER_PORT")
    model: str = _setting(
        "model_server.model:Moderator", "MODULE:CLASS of the model, with the methods of model_server.model.Moderator"
    )
    weights: str = _setting("", "weights file; empty takes those that come with the model")
    device: str = _setting("auto", "auto (the GPU when there is one), cpu or cuda")
    threads: int = _setting(1, "CPU threads of torch; more than the free cores make it far slower")
    warm_up: str = _setting(
        "initialize", "when to warm up: initialize (POST /initialize asks for it) or start (no Initializer configured)"
    )
    max_body_bytes: int = _setting(1_048_576, "bytes of a request body, at most")
    max_texts: int = _setting(256, "texts of a request, at most")
    max_text_characters: int = _setting(20_000, "characters of a text, at most")
    max_waiting_texts: int = _setting(1024, "texts admitted and not yet answered, at most; beyond it 429")
    max_connections: int = _setting(
        512, "open connections, at most; one more closes an idle one, or where none is idle is refused /invoke with 503"
    )
    batches_in_flight: int = _setting(
        2, "batches given to the model's process: one computed, the others, at least half full, at hand"
    )
    timeout_seconds: float = _setting(10.0, "time for a whole request, its body included; beyond it 504 (body: 408)")
    grace_seconds: int = _setting(15, "time to finish what is in flight at /pre-stop and at SIGTERM")
    keep_alive_seconds: int = _setting(900, "how long an idle connection lives")
    stall_seconds: float = _setting(60.0, "a batch that takes longer means a stuck model: the server ends with 1")
    log_requests: bool = _setting(False, "log every request, not only those that fail")

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.device not in DEVICES or self.warm_up not in WARM_UPS:
            message = f"device is one of {', '.join(DEVICES)}; warm_up one of {', '.join(WARM_UPS)}"
            raise ValueError(message)
        if not 0 <= self.port <= 65535:
            message = "port must be from 0 to 65535"
            raise ValueError(message)
        if ":" not in self.model:
            message = "model must be MODULE:CLASS"
            raise ValueError(message)
        for name in (item.name for item in fields(self)):
            value = getattr(self, name)
            if name != "port" and isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                message = f"{name} must be larger than 0"
                raise ValueError(message)
        if self.max_texts > self.max_waiting_texts:
            message = "max_texts must not be larger than max_waiting_texts"
            raise ValueError(message)

    @classmethod
    def read(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> Self:
        """Settings from flags, else from the environment, else the defaults; an error ends the process with 2."""
        parser = argparse.ArgumentParser(
            prog="python -m model_server", description="Text moderation over HTTP, for a GPU function of FC."
        )
        given: dict[str, str] = {}
        for item in fields(cls):
            variable = item.metadata["env"] or f"MODEL_SERVER_{item.name.upper()}"
            text = f"{item.metadata['help']} [{variable}, default: {item.default or 'none'}]"
            parser.add_argument(f"--{item.name.replace('_', '-')}", metavar="VALUE", help=text.replace("%", "%%"))
            if variable in environment:
                given[item.name] = environment[variable]
        given |= {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
        try:
            kinds = {item.name: item.type for item in fields(cls)}
            values: dict[str, Any] = {name: _parse(name, kinds[name], text) for name, text in given.items()}
            return cls(**values)
        except ValueError as error:
            parser.error(str(error))


def _parse(name: str, kind: object, text: str) -> object:
    """`text` as the type that the field is annotated with."""
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except (ValueError, KeyError):
        message = f"{name} must be {'true or false' if kind == 'bool' else 'a number'}, not {text!r}"
        raise ValueError(message) from None
    return text
