"""run, web, worker, tick, simulate, sender.

The web server is imported where it is served: a worker loads none of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from broadcaster import jobs
from broadcaster.app import App, connect
from broadcaster.campaigns.service import CREATORS
from broadcaster.cli.common import By, Json, Now, console, err, opened, put, read_settings, table
from broadcaster.clock import SteppedClock, parse_moment
from broadcaster.engines import embedded, manual
from broadcaster.errors import BadInput, NotFound
from broadcaster.office.queries import require
from broadcaster.office.rules import SYSTEM
from broadcaster.office.service import audit, clear_alert
from broadcaster.operations.service import lock_sending, sqlite_path
from broadcaster.outbox import queries, service
from broadcaster.settings import Settings

if TYPE_CHECKING:
    import uvicorn

Host = Annotated[str, typer.Option("--host")]
Port = Annotated[int, typer.Option("--port")]

sender = typer.Typer(help="Pengirim: lihat, jeda, lanjutkan.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("web")(web)
    app.command("worker")(worker)
    app.command("tick")(tick)
    app.command("simulate")(simulate)
    app.add_typer(sender, name="sender")


@contextlib.contextmanager
def allowed_to_send(settings: Settings, now: str) -> Iterator[App]:
    """The app of a process that may send.

    SQLite: one sending process per data folder, held by its lock. PostgreSQL: any number, which share the lanes by rows. Raises
    `AlreadyRunning`, and `Blocked` when the database was moved elsewhere.
    """
    alone = lock_sending(settings) if sqlite_path(settings) is not None else contextlib.nullcontext()
    with alone, opened(now) as app:
        jobs.refuse_moved(app.db)
        yield app


def run(host: Host = "127.0.0.1", port: Port = 8000, now: Now = "") -> None:
    """Semua dalam satu proses: konsol, webhook, dan pengiriman. Berhenti dengan Ctrl-C."""
    with allowed_to_send(read_settings(now), now) as app:
        err.print(f"Konsol: http://{host}:{port}  (berhenti: Ctrl-C)")
        asyncio.run(serve_and_send(app, host, port))


def web(host: Host = "127.0.0.1", port: Port = 8000, now: Now = "") -> None:
    """Konsol dan webhook saja, tanpa mengirim; boleh berjalan di samping `run` dan `worker`. Berhenti dengan Ctrl-C."""
    with opened(now) as app:
        err.print(f"Konsol: http://{host}:{port}, tanpa pengiriman  (berhenti: Ctrl-C)")
        asyncio.run(serve_only(app, host, port))


def worker(now: Now = "") -> None:
    """Pengiriman saja, tanpa konsol. PostgreSQL: boleh beberapa sekaligus; SQLite: satu. Berhenti dengan Ctrl-C."""
    with allowed_to_send(read_settings(now), now) as app:
        err.print("Mengirim  (berhenti: Ctrl-C)")
        asyncio.run(send_only(app))


def quiet_server(app: App, host: str, port: int) -> uvicorn.Server:
    """Console and hooks, leaving the signals to us: the jobs must drain before the process ends.

    Forwarded headers are not believed: whoever calls could write them.
    """
    import uvicorn

    from broadcaster.web.console import create_app

    class QuietServer(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return QuietServer(
        uvicorn.Config(
            create_app(app),
            host=host,
            port=port,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            ws="none",
        )
    )


async def serve_and_send(app: App, host: str, port: int) -> None:
    """The console, the hooks and the jobs in one loop, until a signal."""
    connect(app)
    running = jobs.Running(app)
    server = quiet_server(app, host, port)

    def stop() -> None:
        running.stop.set()
        server.should_exit = True

    async with asyncio.TaskGroup() as group:
        group.create_task(_serve(server, stop))
        group.create_task(embedded.run_until_stopped(running))
        _on_signal(stop)
    running.close()
    await app.aclose()


async def serve_only(app: App, host: str, port: int) -> None:
    """The console and the hooks, until a signal; nothing is sent."""
    connect(app)
    server = quiet_server(app, host, port)

    def stop() -> None:
        server.should_exit = True

    _on_signal(stop)
    await server.serve()
    await app.aclose()


async def send_only(app: App) -> None:
    """The jobs, until a signal; calls under way are waited for and recorded."""
    connect(app)
    running = jobs.Running(app)
    _on_signal(running.stop.set)
    await embedded.run_until_stopped(running)
    running.close()
    await app.aclose()


def _on_signal(stop: Callable[[], None]) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop)


async def _serve(server: uvicorn.Server, stop: Callable[[], None]) -> None:
    try:
        await server.serve()
    finally:
        stop()


def tick(
    until: Annotated[str, typer.Option("--until", help="Langkahkan jam sampai saat ini (rehearsal).")] = "",
    now: Now = "",
    as_json: Json = False,
) -> None:
    """Jalankan semua tugas yang waktunya tiba, satu kali, lalu selesai."""
    with allowed_to_send(read_settings(now), now) as app:
        done = asyncio.run(_tick(app, until))
    if as_json:
        put({"now": app.now(), "done": done})
    else:
        table("Tugas", ["tugas", "jumlah"], [[name, number] for name, number in done.items()])


async def _tick(app: App, until: str) -> dict[str, int]:
    connect(app)
    running = jobs.Running(app)
    try:
        if not until:
            return await manual.tick(running)
        if not isinstance(app.clock, SteppedClock):
            raise BadInput("--until perlu --now dan mode rehearsal.", code="bad_until")
        try:
            moment = parse_moment(until)
        except ValueError as error:
            raise BadInput(f"--until: {error}", code="bad_until") from error
        return await manual.tick_until(running, app.clock, moment)
    finally:
        running.close()
        for channel in app.channels.values():
            await channel.aclose()
        if app.transport is not None:
            await app.transport.aclose()


def simulate(
    port: Annotated[int, typer.Option("--port")] = 8081,
    latency_ms: Annotated[int, typer.Option("--latency-ms")] = 0,
    fail: Annotated[list[str] | None, typer.Option("--fail", help="Misalnya cut_after=0.1; boleh diulang.")] = None,
) -> None:
    """Penyedia tiruan saja; GET /_sim/messages dan /_sim/stats menunjukkan yang diterima."""
    from broadcaster.simulator.server import run as run_simulator

    run_simulator(port, latency_ms, tuple(fail or ()), ready=lambda url: err.print(f"Penyedia tiruan: {url}"))


@sender.command("list")
def list_senders(as_json: Json = False, now: Now = "") -> None:
    """Semua pengirim."""
    with opened(now) as app, app.db.read() as session:
        lines = queries.senders(session)
    if as_json:
        put({"senders": lines})
    else:
        table(
            "Pengirim",
            ["nama", "saluran", "menunggu", "dijeda sampai", "alasan"],
            [[s.name, s.channel, s.waiting, s.paused_until or "-", s.pause_reason] for s in lines],
        )


@sender.command("pause")
def pause(name: str, by: By = "", now: Now = "") -> None:
    """Jeda satu pengirim sampai dilanjutkan."""
    from broadcaster.delivery.consequences import UNTIL_RESUMED

    with opened(now) as app, app.db.write() as session:
        found = next((line for line in queries.senders(session) if line.name == name), None)
        if found is None:
            raise NotFound(f"Tidak ada pengirim bernama {name}; lihat `broadcaster sender list`.", code="no_sender")
        service.pause_sender(session, found.id, app.now() + UNTIL_RESUMED, "staff")
        audit(session, at=app.now(), staff=by or SYSTEM, action="sender.pause", entity=name, data={})
    console.print(f"Pengirim {name} dijeda.")


@sender.command("resume")
def resume(name: str, by: Annotated[str, typer.Option("--by")], now: Now = "") -> None:
    """Lanjutkan pengirim yang dijeda."""
    with opened(now) as app, app.db.write() as session:
        require(session, by, CREATORS)
        found = next((line for line in queries.senders(session) if line.name == name), None)
        if found is None:
            raise NotFound(f"Tidak ada pengirim bernama {name}; lihat `broadcaster sender list`.", code="no_sender")
        service.resume_sender(session, found.id)
        clear_alert(session, "sender_stopped", name, app.now())
        audit(session, at=app.now(), staff=by, action="sender.resume", entity=name, data={})
    console.print(f"Pengirim {name} dilanjutkan.")
