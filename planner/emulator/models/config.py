"""The living state of one provision or scaling config: document, target of the moment, instances."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from planner.emulator import rules
from planner.emulator.models.document import Document, Json, ScalingDocument
from planner.emulator.models.fleet import Fleet
from planner.emulator.settings import Settings

Key = tuple[str, str]
"""Function name and qualifier."""

FORMS = {form.names.kind: form for form in (Document, ScalingDocument)}
"""The documents by their kind, which is how they are stored."""

NOT_EVALUATED = "default, until the first evaluation after the put"


@dataclass(slots=True, kw_only=True)
class ConfigState:
    """One row of the emulated service."""

    key: Key
    document: Document
    policies: rules.Policies
    put_at: datetime
    evaluate_from: datetime
    """The first evaluation after the put; before it the target is the default."""
    metered_from: datetime
    fleet: Fleet
    target: int = 0
    by: str = NOT_EVALUATED
    error: str = ""
    utilisations: dict[str, list[float | None]] = field(default_factory=dict)

    @classmethod
    def new(cls, key: Key, at: datetime, document: Document) -> Self:
        """A config without an instance, not yet evaluated."""
        empty = rules.Policies(default_target=0, schedules=(), trackers=())
        return cls(
            key=key,
            document=document,
            policies=empty,
            put_at=at,
            evaluate_from=at,
            metered_from=at,
            fleet=Fleet(at=at),
        )

    def view(self, arn: str) -> Json:
        """The body of Get and Put."""
        names = self.document.names
        return {
            "functionArn": arn,
            names.current: self.fleet.warm,
            "currentError": self.error or self.fleet.error,
            names.target: self.target,
            **self.document.to_wire(),
        }

    def to_json(self) -> Json:
        """The form in which a config is stored."""
        return {
            "key": list(self.key),
            "kind": self.document.names.kind,
            "document": self.document.to_wire(),
            "put_at": self.put_at.isoformat(),
            "evaluate_from": self.evaluate_from.isoformat(),
            "metered_from": self.metered_from.isoformat(),
            "fleet": self.fleet.to_json(),
            "target": self.target,
            "by": self.by,
            "error": self.error,
            "utilisations": self.utilisations,
        }

    @classmethod
    def from_json(cls, stored: Json, settings: Settings) -> Self:
        """A config from its stored form; without a kind it is a provision config."""
        name, qualifier = stored["key"]
        document = FORMS[stored.get("kind", "provision")].from_wire(stored["document"])
        return cls(
            key=(name, qualifier),
            document=document,
            policies=rules.read_document(document, settings),
            put_at=datetime.fromisoformat(stored["put_at"]),
            evaluate_from=datetime.fromisoformat(stored["evaluate_from"]),
            metered_from=datetime.fromisoformat(stored["metered_from"]),
            fleet=Fleet.from_json(stored["fleet"]),
            target=stored["target"],
            by=stored["by"],
            error=stored["error"],
            utilisations=stored["utilisations"],
        )
