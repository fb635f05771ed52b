"""The network's linear part: a logistic regression of the same hashed features, with its own penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from model_server.fitting import Encoded

INVERSE_PENALTIES = (0.1, 1.0, 10.0)
"""Of these the one with the least dev loss is taken: the mean of the languages'."""


def linear_weights(train: Sequence[Encoded], devs: Sequence[Sequence[Encoded]], hashes: int) -> torch.Tensor:
    """The weights (hashes, 2) of `BiLSTM.linear`.

    A text's logits are its script's, plus the sum of its features' over the square root of their number.

    Rare features weigh more before the penalty (inverse document frequency), which the weights then contain.
    Gradient descent that gives every weight the same pace, as the LSTM's does, ranks far worse here.
    """
    counts = _counts(train, hashes)
    frequency = np.bincount(counts.indices, minlength=hashes)
    rarity = np.log((1 + len(train)) / (1 + frequency)) + 1
    labels = np.array([item.label for item in train])
    judged = [(_counts(dev, hashes), np.array([item.label for item in dev])) for dev in devs]
    best, least = np.zeros(hashes), np.inf
    for inverse in INVERSE_PENALTIES:
        model = LogisticRegression(C=inverse, solver="liblinear", fit_intercept=False, max_iter=1000, random_state=0)
        weights = model.fit(counts @ diags(rarity), labels).coef_[0] * rarity
        loss = float(np.mean([np.logaddexp(0, -(2 * known - 1) * (dev @ weights)).mean() for dev, known in judged]))
        if loss < least:
            best, least = weights, loss
    return torch.tensor(np.stack((-best / 2, best / 2), axis=1), dtype=torch.float32)


def _counts(items: Sequence[Encoded], hashes: int) -> csr_matrix:
    """Each text's features, but for its script over the square root of their number."""
    numbers = [[number for row in item.rows for number in row] for item in items]
    # The first row, of one feature, is the intercept.
    values = np.concatenate([[1.0, *[1 / np.sqrt(max(len(own) - 1, 1))] * (len(own) - 1)] for own in numbers])
    ends = np.cumsum([0, *map(len, numbers)])
    matrix = csr_matrix((values, np.concatenate([np.array(own, int) for own in numbers]), ends), (len(items), hashes))
    matrix.sum_duplicates()
    return matrix
