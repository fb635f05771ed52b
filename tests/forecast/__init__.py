"""Forecasts of slot peaks."""
