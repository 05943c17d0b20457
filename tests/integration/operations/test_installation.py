"""Setting up, opening, locking: what the person at the server sees."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from broadcaster.errors import AlreadyRunning, Blocked
from broadcaster.office import queries as office
from broadcaster.office import service as office_service
from broadcaster.office.rules import FACTS, SYSTEM
from broadcaster.operations import service
from broadcaster.settings import Mode, Settings, load
from broadcaster.storage import migrate
from broadcaster.storage.tables import Installation, MessageTemplate, Portfolio, Sender


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Settings:
    """Settings of an installation that does not exist yet, on each database."""
    if request.param == "sqlite":
        return settings
    url: str = request.getfixturevalue("empty_postgres")
    return load(data_dir=tmp_path / "data", database_url=url)


def test_init_makes_a_whole_installation(either: Settings, now: datetime) -> None:
    report = service.init(either, now)
    assert report.key_created
    assert report.places == 220
    assert report.closed_days > 20
    assert report.messages > 0
    assert report.revision == migrate.head()
    assert len(report.instance_id) == 8
    assert int(report.instance_id, 16) >= 0
    assert [fact.key for fact in report.missing] == [fact.key for fact in FACTS if fact.required and not fact.default]
    assert either.data_dir.stat().st_mode & 0o777 == 0o700
    assert either.key_file.stat().st_mode & 0o777 == 0o600
    db = service.open_database(either)
    try:
        with db.read() as session:
            senders = {row.name: (row.channel, row.pace) for row in session.exec(select(Sender))}
            assert session.exec(select(MessageTemplate.key)).all()
            whatsapp = session.exec(select(Sender).where(Sender.name == "whatsapp")).one()
            portfolio = session.exec(select(Portfolio)).one()
            assert (whatsapp.portfolio_id, portfolio.name, portfolio.daily_tier) == (portfolio.id, "whatsapp", 250)
    finally:
        db.close()
    assert senders == {
        "telegram": ("telegram", 25.0),
        "whatsapp": ("whatsapp", 10.0),
        "sms": ("sms", 1.0),
        "village_list": ("village_list", 1000.0),
    }


def test_init_again_changes_nothing_but_the_pace_that_was_set(either: Settings, now: datetime) -> None:
    first = service.init(either, now)
    key = either.key_file.read_text()
    db = service.open_database(either)
    office_service.set_fact(db, "lama_selesai", "3 hari", by=SYSTEM, now=now)
    with db.write() as session:
        row = session.exec(select(Sender).where(Sender.name == "sms")).one()
        row.pause_reason = "kuota habis"
    db.close()
    changed = either.model_copy(update={"pace_sms": 5.0, "whatsapp_daily_tier": 1000})
    second = service.init(changed, now + timedelta(days=1))
    kept = [fact for fact in first.missing if fact.key != "lama_selesai"]
    assert second == replace(first, key_created=False, missing=tuple(kept))
    assert either.key_file.read_text() == key
    db = service.open_database(either)
    with db.read() as session:
        sms = session.exec(select(Sender).where(Sender.name == "sms")).one()
        assert (sms.pace, sms.pause_reason) == (5.0, "kuota habis")
        assert session.exec(select(Portfolio.daily_tier)).one() == 1000
        assert session.exec(select(Installation.created_at)).one() == now
        assert office.facts(session)["lama_selesai"] == "3 hari"
    db.close()


def test_two_installations_differ(settings: Settings, now: datetime, tmp_path: Path) -> None:
    other = load(data_dir=tmp_path / "other")
    assert service.init(settings, now).instance_id != service.init(other, now).instance_id
    assert settings.key_file.read_text() != other.key_file.read_text()


def test_init_closes_a_data_folder_that_others_could_read(settings: Settings, now: datetime) -> None:
    settings.data_dir.mkdir(mode=0o755)
    service.init(settings, now)
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


def test_init_never_makes_a_new_key_for_old_data(either: Settings, now: datetime) -> None:
    service.init(either, now)
    either.key_file.unlink()
    with pytest.raises(Blocked, match="salinan") as refused:
        service.init(either, now)
    assert refused.value.code == "key_lost"
    assert not either.key_file.exists()


def test_init_refuses_a_data_folder_that_is_a_file(settings: Settings, now: datetime) -> None:
    settings.data_dir.write_text("")
    with pytest.raises(Blocked) as refused:
        service.init(settings, now)
    assert refused.value.code == "bad_data_dir"


def test_opening_before_init_says_what_to_do_and_makes_no_file(settings: Settings, now: datetime) -> None:
    with pytest.raises(Blocked, match="broadcaster init") as refused:
        service.open_database(settings)
    assert refused.value.code == "no_key"
    service.make_data_dir(settings)
    service.create_key(settings.key_file)
    with pytest.raises(Blocked, match="broadcaster init") as refused:
        service.open_database(settings)
    assert refused.value.code == "not_initialised"
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret.key"]


@pytest.mark.parametrize(
    ("revision", "code", "fix"), [("0000", "schema_behind", "broadcaster init"), ("9999", "schema_too_new", "pasang")]
)
def test_opening_another_schema_is_refused_with_the_fix(
    either: Settings, now: datetime, revision: str, code: str, fix: str
) -> None:
    service.init(either, now)
    db = service.open_database(either)
    with db.plain() as sql:
        sql.run("UPDATE alembic_version SET version_num = :revision", revision=revision)
    db.close()
    with pytest.raises(Blocked, match=fix) as refused:
        service.open_database(either)
    assert refused.value.code == code


def test_an_empty_database_is_not_an_installation(either: Settings) -> None:
    service.make_data_dir(either)
    service.create_key(either.key_file)
    if path := service.sqlite_path(either):
        path.touch()
    with pytest.raises(Blocked) as refused:
        service.open_database(either)
    assert refused.value.code == "not_initialised"


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path, now: datetime) -> None:
    settings = load(
        data_dir=tmp_path / "data", database_url="postgresql+psycopg://kia:rahasia@127.0.0.1:1/kia?connect_timeout=2"
    )
    with pytest.raises(Blocked, match=r"127\.0\.0\.1") as refused:
        service.init(settings, now)
    assert refused.value.code == "database_unreachable"
    assert "rahasia" not in str(refused.value)


def test_the_newest_revision_is_known_without_alembic() -> None:
    assert service.newest_revision() == migrate.head()


def test_opening_the_database_loads_no_alembic(settings: Settings, now: datetime) -> None:
    """A worker opens the database and must stay light."""
    service.init(settings, now)
    program = (
        "import sys; from broadcaster.operations.service import open_database; from broadcaster.settings import load;"
        f"open_database(load(data_dir={str(settings.data_dir)!r})).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=False).returncode == 0


# --- the lock ---------------------------------------------------------------------------------------

_HOLD = """
import sys, time
from broadcaster.operations.service import lock_sending
from broadcaster.settings import load
with lock_sending(load(data_dir=sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_sender_on_the_same_folder_is_refused_until_the_first_is_gone(settings: Settings) -> None:
    service.make_data_dir(settings)
    command = [sys.executable, "-c", _HOLD, str(settings.data_dir)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning) as refused, service.lock_sending(settings):
            pass
        assert str(settings.data_dir.resolve()) in str(refused.value)
        first.kill()  # not a polite end: the system gives the lock back all the same
        first.wait()
    with service.lock_sending(settings):
        pass
    with service.lock_sending(settings):  # and again, the lock is not used up
        pass


def test_another_folder_is_another_sender(settings: Settings, tmp_path: Path) -> None:
    other = load(data_dir=tmp_path / "other")
    service.make_data_dir(settings)
    service.make_data_dir(other)
    with service.lock_sending(settings), service.lock_sending(other):
        pass


_MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
server:/data /mnt/nas nfs4 rw 0 0
//nas/kia /mnt/nas/lokal\\040saja cifs rw 0 0
user@host:/x /home/kia/jauh fuse.sshfs rw 0 0
tmpfs /mnt/nas/cepat tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/kia", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/data", "nfs4"),
        ("/mnt/nasional", "ext4"),
        ("/mnt/nas/lokal saja/data", "cifs"),
        ("/mnt/nas/cepat/data", "tmpfs"),
        ("/home/kia/jauh/data", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_folder_is_the_deepest_mount_that_holds_it(folder: str, kind: str) -> None:
    assert service.file_system_of(Path(folder), _MOUNTS) == kind


def test_a_folder_on_the_network_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    service.make_data_dir(settings)
    here = service.file_system_of(settings.data_dir.resolve(), Path("/proc/mounts").read_text())
    service.refuse_network_folder(settings.data_dir)
    monkeypatch.setattr(service, "NETWORK_FILE_SYSTEMS", frozenset({here}))
    for act in (lambda: service.init(settings, now), lambda: service.lock_sending(settings).__enter__()):
        with pytest.raises(Blocked, match="jaringan") as refused:
            act()
        assert refused.value.code == "network_folder"


def test_the_default_mode_writes_to_nobody_but_trial_recipients(settings: Settings) -> None:
    assert settings.mode is Mode.TRIAL
