"""One round of the kill harness: an installation, its simulated providers, and senders that are killed as often as asked."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from broadcaster.app import connect, open_app
from broadcaster.channels.codes import load_codes
from broadcaster.delivery.drain import holder_name
from broadcaster.outbox.lease import LANE
from broadcaster.settings import Settings
from broadcaster.shipped import content_dir
from broadcaster.simulator.server import run as run_simulator
from broadcaster.web.console import create_app
from tests import postgres
from tests.kill.account import Deaths, judge, watch_lanes
from tests.kill.processes import Asked, SharedClock, fork, status_of
from tests.kill.sender import STEPS, Death, send_until_stopped
from tests.kill.settling import settle
from tests.kill.world import AUTH_TOKEN, World, get, post, settings_for

#: A Monday, 08:00 in the office.
START = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
PACE = 30.0  # messages a second and lane
#: Milliseconds a sender lives before a kill at random.
LIVES_MS = (60, 260)
AT_A_STEP = 0.3  # share of kills that happen at a named step
_STEP_S = 0.7  # a step that is not reached in this time is given up and the kill happens at once
#: After a kill the clock goes on past the dead process's lane, so that nobody waits ten seconds for it.
AFTER_KILL_S = LANE.total_seconds() + 0.5
_STUCK = 8  # looks without any change
_REST_S = 120.0  # real seconds in which everything must come to rest
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "cut_before", "probability": 0.01},
    {"kind": "cut_after", "probability": 0.02},
    {"kind": "http_500", "probability": 0.01},
    {"kind": "http_500_after", "probability": 0.02},
    {"kind": "redirect", "probability": 0.005},
    {"kind": "html_page", "probability": 0.005},
    {"kind": "429", "probability": 0.01, "retry_after": 1},
    {"kind": "slow_ms", "probability": 0.08, "ms": 200},
)
RECEIPTS = {"shuffle": 0.3, "double": 0.2, "drop": 0.1, "latency_ms": 15.0}


@dataclass(frozen=True)
class Plan:
    """What a round does. `receipts`: "hooks" (signed webhooks to a server of ours) or "polling"."""

    database: str
    kills: int
    workers: int
    seed: str
    receipts: str
    postgres_url: str = ""


@dataclass
class Worker:
    pid: int
    holder: str
    step: str


def run_round(plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything from the first table to the account, as numbers that can be added up."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="broadcaster-kill-", dir=postgres.fast_folder()))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        url = _database(plan, stack)
        return _Round(plan, folder, url, say, stack).run()


def _database(plan: Plan, stack: ExitStack) -> str:
    if plan.database == "sqlite":
        return ""
    name = "kill_" + "".join(letter if letter.isalnum() else "_" for letter in plan.seed)
    postgres.administer(plan.postgres_url, f"CREATE DATABASE {name}")
    stack.callback(postgres.administer, plan.postgres_url, f"DROP DATABASE {name} WITH (FORCE)")
    return f"{plan.postgres_url}/{name}"


class _Round:
    """The parent: it forks, kills, moves the clock and asks; it opens no database itself."""

    def __init__(self, plan: Plan, folder: Path, url: str, say: Callable[[str], None], stack: ExitStack) -> None:
        self.plan, self.say, self.stack = plan, say, stack
        self.chance = random.Random(plan.seed)
        self.codes = load_codes(content_dir() / "codes")
        self.clock = SharedClock(START)
        self.log = folder / "senders.log"
        simulator_port, hooks_port = postgres.free_port(), postgres.free_port()
        self.simulator = f"http://127.0.0.1:{simulator_port}"
        self.hooks = f"http://127.0.0.1:{hooks_port}" if plan.receipts == "hooks" else ""
        self.settings: Settings = settings_for(
            folder, self.simulator, database_url=url, hooks=self.hooks, pace=PACE
        )  # fmt: skip
        self.born = 0
        self.kills: Counter[str] = Counter()
        self._simulate(simulator_port)
        self.office = Asked(lambda: _Office(self.settings, self.simulator, self.clock, plan.seed).answer)
        stack.callback(self.office.close)
        self.office.ask("go_on")  # answers when the installation stands
        if self.hooks:
            self._serve(hooks_port)
        post(
            self.simulator,
            "options",
            RECEIPTS | {"inbound_url": f"{self.hooks}/hooks/twilio/inbound" if self.hooks else ""},
        )

    # --- the other processes ----------------------------------------------------------------------

    def _simulate(self, port: int) -> None:
        pid = fork(lambda: run_simulator(port, auth_token=AUTH_TOKEN))
        self.stack.callback(_end, pid)
        _until(lambda: bool(get(self.simulator, "stats")), pid)
        post(self.simulator, "clock", {"now": self.clock.now().isoformat()})

    def _serve(self, port: int) -> None:
        """The hooks, as `broadcaster run` serves them."""

        def work() -> None:
            _quiet(self.log)
            app = connect(open_app(self.settings, self.clock))
            uvicorn.run(
                create_app(app), host="127.0.0.1", port=port, log_level="warning", proxy_headers=False, ws="none"
            )

        pid = fork(work)
        self.stack.callback(_end, pid, signal.SIGKILL)
        _until(lambda: _answers(port), pid)

    def _worker(self, *, immortal: bool = False) -> Worker:
        self.born += 1
        holder = f"{holder_name()}:{self.born}"
        death = Death()
        if not immortal and self.chance.random() < AT_A_STEP:
            step = self.chance.choice(STEPS)
            death = Death(step, 1 if step == "leased" else self.chance.randint(1, 15))
        also = ("poll",)

        def work() -> None:
            _quiet(self.log)
            os.environ["PGAPPNAME"] = holder[:63]  # so that the server can say which connections are this process's
            send_until_stopped(self.settings, death, self.clock, holder, self.codes, also)

        return Worker(fork(work), holder, death.step)

    # --- killing ----------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        post(self.simulator, "fail", FAULTS)
        workers = [self._worker() for _ in range(self.plan.workers)]
        for number in range(1, self.plan.kills + 1):
            victim = workers.pop(self.chance.randrange(len(workers)))
            self._kill(victim)
            self.office.ask("killed", holder=victim.holder)
            if number < self.plan.kills:
                self.office.ask("go_on")
            self.forward(AFTER_KILL_S)
            workers.append(self._worker())
            if number % 25 == 0:
                self.say(f"{number} kills, {time.monotonic() - began:.0f} s")
        for worker in workers:
            # the survivors of the killing stop as a service does
            os.kill(worker.pid, signal.SIGTERM)
        for worker in workers:
            status = status_of(worker.pid)
            if status == -signal.SIGKILL:
                self.kills[worker.step] += 1
                self.office.ask("killed", holder=worker.holder)
            elif status not in (0, -signal.SIGTERM):  # the latter: it had hardly been born
                raise RuntimeError(f"a sender that was to stop ended with {status}")
        killing = time.monotonic() - began
        self._come_to_rest()
        result: dict[str, Any] = self.office.ask("account")
        result["kills"] = dict(self.kills)
        result["seconds"] = {"killing": round(killing, 1), "all": round(time.monotonic() - began, 1)}
        result["errors"] = dict(_errors(self.log))
        return result

    def _kill(self, victim: Worker) -> None:
        time.sleep(self.chance.uniform(*LIVES_MS) / 1000)
        if victim.step:
            try:
                status = status_of(victim.pid, _STEP_S)
            except TimeoutError:  # it has been killed by now
                self.kills["random"] += 1
                return
            if status != -signal.SIGKILL:
                raise RuntimeError(f"a sender ended with {status}; see its message above")
            self.kills[victim.step] += 1
            return
        os.kill(victim.pid, signal.SIGKILL)
        status = status_of(victim.pid)
        if status != -signal.SIGKILL:
            raise RuntimeError(f"a sender ended with {status} before it was killed; see its message above")
        self.kills["random"] += 1

    def forward(self, seconds: float) -> None:
        """Move everybody's clock, the providers' first: a text is never created before its intent."""
        post(self.simulator, "clock", {"now": (self.clock.now() + timedelta(seconds=seconds)).isoformat()})
        self.clock.forward(seconds)

    # --- coming to rest ---------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        """Faults are over; survivors send what waits while the clock goes from one due time to the next."""
        post(self.simulator, "fail", {"clear": True})
        self.office.ask("run_on")
        self.forward(60)  # the leases and intents of the dead are over
        workers = [self._worker(immortal=True) for _ in range(self.plan.workers)]
        ends = time.monotonic() + _REST_S
        quiet, before, stuck = 0, None, 0
        while quiet < 3:
            if time.monotonic() > ends:
                raise RuntimeError(f"nothing came to rest within {_REST_S} s: {self.office.ask('standing')}")
            time.sleep(0.2)
            standing = self.office.ask("standing")
            due_in, providers = standing["due_in"], get(self.simulator, "stats")["due"]
            stuck = stuck + 1 if standing["moving"] == before else 0
            before = standing["moving"]
            if not standing["begun"] and due_in is not None and due_in > 0:
                self.forward(due_in + 0.1)
            elif stuck >= _STUCK:
                self.forward(16)  # something waits for time alone: a lease, a pause
                stuck = 0
            still = not standing["moving"] and not standing["events"] and not providers
            quiet = quiet + 1 if still else 0
        for worker in workers:
            os.kill(worker.pid, signal.SIGTERM)
        for worker in workers:
            status = status_of(worker.pid)
            if status:
                raise RuntimeError(f"a surviving sender ended with {status}")


class _Office:
    """The process that owns the office's side of the database and is never killed."""

    def __init__(self, settings: Settings, simulator: str, clock: SharedClock, seed: str) -> None:
        _quiet(settings.data_dir.parent / "senders.log")
        self.clock = clock
        self.world = World(settings, simulator, clock, seed)
        watch_lanes(self.world.db)
        self.deaths = Deaths(self.world.db)

    def answer(self, name: str, values: dict[str, Any]) -> Any:
        return getattr(self, f"_{name}")(**values)

    def _go_on(self) -> dict[str, int]:
        return self.world.go_on()

    def _killed(self, holder: str) -> int:
        return self.deaths.note(holder)

    def _run_on(self) -> None:
        self.world.run_on()

    def _standing(self) -> dict[str, Any]:
        return self.world.standing()

    def _account(self) -> dict[str, Any]:
        before = judge(self.world, self.deaths)
        settled = settle(self.world, self.clock)
        after = judge(self.world, self.deaths)
        stats = get(self.world.simulator, "stats")
        return {
            "before": vars(before),
            "after": vars(after),
            "settled": settled,
            "faults": stats["faults"],
            "receipts": stats["receipts"],
            "inbound": stats["inbound"],
            "refused": stats["refused"],
            "failed_acts": len(stats["failed_acts"]),
        }


def _quiet(log: Path) -> None:
    """What the product logs goes into a file of the round: one line per event."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(log.open("a", buffering=1)),
    )


def _errors(log: Path) -> Counter[str]:
    """How often a job failed, by its last line; the first of each kind is shown on standard error."""
    import json

    found: Counter[str] = Counter()
    if not log.exists():
        return found
    for line in log.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # its writer was killed in the middle of it
            continue
        what = str(entry.get("exception", "")).strip().splitlines()
        kind = f"{entry.get('event')}: {entry.get('error') or entry.get('job') or ''} {what[-1] if what else ''}"[:160]
        if not found[kind]:
            print(line.replace("\\n", "\n")[-3000:], file=sys.stderr)
        found[kind] += 1
    return found


def _end(pid: int, how: int = signal.SIGTERM) -> None:
    os.kill(pid, how)
    status_of(pid)


def _answers(port: int) -> bool:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)


def _until(up: Callable[[], bool], pid: int, within_s: float = 20.0) -> None:
    ends = time.monotonic() + within_s
    while True:
        try:
            if up():
                return
        except OSError:
            if time.monotonic() > ends:
                raise RuntimeError(f"process {pid} did not come up within {within_s} s") from None
            time.sleep(0.02)
