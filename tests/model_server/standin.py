"""A model without torch, whose texts say how it behaves: "slow 0.5 ...", "fail", "flag ..."."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Prediction:
    text: str
    label: int
    label_name: str
    probabilities: tuple[float, ...]


class StandIn:
    labels = ("ok", "flagged")
    device = "cpu stand-in"
    shapes = ((1, 8), (32, 8), (1, 32), (32, 32))
    max_batch = 32

    @classmethod
    def load(cls, path: Path | None, device: str | None, threads: int | None) -> StandIn:
        time.sleep(float(os.environ.get("STANDIN_LOAD_SECONDS", "0")))
        if path is not None and not path.is_file():
            raise FileNotFoundError(path)
        return cls()

    def warm_up(self) -> None:
        with Path(os.environ["STANDIN_JOURNAL"]).open("a", encoding="utf-8") as journal:
            journal.write("warm up\n")

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        with Path(os.environ["STANDIN_JOURNAL"]).open("a", encoding="utf-8") as journal:
            journal.write(f"{list(texts)}\n")
        for text in texts:
            if text.startswith("slow "):
                time.sleep(float(text.split()[1]))
            if text.startswith("fail"):
                raise RuntimeError("the stand-in was told to fail")
        return [self._prediction(text) for text in texts]

    def _prediction(self, text: str) -> Prediction:
        flagged = text.startswith("flag")
        return Prediction(text, int(flagged), self.labels[flagged], (0.25, 0.75) if flagged else (0.75, 0.25))


class Wrong(StandIn):
    def _prediction(self, text: str) -> Prediction:
        return Prediction(text, 0, "ok", (float("nan"), float("nan")))


class Slow(StandIn):
    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        predictions = super().predict(texts)
        time.sleep(0.5)
        return predictions


class Later(StandIn):
    """Right when it is checked, and not when it is asked again."""

    asked = 0

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        self.asked += list(texts) == ["Nice to meet you"]
        if self.asked == 3:
            self._fail()
        return super().predict(texts)

    def _fail(self) -> None:
        raise RuntimeError("the stand-in was told to fail")


class Ending(Later):
    def _fail(self) -> None:
        os._exit(1)
