"""Scores against scikit-learn's, and the intervals around them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, roc_auc_score

from model_server.scores import accuracy, auc, calibration_error, compare, confusion, f1


def sample(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, 300)
    probabilities = np.clip(labels * 0.2 + draw.random(300) * 0.8, 0, 1)
    return labels, np.round(probabilities, 1) if ties else probabilities


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    labels, probabilities = sample(seed, ties)
    assert auc(labels, probabilities) == pytest.approx(roc_auc_score(labels, probabilities))
    assert f1(labels, probabilities) == pytest.approx(f1_score(labels, probabilities > 0.5))
    assert accuracy(labels, probabilities) == pytest.approx(accuracy_score(labels, probabilities > 0.5))
    assert np.array_equal(confusion(labels, probabilities), confusion_matrix(labels, probabilities > 0.5))


def test_honest_probabilities_have_no_calibration_error_and_boasts_have_one() -> None:
    labels = np.array([1, 1, 1, 0] * 25)
    assert calibration_error(labels, np.full(100, 0.75)) == pytest.approx(0)
    assert calibration_error(labels, np.full(100, 1.0)) == pytest.approx(0.25)


def test_the_difference_is_taken_on_the_same_resamples() -> None:
    labels, probabilities = sample(0, ties=False)
    same = compare(auc, labels, probabilities, probabilities, seed=0)
    assert (same.difference.low, same.difference.value, same.difference.high) == (0, 0, 0)
    assert same.model.low < same.model.value < same.model.high
    worse = compare(auc, labels, labels.astype(float), probabilities, seed=0)
    assert worse.difference.low > 0
