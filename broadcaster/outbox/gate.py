"""The gate: what must be true, in the transaction that commits the intent, before a text may leave.

One table. A row passes when every condition holds in one UPDATE; when it does not, the first failing check in this order says
why and what becomes of the row. Conditions read `m`, the message, and these parameters: :now and :cap_since (microseconds,
date), :token, :epoch, :mode, :open, :cap.
"""

from __future__ import annotations

from dataclasses import dataclass

from broadcaster.consent.rules import ANSWERED, ANSWERED_LATER, OF_THE_PERSON
from broadcaster.domain.card import DUE
from broadcaster.domain.message import MAY_HAVE_ARRIVED, Status
from broadcaster.storage.types import SECOND


@dataclass(frozen=True)
class Check:
    """One condition; `then` is the state of a row that fails it, `reason` the code a sentence explains."""

    reason: str
    then: Status
    holds: str


def _words(values: object) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))  # type: ignore[call-overload]


#: `mc` and `c` are the message's child line and its card; true while that card still needs this message.
CARD_DUE = (
    "(ch.excluded = '' AND ("
    + " OR ".join(
        f"(mc.occasion = '{occasion}' AND c.status IN ({_words(statuses)}))"
        for occasion, statuses in DUE.items()
        if statuses
    )
    + "))"
)

_CHILDREN = (
    "FROM message_child mc JOIN card c ON c.id = mc.card_id JOIN child ch ON ch.id = mc.child_id"
    " WHERE mc.message_id = m.id"
)

#: All that people did more than a second ago has been read: whoever writes STOP is heard before anybody is written to again,
#: whatever keeps the reader from it. Receipts may wait. It walks the index of what is unread.
ALL_READ = (
    "NOT EXISTS (SELECT 1 FROM provider_event e WHERE e.applied_at IS NULL AND e.kind <> 'status'"
    f" AND e.received_at < :now - {SECOND})"
)

GATE: tuple[Check, ...] = (
    Check("expired", Status.EXPIRED, "m.expires_at > :now"),
    # the window it was planned for is over, and its step says what then (docs/delivery.md, "Late"); a lease may be faster than
    # the sweep, which does the same to all rows at once
    Check("late_skip", Status.EXPIRED, "(m.late <> 'skip' OR m.late_at > :now)"),
    Check("late_ask", Status.PLANNED, "(m.late <> 'ask' OR m.late_at > :now)"),
    Check(
        "campaign_stopped",
        Status.CANCELLED,
        "(m.campaign_id IS NULL OR EXISTS (SELECT 1 FROM campaign p WHERE p.id = m.campaign_id"
        " AND p.status IN ('running', 'paused')))",
    ),
    Check(
        "campaign_paused",
        Status.PLANNED,
        "(m.campaign_id IS NULL OR EXISTS (SELECT 1 FROM campaign p WHERE p.id = m.campaign_id AND p.status = 'running'))",
    ),
    Check(
        "sender_paused",
        Status.PLANNED,
        "NOT EXISTS (SELECT 1 FROM sender l WHERE l.id = m.sender_id AND l.paused_until > :now)",
    ),
    Check("unread", Status.PLANNED, ALL_READ),
    Check(
        "suppressed",
        Status.SUPPRESSED,
        "(NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address_blind = m.address_blind"
        " AND s.channel IN ('any', m.channel) AND s.household_id IN (0, COALESCE(m.household_id, 0))"
        " AND (s.until IS NULL OR s.until > :now)"
        # one confirmation per stop event passes the suppression that event made
        " AND NOT (m.purpose = 'stop_confirmation' AND COALESCE(s.event_id, 0) = COALESCE(m.event_id, -1))"
        # what somebody asked for themselves; an answer that waited when they asked us to stop does not leave any more
        f" AND NOT (m.purpose = 'answer' AND (s.reason IN ({_words(ANSWERED)})"
        f" OR (s.reason IN ({_words(ANSWERED_LATER)}) AND m.created_at > s.acted_at))))"
        # the officer's list is about a household: nobody of it has asked us to stop
        " AND (m.channel <> 'village_list' OR NOT EXISTS (SELECT 1 FROM guardian g"
        " JOIN contact_point k ON k.guardian_id = g.id JOIN suppression v ON v.address_blind = k.address_blind"
        " WHERE g.household_id = m.household_id AND v.channel = 'any' AND v.household_id = 0"
        f" AND v.reason IN ({_words(OF_THE_PERSON)}) AND (v.until IS NULL OR v.until > :now))))",
    ),
    Check(
        "address_invalid",
        Status.CANCELLED,
        "(m.purpose <> 'campaign' OR NOT EXISTS (SELECT 1 FROM contact_point k WHERE k.address_blind = m.address_blind"
        " AND k.channel = m.channel AND k.invalid_since IS NOT NULL))",
    ),
    Check(
        "mode_trial",
        Status.SUPPRESSED,
        "(:mode <> 'trial' OR m.channel = 'village_list' OR EXISTS (SELECT 1 FROM test_recipient t"
        " WHERE t.channel = m.channel AND t.address_blind = m.address_blind))",
    ),
    Check(
        "card_not_due",
        Status.CANCELLED,
        f"(m.purpose <> 'campaign' OR EXISTS (SELECT 1 {_CHILDREN} AND {CARD_DUE}))",
    ),
    Check(
        # some of the children are served: the text is written again for those who remain
        "children_changed",
        Status.PLANNED,
        f"(m.purpose <> 'campaign' OR NOT EXISTS (SELECT 1 {_CHILDREN} AND NOT {CARD_DUE}))",
    ),
    Check(
        "outside_hours",
        Status.PLANNED,
        "(m.purpose NOT IN ('campaign', 'correction', 'news') OR m.channel = 'village_list' OR :open = 1)",
    ),
    Check(
        "household_cap",
        Status.PLANNED,
        # counted over the household and everyone merged with it
        "(m.purpose <> 'campaign' OR m.channel = 'village_list' OR :cap > (SELECT COUNT(*) FROM message o"
        " WHERE o.household_id IN (SELECT g.id FROM household h, household g WHERE h.id = m.household_id"
        " AND (g.id = COALESCE(h.alias_of, h.id) OR g.alias_of = COALESCE(h.alias_of, h.id)))"
        " AND o.intent_on > :cap_since AND o.purpose = 'campaign'"
        f" AND o.channel <> 'village_list' AND o.id <> m.id AND o.status IN ({_words(MAY_HAVE_ARRIVED)})))",
    ),
    Check("daily_tier", Status.PLANNED, "(m.purpose <> 'campaign' OR m.channel <> 'whatsapp' OR :tier_room > 0)"),
)

#: The row is still ours: leased by this token (`w` is the row as it was leased), under this lane's epoch, the lease alive.
MINE = (
    # rows are found by their ids: `|| ''` keeps PostgreSQL from walking every leased row by the index of leases instead
    "m.status || '' = 'claimed' AND m.claim_token = w.token AND m.claim_epoch = :epoch AND m.lease_until > :now"
    " AND EXISTS (SELECT 1 FROM sender l WHERE l.id = m.sender_id AND l.epoch = :epoch)"
)

PASSES = " AND ".join(check.holds for check in GATE)

#: Which check fails first; NULL when none does.
FIRST_FAILING = "CASE " + " ".join(f"WHEN NOT {check.holds} THEN '{check.reason}'" for check in GATE) + " ELSE NULL END"

BY_REASON: dict[str, Check] = {check.reason: check for check in GATE}
