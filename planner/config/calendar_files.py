"""Company files of campaigns, spans to ignore and days off or worked: YAML, CSV or iCalendar.

Each kind is turned into the same entries as the section `calendar` holds, and checked by the same models; what is wrong
is told with the file, the line or event, and the key.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from planner.config.calendar import CampaignConfig, DayConfig, EntriesConfig, IgnoreConfig
from planner.config.faults import translate, words
from planner.config.source import Fault, parse
from planner.config.words import did_you_mean, show
from planner.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable

Row = Mapping[str, object] | str
"""Values by column, or what is wrong with the row."""
Entry = CampaignConfig | IgnoreConfig | DayConfig
KINDS = ("campaign", "ignore", "holiday", "workday")
FIGURES = ("uplift", "at_least")
COLUMNS = ("kind", "name", "start", "end", "uplift", "like", "at_least", "ramp_up", "ramp_down")
WHOLE = "write a date, such as 2026-11-11 (in iCalendar an all-day event)"


def read_calendar(path: Path) -> EntriesConfig:
    """The entries of one file; ConfigError with every fault in it."""
    text = _read(path)
    read: Callable[[str], EntriesConfig | list[str]]
    match path.suffix.lower():
        case ".csv":
            read = _from_csv
        case ".ics":
            from planner.config.calendar_ics import rows_of_ics  # noqa: PLC0415  # few files are iCalendar

            def read(content: str) -> EntriesConfig | list[str]:
                return _from_rows(rows_of_ics(content))
        case _:
            read = _from_yaml
    found = read(text)
    if isinstance(found, EntriesConfig):
        return found
    count = "1 fault" if len(found) == 1 else f"{len(found)} faults"
    faults = tuple(f"{path}{':' if fault[:1].isdigit() else ': '}{fault}" for fault in found)
    raise ConfigError(f"{path} has {count}", remedy="correct the places named", faults=faults)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        remedy = "correct calendar.files; relative paths begin at the configuration's folder"
        raise ConfigError(f"the calendar file {path} does not exist", remedy=remedy) from None
    except UnicodeDecodeError:
        raise ConfigError(f"the calendar file {path} is not UTF-8", remedy="save it in UTF-8") from None
    except OSError as error:
        remedy = "check the path and its rights"
        raise ConfigError(f"the calendar file {path} can't be read: {error.strerror}", remedy=remedy) from error


def _from_yaml(text: str) -> EntriesConfig | list[str]:
    source = parse(text, begin="campaigns:, ignore: or days:")
    if isinstance(source, Fault):
        return [source.text("").removeprefix(":")]
    faults = list(source.faults)
    try:
        found = EntriesConfig.model_validate(source.data)
    except ValidationError as error:
        faults += translate(error, source, EntriesConfig)
    if faults:
        return [fault.text("").removeprefix(":") for fault in sorted(faults, key=lambda fault: fault.line)]
    return found


def _from_csv(text: str) -> EntriesConfig | list[str]:
    lines = csv.DictReader(text.splitlines(), strict=True)
    try:
        header = [name.strip() for name in lines.fieldnames or ()]
        if unknown := [name for name in header if name not in COLUMNS]:
            return [f"1: {show(unknown[0])} is not a column; {did_you_mean(unknown[0], COLUMNS)}"]
        if missing := [name for name in ("kind", "name", "start") if name not in header]:
            return [f"1: the column {missing[0]} is missing; the first line is {','.join(COLUMNS)}"]
        lines.fieldnames = header
        rows = [(str(lines.line_num), _stripped(row)) for row in lines]
    except csv.Error as error:
        return [f"{lines.line_num}: not CSV: {error}; check the quotes"]
    return _from_rows((place, row) for place, row in rows if row)


def _stripped(row: Mapping[str | None, object]) -> Row:
    if None in row:
        return "has more values than columns; quote a value that holds a comma"
    return {str(key): value.strip() for key, value in row.items() if isinstance(value, str) and value.strip()}


def _from_rows(rows: Iterable[tuple[str, Row]]) -> EntriesConfig | list[str]:
    """Entries of rows with the columns of a CSV file; each row with its place, or a fault, in words."""
    faults: list[str] = []
    found: list[Entry] = []
    for place, row in rows:
        if isinstance(row, str):
            faults.append(": ".join(filter(None, (place, row))))
            continue
        try:
            found += _entries(row)
        except ValidationError as error:
            model = MODELS[str(row.get("kind", "campaign"))]
            faults += [f"{place}: {told}" for told in _told(error, model, row)]
        except ValueError as error:
            faults.append(f"{place}: {error}")
    if faults:
        return faults
    return EntriesConfig(
        campaigns=tuple(e for e in found if isinstance(e, CampaignConfig)),
        ignore=tuple(e for e in found if isinstance(e, IgnoreConfig)),
        days=tuple(e for e in found if isinstance(e, DayConfig)),
    )


def _entries(row: Mapping[str, object]) -> Iterator[Entry]:
    kind = str(row.get("kind", "campaign"))
    if kind not in KINDS:
        raise ValueError(f"kind: {show(kind)} is no kind; {did_you_mean(kind, KINDS)}")
    values = {key: _figure(value) if key in FIGURES else value for key, value in row.items() if key != "kind"}
    if "start" in values:
        values.setdefault("end", values["start"])
    if kind == "campaign":
        yield CampaignConfig.model_validate(values)
        return
    if extra := sorted(set(values) - {"name", "start", "end"}):
        raise ValueError(f"{extra[0]}: belongs to a campaign, and this is {show(kind)}; remove it")
    span = IgnoreConfig.model_validate({"why" if key == "name" else key: value for key, value in values.items()})
    if kind == "ignore":
        yield span
        return
    for key in ("start", "end"):
        if key in row and isinstance(getattr(span, key), datetime):
            raise ValueError(f"{key}: {show(str(row[key]))} has a time of day, and a {kind} is whole days; {WHOLE}")
    for n in range((span.stop - span.first) // timedelta(days=1)):
        day = span.first.date() + timedelta(days=n)
        yield DayConfig.model_validate({"day": day, "kind": kind, "name": span.why})


MODELS: Mapping[str, type[BaseModel]] = {"campaign": CampaignConfig} | dict.fromkeys(KINDS[1:], IgnoreConfig)
_IN_ROWS: Mapping[Hashable, str] = {"why": "name"}


def _figure(value: object) -> object:
    """A number where the text is one; else the text, for the model to refuse."""
    try:
        return float(str(value))
    except ValueError:
        return value


def _told(error: ValidationError, model: type[BaseModel], row: Mapping[str, object]) -> Sequence[str]:
    return [
        ": ".join(filter(None, (".".join(_IN_ROWS.get(step, str(step)) for step in path), words(item, path, model))))
        for item in error.errors(include_url=False)
        for path in [tuple(item["loc"])]
        if path != ("end",) or "end" in row  # an end that was taken from the start
    ]
