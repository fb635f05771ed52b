"""Scores of probabilities against labels, with bootstrap intervals. Pure numpy: arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Score = Callable[[np.ndarray, np.ndarray], float]
RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A score on the whole test part, and the middle 95 % of it over resamples of that part."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One score of the network and of the baseline, on the same resamples."""

    model: Interval
    baseline: Interval
    difference: Interval
    """Network less baseline, resample by resample."""


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The share of texts on the right side of one half."""
    return float(np.mean((probabilities > 0.5) == labels))


def f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The harmonic mean of precision and recall of label 1 at one half; 0 where nothing is right."""
    flagged = probabilities > 0.5
    right = float(np.sum(flagged & (labels == 1)))
    return 2 * right / max(float(np.sum(flagged) + np.sum(labels)), 1.0)


def auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The chance that a text of label 1 has the larger probability than one of label 0, ties counting half.

    By ranks (Mann-Whitney U); NaN where a label is missing.
    """
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones = int(labels.sum())
    zeros = len(labels) - ones
    if not ones or not zeros:
        return float("nan")
    return float((ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> float:
    """The expected calibration error: |share of label 1 - mean probability| by tenths of probability, weighted."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    gaps = [abs(float(np.sum(labels[place == at]) - np.sum(probabilities[place == at]))) for at in range(bins)]
    return sum(gaps) / len(labels)


def confusion(labels: np.ndarray, probabilities: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """Counts [label][decision] at one half."""
    flagged = probabilities > 0.5
    (a, b), (c, d) = ([int(np.sum((labels == row) & (flagged == column))) for column in (0, 1)] for row in (0, 1))
    return (a, b), (c, d)


def compare(score: Score, labels: np.ndarray, model: np.ndarray, baseline: np.ndarray, *, seed: int) -> Compared:
    """The score of both, with intervals from `RESAMPLES` draws of the texts, the same for both."""
    draw = np.random.default_rng(seed)
    samples = [draw.integers(0, len(labels), len(labels)) for _ in range(RESAMPLES)]
    of_model = np.array([score(labels[rows], model[rows]) for rows in samples])
    of_baseline = np.array([score(labels[rows], baseline[rows]) for rows in samples])
    value, other = score(labels, model), score(labels, baseline)
    return Compared(
        model=_interval(value, of_model),
        baseline=_interval(other, of_baseline),
        difference=_interval(value - other, of_model - of_baseline),
    )


def _interval(value: float, resampled: np.ndarray) -> Interval:
    low, high = np.nanquantile(resampled, (0.025, 0.975))
    return Interval(value=value, low=float(low), high=float(high))
