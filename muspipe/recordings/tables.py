"""Tables from users: text with a header, of columns parted by comma, semicolon or tab."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from muspipe.errors import InputError


def rows_of(path, columns) -> Iterator[tuple[str, dict[str, str | None]]]:
    """(where it stands, {column: text}) of each row. columns: names that must be there, others may be. InputError for
    a file that is no such table; OSError where it cannot be read."""
    expected = f"{path}: expected columns {' and '.join(columns)}"
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            delimiter = next((mark for mark in ",;\t" if mark in file.readline()), ",")
            file.seek(0)
            rows = csv.DictReader(file, delimiter=delimiter)
            header = [name.strip() for name in rows.fieldnames or ()]
            if not set(columns) <= set(header):
                raise InputError(f"{expected}, got {', '.join(header) or 'an empty file'}")
            rows.fieldnames = header
            for row in rows:
                yield f"{path}: line {rows.line_num}", row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{expected} as text: {error}") from error


def number_of(label, text, unit="") -> float:
    """The number that a cell says. InputError that begins with the label."""
    try:
        return float(text)
    except (TypeError, ValueError):
        raise InputError(f"{label}: expected a number{unit and f' [{unit}]'}, got {text!r}") from None
