"""Accounts: who may come in, and how guessing is slowed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlmodel import select

from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound
from broadcaster.office import queries, service
from broadcaster.office.rules import SYSTEM
from broadcaster.storage.database import Database
from broadcaster.storage.tables import AuditEntry, Staff, StaffSession

PASSWORD = "hujan pagi di ketahun"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real hash with the smallest cost, for tests that sign in many times."""
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(service, "_hasher", lambda: hasher)
    service._nobodys_hash.cache_clear()
    yield
    service._nobodys_hash.cache_clear()


def _who(db: Database, token: str, now: datetime) -> queries.Member | None:
    with db.read() as session:
        return queries.signed_in(session, token, now)


@pytest.fixture
def sari(db: Database, now: datetime, quick: None) -> queries.Member:
    return service.add_staff(db, "Sari", "operator", PASSWORD, by=SYSTEM, now=now)


def test_the_right_password_gives_a_session_for_twelve_hours(db: Database, now: datetime, sari: queries.Member) -> None:
    token = service.sign_in(db, " SARI ", PASSWORD, now)
    assert _who(db, token, now) == sari == queries.Member("sari", "operator")
    assert _who(db, token, now + timedelta(hours=11, minutes=59)) == sari
    assert _who(db, token, now + timedelta(hours=12)) is None
    assert _who(db, token[:-1], now) is None


def test_neither_password_nor_token_is_in_the_database(db: Database, now: datetime) -> None:
    service.add_staff(db, "sari", "operator", PASSWORD, by=SYSTEM, now=now)
    token = service.sign_in(db, "sari", PASSWORD, now)
    with db.read() as session:
        password_hash = session.exec(select(Staff.password_hash)).one()
        token_hash = session.exec(select(StaffSession.token_hash)).one()
        entries = [entry.data + entry.entity for entry in session.exec(select(AuditEntry))]
    assert password_hash.startswith("$argon2id$v=19$m=65536,t=3,")
    assert token.encode() not in token_hash
    assert len(token_hash) == 32
    assert not any(PASSWORD in entry or token in entry for entry in entries)


def test_signing_out_ends_that_session_only(db: Database, now: datetime, sari: queries.Member) -> None:
    one, two = service.sign_in(db, "sari", PASSWORD, now), service.sign_in(db, "sari", PASSWORD, now)
    service.sign_out(db, one)
    service.sign_out(db, "unknown")
    assert _who(db, one, now) is None
    assert _who(db, two, now) == sari


@pytest.mark.parametrize(
    ("username", "password"), [("sari", "salah salah salah"), ("siapa", PASSWORD), ("", ""), ("sari", "x" * 1000)]
)
def test_every_wrong_pair_gets_the_same_answer(
    db: Database, now: datetime, sari: queries.Member, username: str, password: str
) -> None:
    with pytest.raises(NotAllowed) as refused:
        service.sign_in(db, username, password, now)
    assert (refused.value.code, str(refused.value)) == ("wrong_password", "Nama pengguna atau kata sandi salah.")


def test_an_unknown_name_takes_as_long_as_a_known_one(sqlite_db: Database, now: datetime) -> None:
    """Else the time of an answer would tell who has an account. With the real hash; the fastest of three."""
    service.add_staff(sqlite_db, "sari", "operator", PASSWORD, by=SYSTEM, now=now)

    def fastest(username: str) -> float:
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            with pytest.raises(NotAllowed):
                service.sign_in(sqlite_db, username, "tebakan salah", now)
            times.append(time.perf_counter() - begun)
        return min(times)

    assert fastest("siapa") > 0.4 * fastest("sari")


@pytest.mark.parametrize("username", ["sari", "siapa"])
def test_after_five_wrong_tries_a_name_waits_fifteen_minutes_known_or_not(
    db: Database, now: datetime, sari: queries.Member, username: str
) -> None:
    for second in range(5):
        with pytest.raises(NotAllowed, match="salah"):
            service.sign_in(db, username, "tebakan salah", now + timedelta(seconds=second))
    with pytest.raises(NotAllowed, match="tunggu 15 menit") as refused:
        service.sign_in(db, username, PASSWORD, now + timedelta(seconds=6))
    assert refused.value.code == "too_many_tries"
    later = now + timedelta(minutes=15, seconds=1)
    if username == "sari":
        assert service.sign_in(db, username, PASSWORD, later)
    else:
        with pytest.raises(NotAllowed, match="salah"):
            service.sign_in(db, username, PASSWORD, later)


def test_guessing_one_name_does_not_lock_another(db: Database, now: datetime, sari: queries.Member) -> None:
    for _ in range(6):
        with pytest.raises(NotAllowed):
            service.sign_in(db, "siapa", "tebakan salah", now)
    assert service.sign_in(db, "sari", PASSWORD, now)


def test_coming_in_forgets_the_tries_before(db: Database, now: datetime, sari: queries.Member) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(NotAllowed):
                service.sign_in(db, "sari", "tebakan salah", now)
        assert service.sign_in(db, "sari", PASSWORD, now)


def test_guesses_at_the_same_moment_are_counted_one_by_one(db: Database, now: datetime, sari: queries.Member) -> None:
    codes: list[str] = []

    def guess() -> None:
        try:
            service.sign_in(db, "sari", "tebakan salah", now)
        except NotAllowed as refused:
            codes.append(refused.code)

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["too_many_tries"] * 3 + ["wrong_password"] * 5


def test_what_somebody_typed_as_a_name_is_not_written_down(db: Database, now: datetime, quick: None) -> None:
    with pytest.raises(NotAllowed):
        service.sign_in(db, PASSWORD, "", now)  # the password in the wrong field
    with db.read() as session:
        assert PASSWORD not in " ".join(entry.entity for entry in session.exec(select(AuditEntry)))


def test_a_disabled_account_is_out_at_once(db: Database, now: datetime, sari: queries.Member) -> None:
    token = service.sign_in(db, "sari", PASSWORD, now)
    service.disable_staff(db, "sari", by=SYSTEM, now=now)
    assert _who(db, token, now) is None
    with pytest.raises(NotAllowed, match="salah"):
        service.sign_in(db, "sari", PASSWORD, now)
    with db.read() as session:
        assert queries.member(session, "sari") is None
        assert [(line.username, line.disabled_at) for line in queries.staff_list(session)] == [("sari", now)]


def test_the_last_admin_cannot_be_disabled(db: Database, now: datetime, quick: None) -> None:
    service.add_staff(db, "admin1", "admin", PASSWORD, by=SYSTEM, now=now)
    with pytest.raises(Blocked, match="terakhir"):
        service.disable_staff(db, "admin1", by=SYSTEM, now=now)
    service.add_staff(db, "admin2", "admin", PASSWORD, by="admin1", now=now)
    service.disable_staff(db, "admin1", by="admin2", now=now)
    with pytest.raises(Blocked):
        service.disable_staff(db, "admin2", by=SYSTEM, now=now)


def test_a_new_password_ends_every_session_and_the_wait(db: Database, now: datetime, sari: queries.Member) -> None:
    token = service.sign_in(db, "sari", PASSWORD, now)
    for _ in range(5):
        with pytest.raises(NotAllowed):
            service.sign_in(db, "sari", "tebakan salah", now)
    service.reset_password(db, "sari", "kopi hangat di lais", by=SYSTEM, now=now)
    assert _who(db, token, now) is None
    with pytest.raises(NotAllowed, match="salah"):
        service.sign_in(db, "sari", PASSWORD, now)
    assert service.sign_in(db, "sari", "kopi hangat di lais", now)


def test_only_an_admin_manages_accounts_but_anyone_changes_their_own_password(
    db: Database, now: datetime, sari: queries.Member
) -> None:
    service.add_staff(db, "budi", "head", PASSWORD, by=SYSTEM, now=now)
    with pytest.raises(NotAllowed, match="admin"):
        service.add_staff(db, "tini", "admin", PASSWORD, by="sari", now=now)
    with pytest.raises(NotAllowed):
        service.disable_staff(db, "budi", by="sari", now=now)
    with pytest.raises(NotAllowed):
        service.reset_password(db, "budi", "kopi hangat di lais", by="sari", now=now)
    service.reset_password(db, "sari", "kopi hangat di lais", by="Sari", now=now)
    assert service.sign_in(db, "sari", "kopi hangat di lais", now)


def test_a_name_is_taken_once_and_an_unknown_one_is_named(db: Database, now: datetime, sari: queries.Member) -> None:
    with pytest.raises(BadInput, match="'sari' sudah ada"):
        service.add_staff(db, "SARI", "admin", PASSWORD, by=SYSTEM, now=now)
    for change in (
        lambda: service.disable_staff(db, "siapa", by=SYSTEM, now=now),
        lambda: service.reset_password(db, "siapa", PASSWORD, by=SYSTEM, now=now),
    ):
        with pytest.raises(NotFound, match="siapa"):
            change()


def test_require_names_the_role_that_is_needed(db: Database, now: datetime, sari: queries.Member) -> None:
    with db.read() as session:
        assert queries.require(session, "Sari", ["operator", "admin"]) == sari
        with pytest.raises(NotAllowed, match="penyetuju atau kepala dinas") as refused:
            queries.require(session, "sari", ["approver", "head"])
        assert refused.value.code == "wrong_role"
        with pytest.raises(NotAllowed) as unknown:
            queries.require(session, "siapa", ["operator"])
        assert unknown.value.code == "unknown_account"


def test_sessions_that_are_over_are_swept_at_the_next_sign_in(
    db: Database, now: datetime, sari: queries.Member
) -> None:
    service.sign_in(db, "sari", PASSWORD, now)
    service.sign_in(db, "sari", PASSWORD, now + timedelta(hours=13))
    with db.read() as session:
        assert len(session.exec(select(StaffSession)).all()) == 1
