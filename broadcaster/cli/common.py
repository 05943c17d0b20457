"""What every command shares: opening the app, printing for people or programs, and saying no."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table

from broadcaster import settings as setting
from broadcaster.app import App, open_app
from broadcaster.clock import parse_moment
from broadcaster.errors import BadInput, Refused
from broadcaster.settings import Mode, Settings

Json = Annotated[bool, typer.Option("--json", help="Satu dokumen JSON di stdout.")]
Now = Annotated[str, typer.Option("--now", help="Saat (ISO 8601 dengan zona); hanya dalam mode rehearsal.")]
By = Annotated[str, typer.Option("--by", help="Nama akun petugas yang melakukan ini.")]

console = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def read_settings(now: str = "") -> Settings:
    """The settings, with `--now` on top. Raises `BadInput` for a wrong one."""
    if not now:
        return setting.load()
    try:
        parse_moment(now)
    except ValueError as error:
        raise BadInput(f"--now: {error}", code="bad_now") from error
    settings = setting.load()
    if settings.mode is not Mode.REHEARSAL:
        raise BadInput("--now hanya boleh dipakai dalam mode rehearsal (BROADCASTER_MODE=rehearsal).", code="bad_now")
    return setting.load(now=now)


@contextmanager
def opened(now: str = "") -> Iterator[App]:
    """The app without channels, closed at the end."""
    app = open_app(read_settings(now))
    try:
        yield app
    finally:
        app.db.close()


def plain(value: Any) -> Any:
    """Dataclasses, dates and enums as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


def put(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")


def line(value: Any) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")


def table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """A small table for people."""
    shown = Table(title=title, title_justify="left", title_style="bold")
    for position, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        shown.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        shown.add_row(*[number(cell) if isinstance(cell, int) else str(cell) for cell in row])
    console.print(shown)


def number(value: int) -> str:
    """1234 -> 1.234"""
    return f"{value:,}".replace(",", ".")


def refused(error: Refused, *, as_json: bool) -> int:
    """Say no: one sentence on stderr, or one document on stdout; exit status 1."""
    if as_json:
        put({"error": {"code": error.code, "message": str(error)}})
    else:
        err.print(f"[bold]Tidak dilakukan:[/bold] {error}")
    return 1


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """A logger on the stderr of this moment: it may be another one than when logging was set up."""
    return structlog.PrintLogger(sys.stderr)


def set_up_logging(log_format: str = "console") -> None:
    """Logs go to stderr; a JSON line each when asked for."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer()
            if log_format == "json"
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_to_stderr,
    )
