"""A simulated provider in the test's own loop, an installation, and real sending processes in front of it.

What is measured is measured at the provider: `store.texts`, each with the moment it was taken.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from broadcaster.simulator.server import Simulator, start
from broadcaster.simulator.store import Text
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.conftest import KEY
from tests.integration.delivery.worker import ShiftedClock

ROOT = Path(__file__).resolve().parents[3]
#: FULL_PACE=1 measures over a minute what the suite measures over seconds.
FULL = os.environ.get("FULL_PACE") == "1"
#: Monday 09:00 in the office; every process of a test shares it.
OPEN = datetime(2026, 10, 5, 2, 0, tzinfo=UTC)
BODY = json.dumps({"text": "Kartu sudah selesai.", "buttons": [], "sid": "", "variables": {}})
_NUMBERS = itertools.count(81_200_000_000)


@dataclass
class Stage:
    db: Database
    folder: Path
    simulator: Simulator
    clock: ShiftedClock
    environment: dict[str, str]
    lag: float = 0.0  # the longest this loop was late: a moment taken here may be late by as much
    workers: list[Workers] = field(default_factory=list)

    def now(self) -> datetime:
        return self.clock.now()

    def texts(self, channel: str = "") -> list[Text]:
        return [text for text in self.simulator.store.texts if not channel or text.channel == channel]

    async def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, f"not within {seconds} s; received {len(self.texts())}"
            await asyncio.sleep(0.02)

    async def received(self, number: int, seconds: float = 20.0) -> None:
        """Wait until the provider has taken this many texts."""
        await self.until(lambda: len(self.texts()) >= number, seconds)

    async def watch_own_loop(self) -> None:
        """Keep how late this loop is, until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            self.lag = max(self.lag, time.monotonic() - before - 0.005)

    async def send(self, number: int = 1) -> Workers:
        """Start this many sending processes; from the first on it counts how late this loop is."""
        if not self.texts():
            self.lag = 0.0
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.delivery.worker", str(number), str(self.clock.shift.total_seconds()),
            cwd=ROOT, env=self.environment, stdout=asyncio.subprocess.PIPE,
            stderr=(self.folder / f"worker-{len(self.workers)}.log").open("wb"),
        )  # fmt: skip
        assert process.stdout is not None
        pids = [int(await process.stdout.readline()) for _ in range(number)]
        self.workers.append(Workers(process, pids))
        return self.workers[-1]

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Database work of the test, away from the loop that takes the texts."""
        return await asyncio.to_thread(work, *arguments)

    async def serve(self, command: str = "web") -> Workers:
        """Start a console with hooks in a process of its own, where the provider posts what people write. `run` sends too."""
        url = self.environment["BROADCASTER_PUBLIC_BASE_URL"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "broadcaster", command, "--port", url.rpartition(":")[2], "--now", self.now().isoformat(),
            cwd=ROOT, env=self.environment, stderr=(self.folder / f"worker-{command}.log").open("ab"),
        )  # fmt: skip
        serving = Workers(process, [process.pid])
        self.workers.append(serving)
        self.simulator.store.options.inbound_url = f"{url}/hooks/twilio/inbound"

        def answers() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 0.2):
                return True
            return False

        await self.until(answers)
        return serving

    def change(self, name: str, **columns: object) -> None:
        """Set columns of a sender, as another process would."""
        with self.db.write() as session:
            row = session.exec(select(tables.Sender).where(tables.Sender.name == name)).one()
            for column, value in columns.items():
                setattr(row, column, value)
            session.add(row)

    def rows(self, channel: str = "sms") -> list[tables.Message]:
        with self.db.read() as session:
            return list(
                session.exec(
                    select(tables.Message).where(tables.Message.channel == channel).order_by(col(tables.Message.id))
                )
            )

    def statuses(self) -> Counter[str]:
        with self.db.read() as session:
            return Counter(session.exec(select(tables.Message.status)))

    def sender(self, name: str) -> tables.Sender:
        with self.db.read() as session:
            return session.exec(select(tables.Sender).where(tables.Sender.name == name)).one()

    def log(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("worker-*.log")))


@dataclass
class Workers:
    process: asyncio.subprocess.Process
    pids: list[int]

    def signal(self, number: int, which: Sequence[int] | None = None) -> None:
        for pid in self.pids if which is None else which:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    async def kill(self) -> None:
        """SIGKILL all of them, now."""
        self.signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask all to end; how many did not end with 0."""
        self.signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)


@asynccontextmanager
async def stage(db: Database, folder: Path, **settings: object) -> AsyncIterator[Stage]:
    """An empty installation with the provider running; settings by name, such as `pace_sms=30`."""
    simulator = await start()
    clock = ShiftedClock((OPEN - datetime.now(UTC)).total_seconds())
    key = folder / "secret.key"
    key.touch(0o600)
    key.write_text(KEY.hex() + "\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BROADCASTER_")} | {
        "BROADCASTER_DATA_DIR": str(folder),
        "BROADCASTER_DATABASE_URL": db.url,
        "BROADCASTER_MODE": "rehearsal",
        "BROADCASTER_PUBLIC_BASE_URL": f"http://127.0.0.1:{_free_port()}",
        "BROADCASTER_TELEGRAM_TOKEN": "123456:AA-token",
        "BROADCASTER_TELEGRAM_WEBHOOK_SECRET": "simulated",
        "BROADCASTER_TELEGRAM_BASE_URL": simulator.base_url,
        "BROADCASTER_TWILIO_BASE_URL": simulator.base_url,
        "BROADCASTER_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "BROADCASTER_TWILIO_AUTH_TOKEN": "simulated-auth-token",
        "BROADCASTER_TWILIO_WHATSAPP_FROM": "+6285100000001",
        "BROADCASTER_TWILIO_SMS_FROM": "DUKCAPIL",
        **{f"BROADCASTER_{name.upper()}": str(value) for name, value in settings.items()},
    }
    with db.write() as session:
        make.installation(session)
    made = Stage(db, folder, simulator, clock, environment)
    watching = asyncio.create_task(made.watch_own_loop())
    try:
        yield made
    finally:
        watching.cancel()
        for workers in made.workers:
            if workers.process.returncode is None:
                workers.signal(signal.SIGKILL)
                await workers.process.wait()
        await simulator.stop()


def lane(stage: Stage, channel: str, pace: float, name: str = "") -> int:
    """A sender of the channel, free from now on; its id."""
    with stage.db.write() as session:
        row = make.sender(session, channel, pace=pace)
        if name:
            row = tables.Sender(
                name=name, channel=channel, pace=pace, next_slot_at=stage.now(), portfolio_id=row.portfolio_id
            )
        row.next_slot_at = stage.now()
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id


def answers(stage: Stage, number: int, channel: str = "sms", address: str = "", sender_id: int | None = None) -> None:
    """Due texts without a campaign, each to an address of its own unless one is given."""
    columns: dict[str, Any] = {} if sender_id is None else {"sender_id": sender_id}
    now = stage.now()
    with stage.db.write() as session:
        for _ in range(number):
            make.message(
                session, stage.db.sealer, channel=channel, address=address or _address(channel), purpose="answer",
                body=BODY, due_at=now, **columns,
            )  # fmt: skip


def campaign(
    stage: Stage, name: str, number: int, channel: str = "sms", *, address: str = "", sender_id: int | None = None
) -> int:
    """A running campaign with due texts to as many families; its id."""
    columns: dict[str, Any] = {} if sender_id is None else {"sender_id": sender_id}
    now = stage.now()
    with stage.db.write() as session:
        running = make.campaign(session, name)
        for _ in range(number):
            family = make.family(session, stage.db.sealer, phone="")
            make.message(
                session, stage.db.sealer, household=family.household, card=family.card, campaign=running,
                channel=channel, address=address or _address(channel), body=BODY, due_at=now, **columns,
            )  # fmt: skip
        assert running.id is not None
        return running.id


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _address(channel: str) -> str:
    number = next(_NUMBERS)
    return str(number) if channel == "telegram" else f"+62{number}"


def fastest(texts: Sequence[Text], window_s: float = 1.0) -> int:
    """The most texts in any half-open window of that length."""
    moments = sorted(text.at.timestamp() for text in texts)
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def assert_never_faster(stage: Stage, texts: Sequence[Text], pace: float) -> None:
    """No window of a second above 1.03 times the pace + 1. The window is as much shorter as this loop was late at most."""
    found = fastest(texts, 1.0 - min(stage.lag, 0.5))
    assert found <= 1.03 * pace + 1, (
        f"{found} texts in a second at a pace of {pace} (this loop was {stage.lag:.3f} s late)"
    )


def achieved(texts: Sequence[Text]) -> float:
    """Texts a second from the first to the last."""
    moments = sorted(text.at.timestamp() for text in texts)
    return (len(moments) - 1) / max(moments[-1] - moments[0], 0.001)


def longest_gap(texts: Sequence[Text]) -> timedelta:
    """The longest time without a text."""
    moments = sorted(text.at for text in texts)
    return max((after - before for before, after in itertools.pairwise(moments)), default=timedelta(0))
