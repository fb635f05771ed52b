"""Holt-Winters, the textbook's forecaster, as the baseline `Holt-Winters` uses it: the one door to statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAILY, WEEKLY = 24, 168
"""Hours of a season."""
SEASONS = 2
"""As many whole seasons must be known as the start values need."""
MOST = 8 * WEEKLY
MARGIN = 0.99
"""Quantile of its own errors, an hour ahead, that is put on the forecast."""


def seasonal_peaks(peaks: Floats, ahead: int) -> Floats:
    """The next `ahead` hourly maxima, with the margin; never below zero.

    `peaks`: hourly maxima, oldest first. Additive season of a week where two are known, else of a day where two are,
    with a damped trend; with less it is the last day again.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415  # two seconds that one row needs

    season = next((hours for hours in (WEEKLY, DAILY) if peaks.size >= SEASONS * hours), 0)
    if not season or np.ptp(peaks) == 0:
        return np.resize(peaks[-DAILY:], ahead)
    model = ExponentialSmoothing(
        peaks[-MOST:],
        trend="add",
        damped_trend=True,
        seasonal="add",
        seasonal_periods=season,
        initialization_method="heuristic",
    )
    with warnings.catch_warnings():
        # It says so when the optimiser stops early; the fit is then still the best that it found.
        warnings.simplefilter("ignore")
        fitted = model.fit()
    margin = float(np.quantile(np.asarray(fitted.resid), MARGIN))
    forecast: Floats = np.maximum(np.asarray(fitted.forecast(ahead), dtype=np.float64) + margin, 0.0)
    return forecast
