"""Classes of days, and the years whose calendar is not official yet."""

from __future__ import annotations

from datetime import date

import holidays
import pytest

from planner.calendar.days import DayClass, OwnDay, classify, unknown_years


def klass(country: str | None, day: str, *own: OwnDay):
    wanted = date.fromisoformat(day)
    return classify(country, [wanted], own)[wanted]


@pytest.mark.parametrize(
    ("day", "kind", "name", "like"),
    [
        ("2026-09-30", DayClass.WORKDAY, "", 2),
        ("2026-09-26", DayClass.WEEKEND, "", 5),
        ("2026-10-01", DayClass.HOLIDAY, "National Day", 6),
        ("2026-10-03", DayClass.HOLIDAY, "National Day", 6),
        ("2026-10-05", DayClass.HOLIDAY, "National Day", 6),
        ("2026-10-07", DayClass.HOLIDAY, "National Day", 6),
        ("2026-10-10", DayClass.MAKE_UP, "in place of 2026-10-07", 2),
        ("2026-02-14", DayClass.MAKE_UP, "in place of 2026-02-20", 4),
        ("2026-01-04", DayClass.MAKE_UP, "in place of 2026-01-02", 4),
    ],
)
def test_china_has_holidays_and_make_up_workdays(day: str, kind: DayClass, name: str, like: int) -> None:
    found = klass("CN", day)
    assert (found.kind, found.name, found.like) == (kind, name, like)


def test_a_make_up_day_of_january_knows_the_day_off_of_the_year_before() -> None:
    # 2023-12-31 was no working day, but the table of one year alone would not know days of its neighbours.
    assert klass("CN", "2024-02-04").name == "in place of 2024-02-15"


def test_another_country_has_its_own_days() -> None:
    assert klass("US", "2026-11-26").name == "Thanksgiving Day"
    assert klass("US", "2026-10-01").kind is DayClass.WORKDAY
    assert klass("AU-VIC", "2026-11-03").name == "Melbourne Cup Day"
    assert klass("AU", "2026-11-03").kind is DayClass.WORKDAY


def test_without_a_country_only_weekends_are_known() -> None:
    assert klass(None, "2026-10-01").kind is DayClass.WORKDAY
    assert klass(None, "2026-10-10").kind is DayClass.WEEKEND


def test_what_the_owner_says_goes_before_the_country() -> None:
    worked = OwnDay(date=date(2026, 10, 3), off=False, name="stocktaking", source="a.csv")
    off = OwnDay(date=date(2026, 9, 30), off=True, name="founder's day", source="a.csv")
    found = klass("CN", "2026-10-03", worked)
    assert (found.kind, found.name, found.like) == (DayClass.MAKE_UP, "stocktaking", 4)
    found = klass("CN", "2026-09-30", off)
    assert (found.kind, found.like, found.moved) == (DayClass.HOLIDAY, 6, True)


def test_a_holiday_on_a_sunday_is_a_sunday_as_it_is() -> None:
    assert not klass("CN", "2026-04-05").moved


def test_the_years_after_the_last_notice_are_unknown() -> None:
    last = max(day.year for day in holidays.country_holidays("CN", years=range(2020, 2060)).weekend_workdays)
    assert last >= 2026
    assert unknown_years("CN", range(last - 3, last + 3)) == (last + 1, last + 2)


def test_a_country_without_make_up_days_is_always_known() -> None:
    assert unknown_years("US", [2027]) == ()
    assert unknown_years(None, [2027]) == ()


def test_the_owner_can_name_the_days_of_an_unknown_year() -> None:
    told = OwnDay(date=date(2027, 2, 20), off=False, name="in place of 12 February", source="a.csv")
    assert unknown_years("CN", [2027], [told]) == ()
