"""A parent for senders: `python -m tests.kill.nursery` forks one per line on its standard input and answers with its exit status.

A process that has imported everything forks a sender in milliseconds, and has no threads that a fork could cut in half, unlike
a test's own process. A line is JSON: {"settings": {...}, "step": "", "times": 1, "beside": 1}; `beside` forks several at once.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

from broadcaster import settings as setting
from tests.kill.processes import fork, status_of
from tests.kill.sender import Death, send_until_empty


def _send(wanted: dict[str, Any]) -> list[int]:
    settings = setting.load(_env_file=None, **wanted["settings"])
    death = Death(wanted.get("step", ""), wanted.get("times", 1))
    pids = [fork(lambda: send_until_empty(settings, death)) for _ in range(wanted.get("beside", 1))]
    return [status_of(pid) for pid in pids]


def main() -> None:
    gc.freeze()  # what is imported is shared with every fork as long as nobody touches it
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what senders log on standard output is no answer of ours
    for line in sys.stdin:
        answers.write(json.dumps(_send(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
