"""Line numbers of the keys of a TOML file, which the standard library's parser does not give.

The text has been parsed already, so only what tells statements apart is looked at: strings,
brackets and comments. Keys inside an inline table are found at the line of that table.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field

Path = tuple[str | int, ...]


@dataclass(slots=True)
class _Scanner:
    """Where a line ends: inside brackets, inside a string of several lines, or at a statement."""

    depth: int = 0
    quote: str = ""  # the delimiter of an open string of several lines

    @property
    def at_statement(self) -> bool:
        return self.depth == 0 and not self.quote

    def feed(self, line: str) -> None:
        position = 0
        while position < len(line):
            if self.quote:
                position = self._through_string(line, position)
                continue
            character = line[position]
            if character == "#":
                return
            if character in "\"'":
                triple = character * 3
                if line.startswith(triple, position):
                    self.quote = triple
                    position += 3
                else:
                    position = _end_of_string(line, position, character)
                continue
            self.depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0)
            position += 1

    def _through_string(self, line: str, position: int) -> int:
        while position < len(line):
            if line[position] == "\\" and self.quote == '"""':
                position += 2
            elif line.startswith(self.quote, position):
                position += 3
                # up to two quotes may stand directly before the closing ones
                while line.startswith(self.quote[0], position):
                    position += 1
                self.quote = ""
                return position
            else:
                position += 1
        return position


def _end_of_string(line: str, start: int, quote: str) -> int:
    position = start + 1
    while position < len(line) and line[position] != quote:
        position += 2 if line[position] == "\\" and quote == '"' else 1
    return position + 1


@dataclass(slots=True)
class _Places:
    lines: dict[Path, int] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)

    def resolve(self, names: list[str]) -> Path:
        """The path of a table, where the name of an array means its latest element."""
        path: Path = ()
        for name in names:
            path += (name,)
            if path in self.counts:
                path += (self.counts[path] - 1,)
        return path

    def header(self, names: list[str], number: int, *, array: bool) -> Path:
        if array:
            base = (*self.resolve(names[:-1]), names[-1])
            index = self.counts.get(base, 0)
            self.counts[base] = index + 1
            path: Path = (*base, index)
            self.lines.setdefault(base, number)
        else:
            path = self.resolve(names)
        self.lines.setdefault(path, number)
        return path


def _key_names(text: str) -> list[str]:
    """Split a (dotted, perhaps quoted) key into its names."""
    names: list[str] = []
    table: object = tomllib.loads(f"{text} = 0")
    while isinstance(table, dict):
        name, table = next(iter(table.items()))
        names.append(str(name))
    return names


def _key_text(statement: str) -> str:
    """The part of a statement before its equals sign."""
    position = 0
    while position < len(statement) and statement[position] != "=":
        character = statement[position]
        quoted = character in "\"'"
        position = _end_of_string(statement, position, character) if quoted else position + 1
    return statement[:position]


def locate(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every table and key of a valid TOML text.

    Elements of an array of tables are counted from 0: `("peers", 0, "code")`.
    """
    places, scanner, prefix = _Places(), _Scanner(), ()
    current: Path = prefix
    for number, line in enumerate(text.splitlines(), start=1):
        statement = line.strip()
        if scanner.at_statement and statement and not statement.startswith("#"):
            if statement.startswith("["):
                array = statement.startswith("[[")
                inner = statement[2:] if array else statement[1:]
                names = _key_names(inner[: _closing(inner)])
                current = places.header(names, number, array=array)
            else:
                path = current
                for name in _key_names(_key_text(statement)):
                    path += (name,)
                    places.lines.setdefault(path, number)
        scanner.feed(line)
    return places.lines


def _closing(text: str) -> int:
    position = 0
    while position < len(text) and text[position] != "]":
        character = text[position]
        quoted = character in "\"'"
        position = _end_of_string(text, position, character) if quoted else position + 1
    return position


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """Return the line of `path`, or of the closest table around it; None for an empty file."""
    for length in range(len(path), 0, -1):
        line = lines.get(path[:length])
        if line is not None:
            return line
    return None


def spell(path: Path) -> str:
    """Return `peers[0].mac.width` for `("peers", 0, "mac", "width")`."""
    text = ""
    for name in path:
        if isinstance(name, int):
            text += f"[{name}]"
        else:
            text += f".{name}" if text else name
    return text
