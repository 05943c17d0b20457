"""A sending process that can be killed at a named step: `python -m tests.kill.sender STEP TIMES`.

It opens the installation that the environment names, drains every lane until nothing is due, and kills itself with SIGKILL when
STEP is reached for the TIMES-th time ("never" drains to the end). Steps are those the drain announces: leased, intent (committed,
nothing sent), called (answered, nothing recorded), record (about to record).
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys

from broadcaster import settings as setting
from broadcaster.app import connect, open_app
from broadcaster.delivery.drain import drain
from broadcaster.jobs import Running
from broadcaster.outbox.queries import lanes_with_work


def main(step: str, times: int) -> None:
    seen = 0

    def probe(reached: str) -> None:
        nonlocal seen
        seen += reached == step
        if seen and seen >= times:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(_drain(probe))


async def _drain(probe) -> None:
    app = connect(open_app(setting.load()))
    running = Running(app)
    sending = dataclasses.replace(running.sending, probe=probe)
    with app.db.read() as session:
        lanes = lanes_with_work(session, app.now())
    for lane in lanes:
        await drain(sending, lane, running.stop)
    running.writer.shutdown()
    await app.aclose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
