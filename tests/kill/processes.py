"""Processes of a kill run: forked from a parent that has imported everything, so that each is up in a few milliseconds.

The parent starts no thread and opens no database: what it forks shares nothing with it but the clock. No process outlives the
parent, however the parent ends.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG
_libc = ctypes.CDLL(None)


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a new process and end that process; returns its id to the parent."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def status_of(pid: int, within_s: float = 60.0) -> int:
    """Wait for a process of ours; its exit status, or minus the signal that killed it. One that hangs is killed and told of."""
    ends = time.monotonic() + within_s
    pause = 0.0005
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > ends:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"process {pid} did not end within {within_s} s")
        time.sleep(pause)
        pause = min(pause * 2, 0.01)


class SharedClock:
    """One clock for every process of a run: it runs at the machine's speed, and the parent moves it forward."""

    def __init__(self, start: datetime) -> None:
        self._offset = mmap.mmap(-1, 8)  # shared by all that are forked after this
        self._set((start - datetime.now(UTC)).total_seconds())

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=struct.unpack("d", self._offset[:8])[0])

    def forward(self, seconds: float) -> None:
        self._set(struct.unpack("d", self._offset[:8])[0] + max(0.0, seconds))

    def _set(self, seconds: float) -> None:
        self._offset[:8] = struct.pack("d", seconds)


class Asked:
    """A forked process that answers questions: `ask("name", key=value)` calls `answer("name", {...})` over there."""

    def __init__(self, serve: Callable[[], Callable[[str, dict[str, Any]], Any]]) -> None:
        ours, theirs = socket.socketpair()

        def work() -> None:
            ours.close()
            answer = serve()
            with theirs.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    name, values = json.loads(line)
                    lines.write(json.dumps(answer(name, values)) + "\n")
                    lines.flush()

        self.pid = fork(work)
        theirs.close()
        self._lines = ours.makefile("rw", encoding="utf-8")
        self._socket = ours

    def ask(self, name: str, **values: Any) -> Any:
        self._lines.write(json.dumps([name, values]) + "\n")
        self._lines.flush()
        line = self._lines.readline()
        if not line:
            raise RuntimeError(f"the process that was asked for {name!r} ended; its own message is above")
        return json.loads(line)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
        status_of(self.pid)
