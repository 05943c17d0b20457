"""What really happened, as the provider and we could know it: the model the machine compares the tables with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from broadcaster.channels.protocol import Accepted, Answer, Deferred, Rejected
from broadcaster.domain.message import AttemptState


class Fate(StrEnum):
    """What we may believe of one attempt, from everything that was told to us so far."""

    OPEN = "open"  #: begun, no answer yet
    UNSENT = "unsent"  #: an answer in time says that nothing left us
    REFUSED = "refused"  # the provider says it did not deliver; it may be tried again
    ENDED = "ended"  # it says so, and that it never will; only the next channel may be tried
    MAYBE = "maybe"  #: it may be with the family
    ARRIVED = "arrived"


#: After these the software may begin the same text again; after any other it must not.
MAY_COME_AGAIN = frozenset({Fate.UNSENT, Fate.REFUSED})
#: After these it may begin the same step on another channel.
MAY_GO_ON = frozenset({*MAY_COME_AGAIN, Fate.ENDED})


@dataclass
class Try:
    """One attempt. `received`: how often the provider took the text, which we may never learn."""

    attempt_id: int
    message_id: int
    fate: Fate = Fate.OPEN
    received: int = 0
    failed: bool = False  # a failure has been reported: only an arrival ranks above it
    told: set[tuple[str, str]] = field(default_factory=set)

    def answered(self, answer: Answer, *, again: bool) -> None:
        """Our own record of the call; `again`: whether a refusal of this class may be tried again."""
        if isinstance(answer, Deferred):
            if self.fate is Fate.OPEN:
                self.fate = Fate.UNSENT
        elif isinstance(answer, Rejected):
            if self.fate in (Fate.OPEN, Fate.UNSENT, Fate.MAYBE) and not self.failed:
                self.fate = Fate.REFUSED if again else Fate.ENDED
        elif self.fate is Fate.OPEN or (isinstance(answer, Accepted) and self.fate is Fate.UNSENT):
            self.fate = Fate.MAYBE

    def reported(self, state: AttemptState, code: str, kind: str, *, again: bool) -> None:
        """A receipt; `kind` is the class of a failure's code. The same one twice says nothing new."""
        if (str(state), code) in self.told:
            return
        self.told.add((str(state), code))
        if state in (AttemptState.DELIVERED, AttemptState.READ):
            self.fate = Fate.ARRIVED
        elif self.fate in (Fate.ARRIVED, Fate.REFUSED, Fate.ENDED) or self.failed:
            return
        elif state is AttemptState.FAILED:
            self.failed = True
            if kind == "unknown":
                self.fate = Fate.MAYBE
            elif self.fate is not Fate.UNSENT:  # which is promised to come again, and did not arrive
                self.fate = Fate.REFUSED if again else Fate.ENDED
        else:
            self.fate = Fate.MAYBE

    def out_of_time(self) -> None:
        if self.fate is Fate.OPEN:
            self.fate = Fate.MAYBE
