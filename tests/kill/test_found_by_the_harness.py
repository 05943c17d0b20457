"""What a kill run has found once, small and by itself."""

from __future__ import annotations

from datetime import timedelta

from broadcaster.channels.protocol import Accepted, Unknown
from broadcaster.domain.message import AttemptState, ChannelKind
from broadcaster.outbox.record import Answered, CodeClass, Evidence, raise_evidence, record
from broadcaster.storage import tables
from tests import make


def _classify(_channel: ChannelKind, code: str, _in_receipt: bool) -> CodeClass:
    return {"63024": CodeClass("permanent"), "63005": CodeClass("temporary", 3)}[code]


def _failed_by_receipt_before_our_record(db, now, code):
    """An open attempt whose failure the provider reports before our own answer is on disk; its id and its message's."""
    with db.write() as session:
        message = make.message(session, db.sealer, status="sending", due_at=now, attempts=1)
        attempt = make.attempt(session, message, state="open", opened_at=now)
    with db.plain() as sql:
        raise_evidence(sql, Evidence(attempt.id, AttemptState.FAILED, code, "SM1", None), _classify, now)
    return attempt.id, message.id


def _answer(db, attempt_id, answer, at):
    with db.plain() as sql:
        record(sql, [Answered(attempt_id, answer, at)], _classify)


def _message(db, message_id):
    with db.read() as session:
        return session.get_one(tables.Message, message_id)


def test_a_failure_that_overtakes_our_own_record_keeps_its_reason(db, now):
    for answer in (Accepted("SM1"), Unknown("cut")):
        attempt_id, message_id = _failed_by_receipt_before_our_record(db, now, "63024")
        _answer(db, attempt_id, answer, now + timedelta(seconds=1))
        message = _message(db, message_id)
        assert (message.status, message.reason) == ("failed", "receipt:63024")
        with db.write() as session:
            session.get_one(tables.Attempt, attempt_id).provider_id = None


def test_a_retry_planned_by_a_receipt_that_overtakes_our_own_record_stays_planned(db, now):
    for answer in (Accepted("SM1"), Unknown("cut")):
        attempt_id, message_id = _failed_by_receipt_before_our_record(db, now, "63005")
        assert _message(db, message_id).status == "planned"
        _answer(db, attempt_id, answer, now + timedelta(seconds=1))
        message = _message(db, message_id)
        assert (message.status, message.reason) == ("planned", "receipt:63005")
        with db.write() as session:
            session.get_one(tables.Attempt, attempt_id).provider_id = None
