"""What staff do in the inbox: take a conversation, answer, and close. Each leaves an audit entry without the text."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from broadcaster.consent.queries import may_answer
from broadcaster.domain.longnumber import mask_long_numbers
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput, Blocked, NotFound
from broadcaster.office.queries import require
from broadcaster.office.service import audit
from broadcaster.outbox.service import enqueue_answer
from broadcaster.rendering.queries import answer as quick_answer
from broadcaster.rendering.queries import latest, render
from broadcaster.rendering.values import office_values
from broadcaster.replies.answer_rules import answer_until
from broadcaster.replies.inbox_rules import DONE, REOPENING, WAITING, reopening_key
from broadcaster.storage.database import Database
from broadcaster.storage.tables import Conversation
from broadcaster.storage.types import to_micros

MAY_ANSWER = ("replier", "operator", "head", "admin")
_MOST = 1_000  # characters
_STOPPED = (
    "Nomor ini minta tidak dikirimi pesan dan tidak menulis lagi sejak itu; "
    "hubungi lewat nomor layanan bila memang perlu."
)


def answer(db: Database, conversation_id: int, text: str, *, by: str, now: datetime) -> int:
    """Plan a person's answer; the conversation then waits for the family. Returns the message's id.

    Raises `NotFound`, `NotAllowed`, `BadInput` for a text that will not do, `Blocked` when WhatsApp's window is over or the
    family asked us to stop.
    """
    said = text.strip()
    if not said:
        raise BadInput("Jawaban masih kosong; tulis dahulu jawabannya.", code="empty_answer")
    if len(said) > _MOST:
        raise BadInput(f"Jawaban {len(said)} huruf; paling banyak {_MOST}, persingkat.", code="answer_too_long")
    if mask_long_numbers(said) != said:
        raise BadInput("Jawaban memuat nomor seperti NIK atau nomor KK; hapus nomor itu.", code="answer_has_nik")
    with db.write() as session:
        member = require(session, by, MAY_ANSWER)
        row = _found(session, conversation_id)
        if row.channel == ChannelKind.SMS:
            raise Blocked(
                "SMS di Indonesia hanya satu arah; hubungi keluarga ini lewat telepon atau petugas registrasi desa.",
                code="one_way",
            )
        if _window_is_over(row, now):
            raise Blocked(
                "Sudah lebih dari 24 jam sejak balasan terakhir, WhatsApp tidak menerima jawaban lagi; "
                f"sapa dahulu dengan templat: `broadcaster inbox reopen {conversation_id}`.",
                code="window_over",
            )
        if not may_answer(session, row.channel, row.address_blind, now, asked_at=row.last_at):
            raise Blocked(_STOPPED, code="suppressed")
        message_id = enqueue_answer(
            session,
            db.sealer,
            channel=row.channel,
            address=db.sealer.open("address", row.sealed_address),
            text=said,
            event_id=None,
            household_id=row.household_id,
            now=now,
            key=f"s|{conversation_id}|{to_micros(now)}",
            until=answer_until(ChannelKind(row.channel), row.last_at),
        )
        if message_id is None:
            raise Blocked("Jawaban ini baru saja dikirim; tunggu sebentar.", code="answered_twice")
        row.assigned_to = row.assigned_to or member.username
        _settle(session, row, WAITING, by=member.username, now=now, action="inbox.answered")
    return message_id


def reopen(db: Database, conversation_id: int, *, by: str, now: datetime) -> int:
    """WhatsApp's window is over: ask the family with the approved template to write again; returns the message's id.

    Once after each text of theirs. Raises `NotFound`, `NotAllowed`, `BadInput` while an office fact is empty, `Blocked` when a
    free text may still be written, the template may not be used, or the family asked us to stop.
    """
    with db.write() as session:
        member = require(session, by, MAY_ANSWER)
        row = _found(session, conversation_id)
        if not _window_is_over(row, now):
            raise Blocked("Keluarga ini masih dapat dijawab langsung; tulis jawabannya.", code="window_open")
        if not may_answer(session, row.channel, row.address_blind, now, asked_at=row.last_at):
            raise Blocked(_STOPPED, code="suppressed")
        version = latest(session, REOPENING)
        if not version.content_sid or not version.standing.may_be_sent:
            raise Blocked(
                f"Templat WhatsApp {REOPENING} belum dapat dipakai; jalankan `broadcaster content push` lalu "
                "`broadcaster content status`. Sementara itu hubungi keluarga ini lewat nomor layanan.",
                code="template_not_approved",
            )
        filled = render(version, ChannelKind.WHATSAPP, office_values(session, row.household_id))
        message_id = enqueue_answer(
            session, db.sealer, channel=row.channel, address=db.sealer.open("address", row.sealed_address),
            text=filled.text, buttons=filled.buttons, event_id=None, household_id=row.household_id, now=now,
            key=reopening_key(conversation_id, row.last_at), version_id=version.id, content_sid=filled.content_sid,
            content_variables=filled.content_variables,
        )  # fmt: skip
        if message_id is None:
            raise Blocked("Keluarga ini sudah disapa; tunggu balasannya.", code="reopened_already")
        row.assigned_to = row.assigned_to or member.username
        _settle(session, row, WAITING, by=member.username, now=now, action="inbox.reopened")
    return message_id


def quick_text(session: Session, name: str, household_id: int | None) -> str:
    """The office's own answer of content/answers, filled for this family: a beginning that staff may change.

    Raises `NotFound` naming the nearest, `BadInput` while an office fact is empty.
    """
    return quick_answer(session, name, household_id).text


def assign(db: Database, conversation_id: int, username: str, *, by: str, now: datetime) -> None:
    """Say who looks after a conversation; "" gives it back to everybody. Raises `NotFound`, `NotAllowed`."""
    with db.write() as session:
        member = require(session, by, MAY_ANSWER)
        row = _found(session, conversation_id)
        row.assigned_to = require(session, username, MAY_ANSWER).username if username else ""
        session.add(row)
        session.flush()
        audit(
            session, at=now, staff=member.username, action="inbox.assigned", entity=f"conversation:{row.id}",
            data={"to": row.assigned_to},
        )  # fmt: skip


def close(db: Database, conversation_id: int, *, by: str, now: datetime) -> None:
    """Nothing more is to be done here. Raises `NotFound`, `NotAllowed`."""
    with db.write() as session:
        member = require(session, by, MAY_ANSWER)
        _settle(session, _found(session, conversation_id), DONE, by=member.username, now=now, action="inbox.closed")


def _window_is_over(row: Conversation, now: datetime) -> bool:
    until = answer_until(ChannelKind(row.channel), row.last_at)
    return until is not None and until <= now


def _found(session: Session, conversation_id: int) -> Conversation:
    row = session.get(Conversation, conversation_id)
    if row is None:
        raise NotFound(
            f"Tidak ada percakapan nomor {conversation_id}; lihat `broadcaster inbox list`.", code="no_conversation"
        )
    return row


def _settle(session: Session, row: Conversation, state: str, *, by: str, now: datetime, action: str) -> None:
    row.state, row.opened_at, row.urgent = state, None, False
    session.add(row)
    session.flush()
    audit(session, at=now, staff=by, action=action, entity=f"conversation:{row.id}", data={"channel": row.channel})
