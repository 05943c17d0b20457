"""Every error the product raises on purpose.

BroadcasterError                  base; `code` for programs, the message for people
├── Refused                       the request is understood and not done; nothing changed
│   ├── BadInput                  a file, a cell or an argument is wrong: the message names the place and the fix
│   ├── NotFound                  no such row
│   ├── NotAllowed                the account may not do this (role, second person, signature)
│   ├── Blocked                   something is still missing (an office fact, a token, an approval)
│   └── AlreadyRunning            another process sends from this data folder
├── BadSignature                  a webhook whose signature does not verify
├── PollFailed                    a provider did not answer a poll; the next one tries again
└── LeaseLost                     another process took the lane over; what was not begun is left to it

A `Refused` ends a command with status 1 and one sentence; anything else is a defect and shows its trace.
"""

from __future__ import annotations


class BroadcasterError(Exception):
    """Base of all. `code` is stable and machine readable, `str(error)` is one sentence with the fix."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Refused(BroadcasterError):
    code = "refused"


class BadInput(Refused):
    code = "bad_input"


class NotFound(Refused):
    code = "not_found"


class NotAllowed(Refused):
    code = "not_allowed"


class Blocked(Refused):
    code = "blocked"


class AlreadyRunning(Refused):
    code = "already_running"


class BadSignature(BroadcasterError):
    code = "bad_signature"


class PollFailed(BroadcasterError):
    code = "poll_failed"


class LeaseLost(BroadcasterError):
    code = "lease_lost"
