"""A TOML file read key by key: everything that is wrong with it at once, each with its line. Pure."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broadcaster.errors import BadInput


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file, and the line it is on (from 1)."""

    line: int
    rule: str
    message: str


class Form:
    """Reads one value after another and collects what is wrong."""

    def __init__(self, toml: str, data: Mapping[str, Any], problems: list[Problem], table: str = "") -> None:
        self.toml, self.data, self.problems, self._table = toml, data, problems, table

    def problem(self, near: str, rule: str, message: str) -> None:
        """`near`: a piece of the offending line; "" for the table as a whole."""
        self.problems.append(Problem(line_of(self.toml, near, self._table), rule, message))

    def _wrong(self, name: str, rule: str, message: str) -> None:
        """A key that is wrong or not there; the same key of another table is not meant."""
        self.problem(name if name in self.data else "", rule, message)

    def text(self, name: str) -> str:
        value = self.data.get(name)
        if isinstance(value, str) and value.strip():
            return value
        self._wrong(name, "missing_key", f'"{name}" belum diisi; isi dengan teks')
        return ""

    def optional(self, name: str) -> str:
        """A text that may be left out; "" then."""
        return self.text(name) if name in self.data else ""

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        value = self.data.get(name)
        if isinstance(value, str) and value in allowed:
            return value
        self._wrong(name, "value", f'"{name}" harus salah satu dari: {", ".join(allowed)}')
        return ""

    def words(self, name: str, allowed: Sequence[str] | None) -> tuple[str, ...]:
        value = self.data.get(name)
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self._wrong(name, "value", f'"{name}" harus berupa daftar, misalnya {name} = ["..."]')
            return ()
        for word in value:
            if allowed is not None:
                self.known(word, allowed, "value", f'Isi "{name}":')
        return tuple(value)

    def known(self, word: str, allowed: Sequence[str], rule: str, what: str) -> None:
        if word not in allowed:
            self.problem(word, rule, f'{what} "{word}" tidak dikenal{nearest(word, allowed)}')

    def texts(self, name: str) -> dict[str, str]:
        """A table of texts, each without the space around it."""
        value = self.data.get(name)
        if not isinstance(value, dict):
            self._wrong(name, "missing_key", f"Bagian [{name}] belum ada")
            return {}
        for inner, text in value.items():
            if not isinstance(text, str) or not text.strip():
                self.problem(inner, "value", f'Teks "{inner}" harus berisi tulisan')
        return {inner: text.strip() for inner, text in value.items() if isinstance(text, str)}


def parse(toml: str, known: Sequence[str] | None = None) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The tables of a file, None when it is no TOML; with `known`, any other key at its top is a problem."""
    try:
        data = tomllib.loads(toml.removeprefix("\ufeff"))  # some editors put this mark at the beginning
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        # the end of the file is where a quotation mark that was never closed is noticed
        line = int(found.group(1)) if found else toml.count("\n") + 1
        message = f"Berkas tidak terbaca sebagai TOML; periksa tanda kutip dan kurung ({error})"
        return None, [Problem(line, "toml", message)]
    return data, [] if known is None else unknown_keys(toml, data, known)


def unknown_keys(toml: str, data: Iterable[str], known: Sequence[str], table: str = "") -> list[Problem]:
    return [
        Problem(line_of(toml, name, table), "unknown_key", f'Kunci "{name}" tidak dikenal{nearest(name, known)}')
        for name in data
        if name not in known
    ]


def line_of(toml: str, near: str, after: str = "", nth: int = 1) -> int:
    """The line (from 1) that holds `near` for the `nth` time, from the line of the key or `[table]` called `after` on.

    A key or table of that name comes first, then whole words, then parts of words; comments come last. Where `near` is
    nowhere, or empty, the line of `after` (else 1).
    """
    raw = toml.split("\n")
    lines = ["" if line.lstrip().startswith("#") else line for line in raw]
    start = next((number for number, line in enumerate(lines) if after and _key(after).match(line)), 0)
    piece = near.split("\n", 1)[0].strip()
    if not piece:
        return start + 1
    patterns = (_key(piece), re.compile(rf"(?<!\w){re.escape(piece)}(?!\w)"), re.compile(re.escape(piece)))
    for within in (lines, raw):
        for pattern in patterns:
            hits = [number for number, line in enumerate(within[start:], start + 1) for _ in pattern.finditer(line)]
            if len(hits) >= nth:
                return hits[nth - 1]
    return start + 1


def nearest(word: str, known: Iterable[str]) -> str:
    """` (maksudnya "sms"?)`, or nothing when no known word is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f' (maksudnya "{found[0]}"?)' if found else ""


def raise_first(problems: Iterable[Problem], file: str) -> None:
    """Raises `BadInput` for the first problem, if there is one."""
    for problem in problems:
        raise BadInput(f"{file}, baris {problem.line}: {problem.message}", code=problem.rule)


def _key(name: str) -> re.Pattern[str]:
    """A line that begins with this key, or opens this table."""
    table = name.strip("[]")
    return re.compile(rf"^\s*(?:{re.escape(table)}\s*=|\[+\s*{re.escape(table)}\s*\]+)")
