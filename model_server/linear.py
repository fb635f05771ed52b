"""The network's linear part and its calibration: logistic regressions, one per script of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression

from model_server.tokenizer import FEATURES, PAD, SCRIPTS

if TYPE_CHECKING:
    from model_server.fitting import Encoded

INVERSE_PENALTIES = (1.0, 3.0, 10.0, 30.0)
"""Of these the one with the least dev loss is taken, for each script."""


def linear_weights(train: Sequence[Encoded], dev: Sequence[Encoded], hashes: int) -> torch.Tensor:
    """The weights (hashes, scripts) of `BiLSTM.linear`; zeros for a script without texts of both labels.

    A text's log-odds are the sum of its features' over the square root of their number, but for a constant.

    Rare features weigh more before the penalty (inverse document frequency), which the weights then contain.
    Gradient descent that gives every weight the same pace, as the LSTM's does, ranks far worse here.
    """
    columns = [_column(_of_script(train, script), _of_script(dev, script), hashes) for script in range(len(SCRIPTS))]
    return torch.tensor(np.stack(columns, axis=1), dtype=torch.float32)


def mixed(dev: tuple[np.ndarray, Sequence[Encoded]], calibration: tuple[np.ndarray, Sequence[Encoded]]) -> np.ndarray:
    """`BiLSTM.mix`, from the log-odds (texts, 2) of both parts and the texts.

    The shares are those that fit the dev part; the calibration part then stretches and shifts their sum (Platt 1999).
    A script without texts of both labels in both keeps the mean.
    """
    mix = np.tile([[0.5], [0.5], [0.0]], len(SCRIPTS))
    for script in range(len(SCRIPTS)):
        (known, labels), (held_out, truth) = (_own(odds, items, script) for odds, items in (dev, calibration))
        if len(set(labels)) == len(set(truth)) == 2:
            shares = LogisticRegression(random_state=0).fit(known, labels).coef_[0]
            platt = LogisticRegression(random_state=0).fit((held_out @ shares)[:, None], truth)
            mix[:, script] = [*shares * platt.coef_[0, 0], platt.intercept_[0]]
    return mix


def _own(odds: np.ndarray, items: Sequence[Encoded], script: int) -> tuple[np.ndarray, list[int]]:
    """The odds and labels of a script's texts."""
    places = [place for place, item in enumerate(items) if _script(item) == script]
    return odds[places], [items[place].label for place in places]


def _column(train: Sequence[Encoded], dev: Sequence[Encoded], hashes: int) -> np.ndarray:
    labels, known = (np.array([item.label for item in items]) for items in (train, dev))
    if len(set(labels)) < 2 or not dev:
        return np.zeros(hashes)
    counts, judged = _counts(train, hashes), _counts(dev, hashes)
    frequency = np.bincount(counts.indices, minlength=hashes)
    rarity = np.log((1 + len(train)) / (1 + frequency)) + 1
    best, least = np.zeros(hashes), np.inf
    for inverse in INVERSE_PENALTIES:
        model = LogisticRegression(C=inverse, solver="liblinear", max_iter=1000, random_state=0)
        weights = model.fit(counts @ diags(rarity), labels).coef_[0] * rarity
        loss = float(np.logaddexp(0, -(2 * known - 1) * (judged @ weights + model.intercept_[0])).mean())
        if loss < least:
            best, least = weights, loss
    return best


def _counts(items: Sequence[Encoded], hashes: int) -> csr_matrix:
    """Each text's features, over the square root of their number."""
    numbers = [own[own > PAD][1:] for own in (np.frombuffer(item.rows, np.int32) for item in items)]  # without script
    values = np.concatenate([np.full(len(own), 1 / np.sqrt(max(len(own), 1))) for own in numbers])
    ends = np.cumsum([0, *map(len, numbers)])
    matrix = csr_matrix((values, np.concatenate(numbers), ends), (len(items), hashes))
    matrix.sum_duplicates()
    return matrix


def _of_script(items: Sequence[Encoded], script: int) -> list[Encoded]:
    return [item for item in items if _script(item) == script]


def _script(item: Encoded) -> int:
    """The index of the text's script, from its first row."""
    return int(np.frombuffer(item.rows, np.int32, count=FEATURES)[1]) - 1
