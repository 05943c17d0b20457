"""Sending processes for tests: `python -m tests.integration.delivery.worker NUMBER SHIFT`.

Runs what `broadcaster worker` runs, in NUMBER processes forked from one, on a clock that is SHIFT seconds from the machine's in
each of them alike: the tests send in office hours at any hour. Prints one process id a line, ends when all have ended, and its
exit status is the number of those that did not end with 0.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

from broadcaster import settings as setting
from broadcaster.app import open_app
from broadcaster.cli.common import set_up_logging
from broadcaster.cli.sending import send_only


class ShiftedClock:
    def __init__(self, seconds: float) -> None:
        self.shift = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


def end_with_parent() -> None:
    """A killed test run must leave no sender behind (Linux's PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main(number: int, shift: float) -> int:
    set_up_logging()
    end_with_parent()
    pids = []
    for _ in range(number):
        pid = os.fork()
        if pid == 0:
            end_with_parent()
            try:
                asyncio.run(send_only(open_app(setting.load(), ShiftedClock(shift))))
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        pids.append(pid)
    sys.stdout.write("".join(f"{pid}\n" for pid in pids))
    sys.stdout.flush()
    return sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0 for pid in pids)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2])))
