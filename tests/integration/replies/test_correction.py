"""An apology to everyone a wrong text may have reached: who may ask for it, and what must be ready."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound
from broadcaster.outbox.correction import Corrected
from broadcaster.rendering.queries import latest
from broadcaster.rendering.service import record_provider_template
from broadcaster.replies import correction
from broadcaster.storage import tables
from tests import make

from .conftest import PHONE, Post, send

ZONE = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def wrong(post: Post) -> str:
    """A campaign whose text has reached one family; its name."""
    with post.db.write() as session:
        make.staff(session, "rina", "operator")
        make.staff(session, "budi", "approver")
        return send(session, post.db).campaign.name


def approve(post: Post, key: str = "maaf-1") -> None:
    with post.db.write() as session:
        version = latest(session, key)
        record_provider_template(session, version.id, "twilio", "HX1", "approved", version.category, post.now)


def ask(post: Post, campaign: str, key: str = "maaf-1", by: str = "budi") -> Corrected:
    return correction.correct(post.db, campaign, key, by=by, now=post.now, zone=ZONE)


def test_a_correction_is_planned_once_and_is_on_record(post: Post, wrong: str) -> None:
    approve(post)
    assert ask(post, wrong).new == 1
    assert ask(post, wrong).new == 0
    with post.db.read() as session:
        row = session.exec(select(tables.Message).where(tables.Message.purpose == "correction")).one()
        entries = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "inbox.corrected")).all()
        assert correction.progress(session, wrong, "maaf-1") == {"planned": 1}
    assert post.db.sealer.open("address", row.sealed_address) == PHONE
    assert [entry.staff for entry in entries] == ["budi", "budi"]


def test_only_those_who_release_campaigns_correct_them(post: Post, wrong: str) -> None:
    approve(post)
    with pytest.raises(NotAllowed):
        ask(post, wrong, by="rina")
    with pytest.raises(NotFound, match="tidak-ada"):
        ask(post, "tidak-ada")


def test_a_reminder_is_no_correction(post: Post, wrong: str) -> None:
    with pytest.raises(BadInput, match="bukan pesan ralat"):
        ask(post, wrong, key="ambil-kartu-1")


def test_a_correction_waits_for_its_template(post: Post, wrong: str) -> None:
    with pytest.raises(Blocked) as refused:
        ask(post, wrong)
    assert refused.value.code == "template_not_approved"


def test_what_still_waits_is_called_off(post: Post, wrong: str) -> None:
    approve(post)
    ask(post, wrong)
    assert correction.stop(post.db, wrong, "maaf-1", by="budi", now=post.now) == 1
    with post.db.read() as session:
        assert correction.progress(session, wrong, "maaf-1") == {"cancelled": 1}
