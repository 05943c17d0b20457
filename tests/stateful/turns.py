"""What may happen in one turn of the delivery machine, how often it is tried, and with what; and runs written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from broadcaster.channels.protocol import Accepted, Answer, Deferred, Rejected, Unknown
from broadcaster.domain.message import AttemptState as A
from broadcaster.domain.message import ChannelKind
from tests.stateful.district import FAMILIES

PICK = st.integers(0, 30)
HOLDERS = st.sampled_from("aaab")
FAMILY = st.integers(0, FAMILIES - 1)
CHANNELS = st.sampled_from((*[ChannelKind.WHATSAPP] * 3, ChannelKind.SMS))

#: what the provider answers -> whether it took the text
ANSWERS: dict[str, tuple[Callable[[int], Answer], bool]] = {
    "accepted": (lambda attempt: Accepted(f"SM{attempt}"), True),
    "refused by the network": (lambda _: Deferred("connect_refused"), False),
    "429": (lambda _: Deferred("429", after=20, pause_sender=True), False),
    "not on WhatsApp": (lambda _: Rejected("63024"), False),
    "blocked": (lambda _: Rejected("63014"), False),
    "for now": (lambda _: Rejected("99999"), False),
    "rate": (lambda _: Rejected("63018"), False),
    "our fault": (lambda _: Rejected("21408"), False),
    "stop everything": (lambda _: Rejected("20003"), False),
    "cut after accepting": (lambda _: Unknown("cut"), True),
    "cut before accepting": (lambda _: Unknown("cut"), False),
}
WHAT = st.sampled_from((*ANSWERS, *["accepted", "for now", "refused by the network"] * 3))
RECEIPTS = (
    (A.SENT, ""), (A.DELIVERED, ""), (A.READ, ""), (A.FAILED, "63024"), (A.FAILED, "63014"), (A.FAILED, "30008"),
    (A.FAILED, "63018"), (A.FAILED, "99999"),
)  # fmt: skip
OFFICE = ("edit", "merge", "merge", "collected", "new number")
TROUBLE = (
    "campaign paused",
    "sender paused",
    "stop",
    "collected",
    "its lease ends",
    "the lane is taken over",
    "a new holder begins all",
)
PLANNING = ("plan", "plan", "plan again from the beginning", "fall back", "fall back", "follow the register")
#: seconds: within an intent's life, beyond it, beyond a lane's, a lease's and an intent's time, a retry's, days; and back
JUMPS = (
    None,
    None,
    None,
    None,
    1,
    4,
    6,
    11,
    16,
    31,
    90,
    400,
    3700,
    3700,
    4 * 3600,
    86_400,
    3 * 86_400,
    6 * 86_400,
    -20,
)


Turn = tuple[str, dict[str, Any]]


def _turns(**weights: int) -> st.SearchStrategy[Turn]:
    """One turn of those named, each as often as its number says."""
    names = [name for name, weight in weights.items() for _ in range(weight)]
    return st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), st.fixed_dictionaries(WITH[name])))


#: What a turn may be, and with what.
WITH: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "lease_and_intend": {"holder": HOLDERS, "channel": CHANNELS, "most": st.integers(1, 8)},
    "next_round": {"holder": HOLDERS, "channel": CHANNELS, "looked_after": st.booleans()},
    "call": {"pick": PICK, "several": st.integers(1, 3), "what": WHAT, "recorded": st.sampled_from((True, True, False))},
    "record": {"pick": PICK, "together": st.booleans()},
    "crash": {"holder": HOLDERS, "took": st.booleans()},
    "receipt": {
        "pick": PICK, "what": st.sampled_from(RECEIPTS), "twice": st.booleans(), "by_reference": st.booleans(),
    },
    "word": {"family": FAMILY, "word": st.sampled_from(("stop", "stop", "start", "an older start", "stop, then an older start"))},
    "campaign": {"verb": st.sampled_from((*["resume"] * 5, "pause", "pause", "stop"))},
    "sender": {"channel": CHANNELS, "seconds": st.sampled_from((0, 0, 1, 60, 86_400))},
    "office": {"what": st.sampled_from(OFFICE), "family": FAMILY, "other": FAMILY},
    "planning": {"what": st.sampled_from(PLANNING)},
    "trouble": {"what": st.sampled_from(TROUBLE), "channel": CHANNELS, "family": FAMILY},
    "false_failure": {"pick": PICK, "second": st.sampled_from(RECEIPTS[:3])},
    "time_passes": {"seconds": st.sampled_from(JUMPS), "swept": st.booleans()},
}  # fmt: skip
#: Between a lease and its intent, and between two receipts, anything may happen: these are turns that hold other turns.
_MEANWHILE = st.lists(
    _turns(
        trouble=7,
        next_round=3,
        time_passes=3,
        office=2,
        campaign=1,
        sender=1,
        word=1,
        receipt=2,
        planning=2,
    ),
    max_size=3,
)
WITH["stall"] = {
    "holder": st.sampled_from("ab"),
    "channel": CHANNELS,
    "meanwhile": _MEANWHILE,
    "released": st.sampled_from((False, False, False, True)),
    "looked_after": st.booleans(),
}
WITH["two_receipts"] = {
    "pick": PICK, "first": st.sampled_from(RECEIPTS), "meanwhile": _MEANWHILE, "second": st.sampled_from(RECEIPTS),
}  # fmt: skip


def _stalled_by(what: str, family: int) -> list[Turn]:
    """Trouble comes between the lease and the intents of one process."""
    trouble = ("trouble", {"what": what, "channel": ChannelKind.WHATSAPP, "family": family})
    how = {"holder": "a", "channel": ChannelKind.WHATSAPP, "released": False, "looked_after": False}
    return [("stall", {**how, "meanwhile": [trouble]})]


#: How a run begins, the first wave being due: usually, with trouble between lease and intent, or long after its life.
OPENING = st.one_of(
    st.just([("next_round", {"holder": "a", "channel": ChannelKind.WHATSAPP})]),
    st.builds(_stalled_by, st.sampled_from(TROUBLE), FAMILY),
    st.just(
        [
            ("time_passes", {"seconds": 7 * 86_400, "swept": False}),
            ("lease_and_intend", {"holder": "a", "channel": ChannelKind.WHATSAPP, "most": 8}),
        ]
    ),
)
TURN = _turns(
    lease_and_intend=4,
    next_round=6,
    stall=6,
    call=9,
    record=3,
    crash=1,
    receipt=6,
    two_receipts=3,
    false_failure=1,
    word=1,
    campaign=2,
    sender=1,
    office=2,
    planning=3,
    time_passes=3,
)


#: Runs that chance makes too seldom, one after the other: what stands between two turns is what the rule is there for.
WHATSAPP, SMS = ChannelKind.WHATSAPP, ChannelKind.SMS
_STOPS = [("word", {"family": family, "word": "stop"}) for family in range(FAMILIES)]
_ROUNDS = [("next_round", {"holder": "a", "channel": channel}) for channel in (WHATSAPP, SMS)]
SCRIPTS: dict[str, list[Turn]] = {
    **{f"between lease and intent: {what}": _stalled_by(what, 1) for what in TROUBLE},
    "leased long after its life": [
        ("time_passes", {"seconds": 7 * 86_400, "swept": False}),
        ("lease_and_intend", {"holder": "a", "channel": WHATSAPP, "most": 8}),
    ],
    "an older START after a second STOP": [
        *_STOPS,
        ("time_passes", {"seconds": 3700, "swept": True}),
        *_STOPS,
        *(("word", {"family": family, "word": "an older start"}) for family in range(FAMILIES)),
        *_ROUNDS,
    ],
    "a STOP on one number while the other waits": [
        ("time_passes", {"seconds": 86_400, "swept": True}),
        ("planning", {"what": "plan"}),
        _ROUNDS[0],
        ("call", {"pick": 0, "several": 3, "what": "not on WhatsApp", "recorded": True}),
        ("call", {"pick": 0, "several": 3, "what": "not on WhatsApp", "recorded": True}),
        ("planning", {"what": "fall back"}),
        *_STOPS,
        *_ROUNDS,
    ],
    "a receipt for an older try while the retry is on its way": [
        _ROUNDS[0],
        ("call", {"pick": 0, "several": 3, "what": "refused by the network", "recorded": True}),
        _ROUNDS[0],
        ("receipt", {"pick": 0, "what": RECEIPTS[0], "twice": False, "by_reference": True}),
        ("call", {"pick": 0, "several": 3, "what": "for now", "recorded": True}),
        _ROUNDS[0],
    ],
    "a strange receipt for what was called off": [
        _ROUNDS[0],
        ("call", {"pick": 0, "several": 3, "what": "refused by the network", "recorded": True}),
        ("campaign", {"verb": "stop"}),
        ("receipt", {"pick": 0, "what": (A.FAILED, "63018"), "twice": False, "by_reference": True}),
    ],
}
