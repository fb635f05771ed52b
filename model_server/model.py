"""The moderator: texts in, probabilities out. torch is imported by `Moderator.load`, not before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from model_server.tokenizer import ROW_BYTES

if TYPE_CHECKING:
    from model_server.engine import Engine

WEIGHTS = Path(__file__).parent / "weights" / "moderation.safetensors"
"""The weights that come with the package."""

BATCHES = (1, 2, 4, 8, 16, 24, 32)
"""Numbers of texts for which the network runs; a smaller batch is filled up to the next one."""

LENGTHS = (8, 16, 32, 72, 128)
"""Numbers of rows (tokens, and one for the script) for which the network runs; longer texts are cut."""


class Prediction(NamedTuple):
    """What the network says about one text."""

    text: str
    label: int
    """The class of the largest probability: an index of `Moderator.labels`."""

    label_name: str
    probabilities: tuple[float, ...]
    """One per class, calibrated, with the sum 1."""


class Moderator:
    """A loaded network. Not safe for two threads at a time: one thread predicts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def load(cls, path: Path | None = None, device: str | None = None, threads: int | None = None) -> Self:
        """Read weights (those of the package) and put them on a device: seconds, most of them torch's import.

        `device` is "cpu" or "cuda", by default CUDA where there is one. `threads` is how many CPU threads torch may
        use, in the whole process. Raises `FileNotFoundError`, and `ValueError` where the file is not a network of ours.
        """
        from model_server.engine import Engine  # noqa: PLC0415  # imports torch, which takes seconds

        return cls(Engine.load(path or WEIGHTS, device=device, threads=threads))

    @property
    def labels(self) -> tuple[str, str]:
        """The names of the classes, ("ok", "flagged") in the package's weights."""
        return self._engine.labels

    @property
    def device(self) -> str:
        """Where it runs and in which type: "cpu float32"."""
        return self._engine.device_name

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(texts, tokens) of every run of the network: what `warm_up` runs once."""
        return tuple((batch, length) for batch in BATCHES for length in LENGTHS)

    @property
    def max_batch(self) -> int:
        """How many texts `predict` takes at once."""
        return BATCHES[-1]

    def warm_up(self) -> None:
        """Run each shape once: a first run allocates memory and picks algorithms."""
        for batch, length in self.shapes:
            self._engine.run([self._engine.encode("a " * length, length)] * batch, batch=batch, length=length)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One prediction per text, in their order; a text's does not depend on the others.

        Raises `ValueError` for no text or more than `max_batch`. Of a text the first 127 tokens are read.
        """
        if not 1 <= len(texts) <= self.max_batch:
            message = f"from 1 to {self.max_batch} texts at once, not {len(texts)}"
            raise ValueError(message)
        rows = [self._engine.encode(text, LENGTHS[-1]) for text in texts]
        batch = _fit(len(rows), BATCHES)
        length = _fit(max(map(len, rows)) // ROW_BYTES, LENGTHS)
        chances = self._engine.run(rows, batch=batch, length=length)
        return [self._prediction(text, chance) for text, chance in zip(texts, chances, strict=True)]

    def _prediction(self, text: str, flagged: float) -> Prediction:
        label = int(flagged > 0.5)
        return Prediction(text, label, self.labels[label], (1 - flagged, flagged))


def _fit(size: int, buckets: tuple[int, ...]) -> int:
    return next(bucket for bucket in buckets if size <= bucket)
