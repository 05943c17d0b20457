"""`python -m benchmarks.delivery [--messages 20000] [--rounds 3] [--only WAY ...] [--celery-python PYTHON]`.

Every ratio is taken between two ways measured one after the other in the same round; the table shows the median of the rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks.delivery import servers
from benchmarks.delivery.measure import Bench, Measured, bench
from benchmarks.delivery.seed import Plan
from benchmarks.delivery.texts import outgoing
from broadcaster.domain.message import ChannelKind

#: (over, under, wanted ratio of messages a second)
RATIOS = (
    ("SQLite, WhatsApp", "bare, WhatsApp", 0.75),
    ("SQLite, Telegram", "bare, Telegram", None),
    ("PostgreSQL, 1 worker", "bare, WhatsApp", None),
    ("PostgreSQL, 2 workers", "bare, 2 processes", 0.65),
    ("SQLite, Telegram", "python-telegram-bot loop", 3.0),
    ("SQLite, WhatsApp", "twilio loop", 2.0),
    ("SQLite, WhatsApp", "celery, 2 processes", 4.0),
)
_FEW, _MANY, _DRAINED = 10_000, 1_000_000, 10_000


@dataclass
class Results:
    rounds: dict[str, list[Measured]] = field(default_factory=dict)

    def add(self, way: str, measured: Measured) -> None:
        self.rounds.setdefault(way, []).append(measured)
        print(f"  {way}: {measured.rate:,.0f}/s, {measured.cpu_us:.0f} us CPU a message", flush=True)

    def rate(self, way: str) -> float:
        return median(one.rate for one in self.rounds[way])

    def ratio(self, over: str, under: str) -> float | None:
        pairs = list(zip(self.rounds.get(over, []), self.rounds.get(under, []), strict=False))
        return median(a.rate / b.rate for a, b in pairs) if pairs else None


def main() -> None:
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    wants = set(options.only or GROUPS)
    with bench(options.messages, with_postgres=bool(wants & {"postgres", "growth"})) as here, servers.redis() as redis:
        ways = [way for group in GROUPS if group in wants for way in GROUPS[group](here, options, redis)]
        results = Results()
        for number in range(options.rounds):
            print(f"round {number + 1}", flush=True)
            for name, way in ways:
                results.add(name, way())
        _print(results)
        if "growth" in wants:
            _growth(here, options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*GROUPS])
    parser.add_argument("--celery-python", default=sys.executable, help="an interpreter with celery, redis and twilio")
    return parser.parse_args()


Way = tuple[str, Callable[[], Measured]]


def _whatsapp(here: Bench, *_: object) -> Iterator[Way]:
    plan = Plan((("whatsapp", here.messages),))
    yield "bare, WhatsApp", lambda: here.bare("bare", ["whatsapp"])
    yield "SQLite, WhatsApp", lambda: here.sqlite(plan)
    yield "twilio loop", lambda: here.bare("twilio-plain", ["whatsapp"])


def _telegram(here: Bench, *_: object) -> Iterator[Way]:
    plan = Plan((("telegram", here.messages),))
    yield "bare, Telegram", lambda: here.bare("bare", ["telegram"])
    yield "SQLite, Telegram", lambda: here.sqlite(plan)
    if importlib.util.find_spec("httpx") is None:
        print("NO httpx: python-telegram-bot's own client needs it; its line is left out.", flush=True)
        return
    yield "python-telegram-bot loop", lambda: here.bare("telegram-plain", ["telegram"])


def _postgres(here: Bench, *_: object) -> Iterator[Way]:
    if here.postgres is None:
        return
    one, two = (
        Plan((("whatsapp", here.messages),)),
        Plan((("whatsapp", here.messages // 2), ("sms", here.messages // 2))),
    )
    yield "bare, WhatsApp", lambda: here.bare("bare", ["whatsapp"])
    yield "PostgreSQL, 1 worker", lambda: here.on_postgres(one)
    yield "bare, 2 processes", lambda: here.bare("bare", ["whatsapp", "sms"])
    yield "PostgreSQL, 2 workers", lambda: here.on_postgres(two)


def _celery(here: Bench, options: argparse.Namespace, redis: str | None) -> Iterator[Way]:
    there = subprocess.run(
        [options.celery_python, "-c", "import celery, kombu.transport.redis, twilio"], capture_output=True, check=False
    )
    if redis is None or there.returncode != 0:
        lacking = "redis-server" if redis is None else f"celery, redis or twilio for {options.celery_python}"
        print(f"NO CELERY MEASURED: {lacking} is not installed.", flush=True)
        return

    def texts() -> Iterator[str]:
        for text in outgoing(ChannelKind.WHATSAPP, 1, here.messages):
            yield json.dumps([text.address, text.content_sid, json.dumps(dict(text.content_variables))])

    yield "celery, 2 processes", lambda: here.celery(options.celery_python, redis, texts())


def _no_ways(*_: object) -> Iterator[Way]:
    yield from ()


GROUPS: dict[str, Callable[..., Iterator[Way]]] = {
    "whatsapp": _whatsapp, "telegram": _telegram, "postgres": _postgres, "celery": _celery, "growth": _no_ways,
}  # fmt: skip


def _print(results: Results) -> None:
    if not results.rounds:
        return
    print(f"\n{'way':<26} {'msgs/s':>8} {'us CPU/msg':>11} {'peak MB':>8}")
    for way, rounds in results.rounds.items():
        cpu, peak = median(one.cpu_us for one in rounds), max(one.peak_mb for one in rounds)
        print(f"{way:<26} {results.rate(way):>8,.0f} {cpu:>11.0f} {peak:>8.0f}")
    print(f"\n{'ratio (median of rounds)':<52} {'measured':>8} {'wanted':>7}")
    for over, under, wanted in RATIOS:
        found = results.ratio(over, under)
        if found is not None:
            print(f"{f'{over} / {under}':<52} {found:>8.2f} {'' if wanted is None else f'{wanted:>7.2f}'}")


def _growth(here: Bench, rounds: int) -> None:
    """A drain of 10,000 with 10,000 rows waiting and with 1,000,000, on both databases."""
    few = Plan((("whatsapp", _FEW),))
    many = Plan((("whatsapp", _FEW),), waiting=_MANY - _FEW)
    databases: dict[str, Callable[[Plan], Measured]] = {"SQLite": lambda plan: here.sqlite(plan, stop_after=_DRAINED)}
    if here.postgres is not None:
        databases["PostgreSQL"] = lambda plan: here.on_postgres(plan, stop_after=_DRAINED)
    print(
        f"\n{'a drain of 10,000, s':<22} {'10,000 waiting':>15} {'1,000,000 waiting':>18} {'ratio':>6} {'grown MB':>9}"
    )
    for name, drain in databases.items():
        pairs = [(drain(few), drain(many)) for _ in range(rounds)]
        low, high = median(one.seconds for one, _ in pairs), median(one.seconds for _, one in pairs)
        ratio, grown = median(b.seconds / a.seconds for a, b in pairs), median(one.grown_mb for _, one in pairs)
        print(f"{name:<22} {low:>15.2f} {high:>18.2f} {ratio:>6.2f} {grown:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
