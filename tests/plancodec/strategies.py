"""Arbitrary plans, made from the types: a field that comes later is covered as soon as it is there."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from planner.plan import Plan

SCALARS: dict[object, st.SearchStrategy[Any]] = {
    type(None): st.none(),
    # Any text that UTF-8 can hold: Hypothesis leaves out half surrogate pairs.
    str: st.text(max_size=8),
    bool: st.booleans(),
    int: st.integers(-10_000, 10_000),
    # Whole numbers among the fractions, as sums of nothing are.
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3),
    datetime: st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    timedelta: st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds)),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type that plans are made of."""
    if hint in SCALARS:
        return SCALARS[hint]
    if isinstance(hint, UnionType):
        return st.one_of(*map(values, get_args(hint)))
    if get_origin(hint) is tuple:
        first, *rest = get_args(hint)
        if rest == [Ellipsis]:
            return st.lists(values(first), max_size=2).map(tuple)
        return st.tuples(*map(values, (first, *rest)))
    if issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    hints = get_type_hints(hint)
    return st.builds(
        hint, **{field.name: values(hints[field.name]) for field in fields(hint) if field.name != "format"}
    )


plans: st.SearchStrategy[Plan] = st.deferred(lambda: values(Plan))
