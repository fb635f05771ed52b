"""From YAML text to plain values, with the line of every key.

YAML 1.2's core schema is read, not PyYAML's 1.1: there `off` and `NO` (Norway) are texts, `1e-3` is a number and
`12:30` is no sexagesimal number, which is also how editors read the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml
from yaml.composer import ComposerError

from planner.config.words import show

Step = str | int
Path = tuple[Step, ...]

_NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something to correct: on which line (from 1), at which key, and in words what is wrong and what to write."""

    line: int
    path: Path = ()
    words: str
    column: int | None = None

    def text(self, file: str) -> str:
        """`config.yaml:17: functions[0].capacity.lead: 'abc' is not a duration; write 90s, 15m, 6h or 2d`."""
        place = f"{file}:{self.line}" + (f":{self.column}" if self.column else "")
        return ": ".join(filter(None, (place, dotted(self.path), self.words)))


@dataclass(slots=True)
class Source:
    """What a file says: plain values, the line of each path, and faults of the YAML that don't stop the reading."""

    data: dict[str, object] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def dotted(path: Path) -> str:
    """`functions[0].capacity.lead`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def parse(text: str, *, begin: str = "version: 1") -> Source | Fault:
    """Read one YAML document, or return the fault that makes it unreadable; `begin` is what it should begin with."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        source = Source()
        data = _value(root, (), source) if root else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "the text can't be read"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Fault(line=line, column=column, words=f"not YAML: {problem}; {_hint(problem)}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Fault(line=line, words="holds a control character; remove it")
    except RecursionError:
        return Fault(line=1, words="is nested too deeply to be a configuration; a section holds plain keys")
    if data is None:
        return Fault(line=1, words=f"is empty; begin with {begin} (`planner init` writes an example)")
    if not isinstance(data, dict):
        return Fault(line=1, words=f"is {show(data)}, not keys and values; begin with {begin}")
    source.data = data
    return source


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own registry, filled below

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases (*name) are not supported"
        elif getattr(event, "tag", None) is not None:
            problem = "tags (!name) are not supported"
        else:
            return super().compose_node(parent, index)
        raise ComposerError(None, None, problem, event.start_mark)


for _tag, _pattern, _first in (
    (_NULL, r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    (_BOOL, r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    # Eighteen digits: Python refuses to read very long ones, and no key here wants them.
    (_INT, r"^[-+]?[0-9]{1,18}$", list("-+0123456789")),
    (_FLOAT, r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    (_FLOAT, r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", list("-+.")),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def _value(node: yaml.Node, path: Path, source: Source) -> object:
    source.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, source)
    if isinstance(node, yaml.SequenceNode):
        return tuple(_value(item, (*path, i), source) for i, item in enumerate(node.value))
    text = str(node.value)
    if node.tag == _NULL:
        return None
    if node.tag == _BOOL:
        return text.lower() == "true"
    if node.tag == _INT:
        return int(text)
    return float(text.replace(".inf", "inf").replace(".nan", "nan")) if node.tag == _FLOAT else text


def _mapping(node: yaml.MappingNode, path: Path, source: Source) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            source.faults.append(
                Fault(line=line, path=path, words="a key must be a word; a value that begins with { or [ needs quotes")
            )
            continue
        name = str(key.value)
        if name in values:
            first = source.lines[(*path, name)]
            words = f"is written twice, first on line {first}; remove one"
            source.faults.append(Fault(line=line, path=(*path, name), words=words))
            continue
        source.lines[(*path, name)] = line
        values[name] = _value(value, (*path, name), source)
    return values


_HINTS = (
    ("aliases", "what functions share goes under defaults"),
    ("tags", "write the plain value"),
    ("cannot start any token", "indent with spaces, and quote a value that begins with a special character"),
    ("mapping values are not allowed", "quote a value that holds a colon, or correct the indentation"),
    ("block end", "correct the indentation: the keys of a section begin in the same column"),
    ("expected ':'", "write key: value, with a space after the colon"),
    ("end of stream", "close the quotation mark"),
    ("another document", "keep one document in the file, without ---"),
    ("expected a single document", "keep one document in the file, without ---"),
)


def _hint(problem: str) -> str:
    return next((hint for word, hint in _HINTS if word in problem), "check the quotes, brackets and indentation here")
