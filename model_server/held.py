"""The moderator as if its device were slow: every batch takes a stated time, whatever this machine's CPU does.

A small LSTM answers in a millisecond, so instances that fill up would need more requests than a few CPUs can send. With
`--model model_server.held:Held` the real inference runs and the batch is then held until MODEL_SERVER_HOLD_SECONDS have
passed since it began, as a larger model holds a GPU: the process sleeps, the CPUs are free for others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from model_server.model import Moderator, Prediction

VARIABLE = "MODEL_SERVER_HOLD_SECONDS"


class Held(Moderator):
    """Every call of `predict` takes MODEL_SERVER_HOLD_SECONDS (0.1 unless set); the predictions are the real ones."""

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """As `Moderator.predict`, not before the time has passed."""
        end = time.monotonic() + float(os.environ.get(VARIABLE, "0.1"))
        predictions = super().predict(texts)
        time.sleep(max(end - time.monotonic(), 0.0))
        return predictions
