"""Staff change a message: who may, what is kept, how two wordings differ, and how they stand to the shipped file."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from broadcaster.errors import BadInput, NotAllowed, NotFound
from broadcaster.rendering import comparing, service
from broadcaster.rendering.comparing import Standing, difference, standing
from broadcaster.rendering.queries import history, latest, source_of
from broadcaster.rendering.source import to_toml
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

KEY = "ambil-kartu-1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped texts of a program whose next version a test may write."""
    copy = tmp_path / "content"
    for name in ("messages", "answers"):
        shutil.copytree(content_dir() / name, copy / name)
    monkeypatch.setattr(comparing, "content_dir", lambda: copy)
    return copy


@pytest.fixture
def office(db: Database, now: datetime, folder: Path) -> Database:
    with db.write() as session:
        for name, role in (("sari", "operator"), ("budi", "approver"), ("dewi", "replier"), ("suwanto", "head")):
            make.staff(session, name, role)
        make.staff(session, "mantan", "operator", disabled=True)
        service.load_content(session, folder, now)
    return db


def _reworded(session: Session, new: str = "Jauh dari rumah?", key: str = KEY) -> str:
    return to_toml(source_of(session, key)).replace("Tempatnya jauh?", new)


def _ship(folder: Path, new: str) -> None:
    path = folder / "messages" / f"{KEY}.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("Tempatnya jauh?", new), encoding="utf-8")


@pytest.mark.parametrize(
    ("by", "code"),
    [("budi", "wrong_role"), ("dewi", "wrong_role"), ("mantan", "unknown_account"), ("nix", "unknown_account"),
     ("sistem", "unknown_account")],
)  # fmt: skip
def test_only_active_accounts_with_the_role_change_texts(office: Database, now: datetime, by: str, code: str) -> None:
    for verb in (
        lambda session: service.save(session, KEY, _reworded(session), by=by, now=now),
        lambda session: service.revert(session, KEY, 1, by=by, now=now),
    ):
        with office.write() as session, pytest.raises(NotAllowed) as refused:
            verb(session)
        assert refused.value.code == code
    with office.read() as session:
        assert latest(session, KEY).number == 1
        assert session.exec(select(tables.AuditEntry)).all() == []


def test_every_change_is_an_audit_entry_and_the_same_wording_is_none(office: Database, now: datetime) -> None:
    with office.write() as session:
        toml = _reworded(session)
        assert [service.save(session, KEY, toml, by="sari", now=now) for _ in range(2)] == [2, 2]
        assert service.revert(session, KEY, 1, by="suwanto", now=now) == 3
        assert service.revert(session, KEY, 3, by="suwanto", now=now) == 3
        entries = session.exec(select(tables.AuditEntry).order_by(col(tables.AuditEntry.id))).all()
        hashes = {line.number: line.sha256 for line in history(session, KEY)}
    assert [(entry.staff, entry.action, entry.entity) for entry in entries] == [
        ("sari", "content.edit", f"message:{KEY}"),
        ("suwanto", "content.revert", f"message:{KEY}"),
    ]
    assert [json.loads(entry.data) for entry in entries] == [
        {"version": 2, "sha256": hashes[2]},
        {"version": 3, "sha256": hashes[3], "to": 1},
    ]


def test_a_version_never_changes_whatever_comes_after_it(office: Database, now: datetime, folder: Path) -> None:
    def rows(session: Session) -> dict[int, tuple[object, ...]]:
        query = select(tables.TemplateVersion).order_by(col(tables.TemplateVersion.id))
        return {
            row.id or 0: (row.number, row.content, row.sha256, row.created_at, row.created_by)
            for row in session.exec(query)
        }

    with office.write() as session:
        service.save(session, KEY, _reworded(session), by="sari", now=now)
        before = rows(session)
    with office.write() as session:
        service.save(session, KEY, _reworded(session).replace("silakan", "mohon"), by="sari", now=now)
        service.revert(session, KEY, 1, by="sari", now=now)
        _ship(folder, "Terlalu jauh?")
        service.load_content(session, folder, now + timedelta(days=30))
        after = rows(session)
    assert {number: after[number] for number in before} == before
    assert len(after) == len(before) + 2, "an edit and a revert; the shipped text does not replace them"


def test_a_message_of_the_offices_own_has_no_file_and_an_announcement_is_only_a_file(
    office: Database, now: datetime
) -> None:
    with office.write() as session:
        assert service.save(session, "kantor-kami", _reworded(session), by="sari", now=now) == 1
        assert standing(session, "kantor-kami") is Standing.NO_FILE
        with pytest.raises(NotFound, match="--from"):
            difference(session, "kantor-kami")
        toml = 'title = "Umum"\n[texts]\nradio = "Halo"\n'
        with pytest.raises(BadInput):
            service.save(session, "announcement:umum", toml, by="sari", now=now)
        assert not session.exec(
            select(tables.MessageTemplate).where(tables.MessageTemplate.purpose == "announcement")
        ).all()


def test_how_the_newest_wording_stands_to_the_shipped_file(office: Database, now: datetime, folder: Path) -> None:
    with office.write() as session:
        found = [standing(session, KEY)]
        service.save(session, KEY, _reworded(session), by="sari", now=now)
        found.append(standing(session, KEY))
        _ship(folder, "Terlalu jauh?")
        service.load_content(session, folder, now)
        found.append(standing(session, KEY))
        text = (folder / "messages" / f"{KEY}.toml").read_text(encoding="utf-8")
        service.save(session, KEY, text, by="sari", now=now)  # staff take the shipped one over
        found.append(standing(session, KEY))
        _ship(folder, "nothing to replace")
        (folder / "messages" / "ambil-kartu-2.toml").write_text(text, encoding="utf-8")
        found.append(standing(session, "ambil-kartu-2"))
    assert found == [Standing.SAME, Standing.STAFF, Standing.STAFF_BEHIND, Standing.SAME, Standing.NOT_LOADED]


def test_a_difference_names_the_sentence_that_changed_by_channel(office: Database, now: datetime) -> None:
    with office.write() as session:
        toml = _reworded(session).replace('category = "utility"', 'category = "marketing"').replace("Bantu", "Tolong")
        service.save(session, KEY, toml, by="sari", now=now)
        found = difference(session, KEY)
        back = difference(session, KEY, 2, 1)
        assert difference(session, KEY, 1, 1).empty
        with pytest.raises(NotFound, match="versi 9"):
            difference(session, KEY, 9)
    assert (found.old, found.new) == ("teks bawaan", "versi 2")
    assert set(found.texts) == {"telegram", "whatsapp"}
    lines = found.texts["telegram"]
    assert lines[:2] == ["--- teks bawaan", "+++ versi 2"]
    assert [line for line in lines if line.startswith("-")][1:] == [
        "-Tempatnya jauh?",
        '-Tekan "Bantu saya"; petugas registrasi di desa akan kami minta membantu.',
    ]
    assert "+Jauh dari rumah?" in lines
    assert found.fields["category"] == ("utility", "marketing")
    assert set(found.fields) == {"category", "buttons"}
    assert back.fields["category"] == ("marketing", "utility")


def test_a_line_break_that_came_or_went_is_a_difference(office: Database, now: datetime) -> None:
    with office.write() as session:
        toml = to_toml(source_of(session, KEY)).replace("dicetak. Kartunya", "dicetak.\nKartunya")
        service.save(session, KEY, toml, by="sari", now=now)
        lines = difference(session, KEY).texts["telegram"]
    changed = [line for line in lines[2:] if line.startswith(("-", "+"))]
    assert changed == [
        "-Kartu Identitas Anak (KIA) atas nama {anak} sudah selesai dicetak.",
        "+Kartu Identitas Anak (KIA) atas nama {anak} sudah selesai dicetak. ↵",
    ]


def test_the_history_says_who_wrote_what_and_what_was_used(office: Database, now: datetime) -> None:
    with office.write() as session:
        first = latest(session, KEY)
        service.save(session, KEY, _reworded(session), by="sari", now=now + timedelta(hours=1))
        service.record_provider_template(session, first.id, "twilio", "HX1", "approved", "UTILITY", now)
        make.message(session, office.sealer, template_version_id=first.id)
        lines = history(session, KEY)
        with pytest.raises(NotFound, match="maksudnya"):
            history(session, "ambil-kartu-11")
    assert [(line.number, line.created_by, line.used, line.approval) for line in lines] == [
        (2, "sari", False, ""),
        (1, "sistem", True, "approved"),
    ]


def test_two_edits_at_once_get_two_numbers(postgres_db: Database, now: datetime) -> None:
    with postgres_db.write() as session:
        make.staff(session, "sari", "operator")
        service.load_content(session, content_dir(), now)
    numbers: list[int] = []
    ready = threading.Barrier(2)

    def edit(words: str) -> None:
        with postgres_db.write() as session:
            toml = _reworded(session, words)
            ready.wait(10)
            numbers.append(service.save(session, KEY, toml, by="sari", now=now))

    threads = [threading.Thread(target=edit, args=(words,)) for words in ("Jauh dari rumah?", "Terlalu jauh?")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(numbers) == [2, 3]
