"""Texts in the database: loaded once, versioned for ever, and the provider's copies of them."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broadcaster.errors import BadInput, NotFound
from broadcaster.rendering import service
from broadcaster.rendering.approval import Standing
from broadcaster.rendering.provider import provider_lines, template_request
from broadcaster.rendering.queries import (
    history,
    latest,
    preview,
    source_of,
    templates,
    versions,
)
from broadcaster.rendering.source import to_toml
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from tests import make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped texts that a test may change."""
    copy = tmp_path / "content"
    for name in ("messages", "answers"):
        shutil.copytree(content_dir() / name, copy / name)
    return copy


def _edit(folder: Path, key: str, old: str, new: str) -> str:
    path = folder / "messages" / f"{key}.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def test_loading_twice_changes_nothing(db: Database, now: datetime, folder: Path) -> None:
    with db.write() as session:
        first = service.load_content(session, folder, now)
    with db.write() as session:
        second = service.load_content(session, folder, now + timedelta(days=1))
        keys = [version.key for version in templates(session)]
    assert "ambil-kartu-1" in first
    assert "answer:where_when" in first
    assert second == []
    assert keys == sorted(path.stem for path in (folder / "messages").glob("*.toml"))


def test_a_changed_text_is_a_new_version_and_the_old_one_stays_as_it_was(
    db: Database, now: datetime, folder: Path
) -> None:
    with db.write() as session:
        service.load_content(session, folder, now)
        old = latest(session, "ambil-kartu-1")
    _edit(folder, "ambil-kartu-1", "Tempatnya jauh?", "Jauh dari rumah?")
    with db.write() as session:
        assert service.load_content(session, folder, now) == ["ambil-kartu-1"]
        new = latest(session, "ambil-kartu-1")
        kept = versions(session, [old.id])[old.id]
    assert (old.number, new.number) == (1, 2)
    assert kept.texts == old.texts
    assert "Jauh dari rumah?" in new.texts["telegram"]


def test_what_staff_wrote_is_not_replaced_by_a_newer_shipped_text(db: Database, now: datetime, folder: Path) -> None:
    with db.write() as session:
        make.staff(session, "sari", "operator")
        service.load_content(session, folder, now)
        toml = to_toml(source_of(session, "ambil-kartu-1")).replace("Tempatnya jauh?", "Jauh, Bapak/Ibu?")
        assert service.save(session, "ambil-kartu-1", toml, by="sari", now=now) == 2
        assert service.save(session, "ambil-kartu-1", toml, by="sari", now=now) == 2, "the same wording is no version"
    _edit(folder, "ambil-kartu-1", "Tempatnya jauh?", "Jauh dari rumah?")
    with db.write() as session:
        assert service.load_content(session, folder, now) == []
        assert "Jauh, Bapak/Ibu?" in latest(session, "ambil-kartu-1").texts["telegram"]
        assert service.revert(session, "ambil-kartu-1", 1, by="sari", now=now) == 3
        assert "Tempatnya jauh?" in latest(session, "ambil-kartu-1").texts["telegram"]
        lines = history(session, "ambil-kartu-1")
    assert [(line.number, line.created_by) for line in lines] == [(3, "sari"), (2, "sari"), (1, "sistem")]


def test_a_shipped_wording_that_comes_back_is_the_newest_again(db: Database, now: datetime, folder: Path) -> None:
    with db.write() as session:
        service.load_content(session, folder, now)
    for old, new in (("Tempatnya jauh?", "Jauh dari rumah?"), ("Jauh dari rumah?", "Tempatnya jauh?")):
        _edit(folder, "ambil-kartu-1", old, new)
        with db.write() as session:
            assert service.load_content(session, folder, now) == ["ambil-kartu-1"]
            assert new in latest(session, "ambil-kartu-1").texts["telegram"]


def test_a_text_that_breaks_a_rule_is_refused_and_nothing_is_kept(db: Database, now: datetime, folder: Path) -> None:
    toml = _edit(folder, "ambil-kartu-1", "Mohon membawa", "Wajib membawa")
    with db.write() as session:
        make.staff(session, "sari", "operator")
    with db.write() as session, pytest.raises(BadInput, match="ambil-kartu-1, baris"):
        service.save(session, "ambil-kartu-1", toml, by="sari", now=now)
    with db.read() as session:
        assert templates(session) == []


def test_a_new_title_and_category_count_from_the_new_version_on(db: Database, now: datetime, folder: Path) -> None:
    with db.write() as session:
        make.staff(session, "sari", "operator")
        service.load_content(session, folder, now)
        old = latest(session, "ambil-kartu-1")
        toml = to_toml(source_of(session, "ambil-kartu-1")).replace('"utility"', '"marketing"')
        service.save(session, "ambil-kartu-1", toml, by="sari", now=now)
        assert latest(session, "ambil-kartu-1").category == "marketing"
        assert versions(session, [old.id])[old.id].category == "utility"


def test_a_provider_template_gives_its_sid_only_while_it_is_approved(db: Database, now: datetime, folder: Path) -> None:
    with db.write() as session:
        service.load_content(session, folder, now)
        version = latest(session, "ambil-kartu-1")
        sids = []
        for approval in ("pending", "approved", "paused"):
            service.record_provider_template(session, version.id, "twilio", "HX1", approval, "UTILITY", now)
            again = versions(session, [version.id])[version.id]
            sids.append((again.approval, again.content_sid))
        other = versions(session, [version.id], account="other")[version.id]
        line = next(line for line in provider_lines(session) if line.key == "ambil-kartu-1")
        untouched = next(line for line in provider_lines(session) if line.key == "ambil-kartu-2")
    assert sids == [("pending", ""), ("approved", "HX1"), ("paused", "")]
    assert (other.content_sid, other.approval) == ("", "")
    assert (line.sid, line.standing) == ("HX1", Standing("paused", asked="utility", given="UTILITY"))
    assert (untouched.sid, untouched.standing.state) == ("", "unsubmitted")


def test_a_template_request_carries_what_the_provider_asks_for(db: Database, now: datetime) -> None:
    with db.write() as session:
        service.load_content(session, content_dir(), now)
        request = template_request(latest(session, "ambil-kartu-1"))
        make.template(session, "surat", content={"variables": [], "buttons": [], "texts": {"sms": "Halo"}})
        assert template_request(latest(session, "surat")) is None
    assert request is not None
    assert re.fullmatch(r"ambil_kartu_1_v1_[0-9a-f]{8}", request.name)
    assert (request.language, request.category) == ("id", "UTILITY")
    assert request.body.startswith("Salam dari {{1}}.")
    assert list(request.samples) == [str(number) for number in range(1, len(request.samples) + 1)]
    assert all(sample and "\n" not in sample for sample in request.samples.values())
    assert [button.intent for button in request.buttons] == ["already_collected", "cannot_go_distance", "opt_out"]


def test_an_unknown_message_names_the_nearest(db: Database, now: datetime) -> None:
    with db.write() as session:
        make.staff(session, "sari", "operator")
        service.load_content(session, content_dir(), now)
        with pytest.raises(NotFound, match='maksudnya "ambil-kartu-1"'):
            latest(session, "ambil-kartu-11")
        with pytest.raises(NotFound, match="tidak punya versi 9"):
            source_of(session, "ambil-kartu-1", 9)
        with pytest.raises(NotFound, match="tidak punya versi 9"):
            service.revert(session, "ambil-kartu-1", 9, by="sari", now=now)


def test_a_preview_shows_what_the_office_said_and_examples_for_the_rest(db: Database, now: datetime) -> None:
    with db.write() as session:
        service.load_content(session, content_dir(), now)
        empty = preview(session, "ambil-kartu-1", "telegram")
        make.facts(session, tempat_ambil="loket tiga")
        filled = preview(session, "ambil-kartu-1", "sms")
        mine = preview(session, "ambil-kartu-1", "sms", {"anak": "Melati"})
    assert "loket Dukcapil di Arga Makmur" in empty.text
    assert "loket tiga" in filled.text
    assert "Rizki" in filled.text
    assert "Melati" in mine.text
    assert (mine.segments.segments, mine.warnings, mine.buttons) == (1, (), ())
