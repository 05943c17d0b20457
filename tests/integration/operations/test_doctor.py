"""`doctor` names what is wrong, how bad it is, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from broadcaster.office import service as office
from broadcaster.operations import doctor, service
from broadcaster.rendering.service import record_provider_template
from broadcaster.replies import posters
from broadcaster.settings import Settings, load
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Installation, JobRun, OfficeFact
from tests import make

_COMPLETE = {
    "telegram_token": "1:a",
    "twilio_account_sid": "AC1",
    "twilio_auth_token": "t",
    "twilio_whatsapp_from": "+6281234007890",
    "twilio_sms_from": "DUKCAPIL",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load(data_dir=tmp_path / "data", **_COMPLETE)
    service.make_data_dir(settings)
    service.create_key(settings.key_file)
    return settings


@pytest.fixture
def healthy(db: Database) -> Database:
    """An installation that works."""
    with db.write() as session:
        make.installation(session)
        make.facts(session)
        make.staff(session, "sari", "admin")
        make.staff(session, "budi", "approver")
        make.trial_recipient(session, db.sealer)
        make.family(session, db.sealer)
    return db


def _codes(settings: Settings, db: Database | None, now: datetime) -> list[str]:
    return [finding.code for finding in doctor.findings(settings, db, now)]


def test_a_healthy_installation_has_no_findings(settings: Settings, healthy: Database, now: datetime) -> None:
    assert doctor.findings(settings, healthy, now) == []


def test_each_empty_fact_comes_with_the_command_that_fills_it(
    settings: Settings, healthy: Database, now: datetime
) -> None:
    with healthy.write() as session:
        session.delete(session.exec(select(OfficeFact).where(OfficeFact.key == "tempat_ambil.enggano")).one())
    (finding,) = doctor.findings(settings, healthy, now)
    assert (finding.code, finding.severity) == ("empty_fact", "error")
    assert finding.fix.startswith("broadcaster office set tempat_ambil.enggano ")


def test_a_job_silent_for_more_than_five_minutes_is_named_with_its_error(
    settings: Settings, healthy: Database, now: datetime
) -> None:
    with healthy.write() as session:
        session.add(JobRun(job="poll", last_ok_at=now - timedelta(minutes=5)))
        session.add(JobRun(job="drain", last_ok_at=now - timedelta(hours=3), last_error="ConnectTimeout"))
        session.add(JobRun(job="sweep", last_error="KeyError"))
    findings = doctor.findings(settings, healthy, now)
    assert [finding.message for finding in findings] == [
        "Pekerjaan 'drain' terakhir selesai 3 jam lalu; kesalahan terakhir: ConnectTimeout.",
        "Pekerjaan 'sweep' belum pernah selesai; kesalahan terakhir: KeyError.",
    ]


def test_open_alerts_are_repeated(settings: Settings, healthy: Database, now: datetime) -> None:
    with healthy.write() as session:
        office.raise_alert(session, "sender_paused", "sms", {}, now)
        office.raise_alert(session, "sender_paused", "telegram", {}, now)
        office.clear_alert(session, "sender_paused", "telegram", now)
    assert _codes(settings, healthy, now) == ["alert_sender_paused"]


def test_templates_that_wait_are_named_with_whose_turn_it_is(
    settings: Settings, healthy: Database, now: datetime
) -> None:
    with healthy.write() as session:
        _, asked, fine = (make.template(session, key).id or 0 for key in ("satu", "dua", "tiga"))
        record_provider_template(session, asked, "twilio", "HX1", "pending", "UTILITY", now)
        record_provider_template(session, fine, "twilio", "HX2", "approved", "UTILITY", now)
    findings = doctor.findings(settings, healthy, now)
    assert [(one.code, one.severity, one.message) for one in findings] == [
        ("template_unsubmitted", "info", "1 templat WhatsApp belum dimintakan persetujuan: satu."),
        ("template_pending", "info", "1 templat WhatsApp belum disetujui Meta: dua."),
    ]
    assert all(one.fix for one in findings)
    without = settings.model_copy(update={"twilio_whatsapp_from": ""})
    assert "template_pending" not in _codes(without, healthy, now)


def test_a_key_of_another_installation_is_found(settings: Settings, healthy: Database, now: datetime) -> None:
    stranger = Database(healthy.url, Sealer(bytes(32)))
    assert _codes(settings, stranger, now) == ["wrong_key"]
    stranger.close()


def test_a_changed_audit_entry_is_found(settings: Settings, healthy: Database, now: datetime) -> None:
    with healthy.write() as session:
        office.audit(session, at=now, staff="sari", action="test", entity="x", data={})
    with healthy.plain() as sql:
        sql.run("UPDATE audit_entry SET staff = 'budi'")
    assert _codes(settings, healthy, now) == ["audit_broken"]


def test_a_moved_installation_is_an_error(settings: Settings, healthy: Database, now: datetime) -> None:
    with healthy.write() as session:
        session.exec(select(Installation)).one().moved_at = now
    assert _codes(settings, healthy, now) == ["moved"]


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2130, 1, 1, tzinfo=UTC)])
def test_an_impossible_clock_is_an_error(settings: Settings, now: datetime, wrong: datetime, healthy: Database) -> None:
    assert "clock_wrong" in _codes(settings, healthy, wrong)


def test_a_clock_behind_what_was_already_written_is_an_error(
    settings: Settings, healthy: Database, now: datetime
) -> None:
    with healthy.write() as session:
        office.audit(session, at=now, staff="sari", action="test", entity="x", data={})
    assert _codes(settings, healthy, now - timedelta(minutes=5)) == []
    assert _codes(settings, healthy, now - timedelta(hours=2)) == ["clock_behind"]


def test_a_key_or_folder_open_to_others_is_an_error(settings: Settings, healthy: Database, now: datetime) -> None:
    settings.key_file.chmod(0o644)
    settings.data_dir.chmod(0o750)
    findings = doctor.findings(settings, healthy, now)
    assert [(finding.code, finding.fix.split()[:2]) for finding in findings] == [
        ("open_data_dir", ["chmod", "700"]),
        ("open_key", ["chmod", "600"]),
    ]


def test_accounts_and_trial_recipients_that_are_missing_are_warnings(
    settings: Settings, db: Database, now: datetime
) -> None:
    with db.write() as session:
        make.installation(session)
        make.facts(session)
    assert _codes(settings, db, now) == ["no_staff", "no_recipients"]
    with db.write() as session:
        make.staff(session, "sari", "admin")
        make.staff(session, "budi", "approver", disabled=True)
    live = settings.model_copy(update={"mode": "live"})
    assert _codes(live, db, now) == ["no_second_person"]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"telegram_token": "", "twilio_account_sid": ""}, ["no_channel"]),
        ({"telegram_token": ""}, ["no_telegram"]),
        ({"twilio_auth_token": ""}, ["no_twilio"]),
        ({"twilio_auth_token": "", "twilio_api_key": "SK1", "twilio_api_secret": "s"}, []),
        ({"twilio_whatsapp_from": "", "twilio_sms_from": ""}, ["no_whatsapp_sender", "no_sms_sender"]),
        ({"twilio_sms_from": "", "twilio_messaging_service_sid": "MG1"}, []),
        ({"public_base_url": "https://kia.example.go.id"}, ["no_telegram_secret"]),
        (
            {"public_base_url": "http://kia.example.go.id", "telegram_webhook_secret": "s"},
            ["public_url_not_https"],
        ),
        (
            {
                "public_base_url": "https://kia.example.go.id", "telegram_webhook_secret": "s", "twilio_auth_token": "",
                "twilio_api_key": "SK1", "twilio_api_secret": "s",
            },
            ["no_twilio_auth_token"],
        ),
    ],
)  # fmt: skip
def test_settings_that_lack_something_are_named(
    settings: Settings, healthy: Database, now: datetime, changes: dict[str, str], codes: list[str]
) -> None:
    changed = load(data_dir=settings.data_dir, **_COMPLETE | changes)
    if changed.telegram_webhook_secret.get_secret_value():
        posters.remember_bot(healthy, "1", "kia_bot", now, webhook=f"{changed.public_base_url}/hooks/telegram")
    findings = doctor.findings(changed, healthy, now)
    assert [finding.code for finding in findings] == codes
    assert all("BROADCASTER_" in finding.fix for finding in findings)


def test_without_a_database_the_reason_is_a_finding(tmp_path: Path, now: datetime) -> None:
    settings = load(data_dir=tmp_path / "data", **_COMPLETE)
    assert _codes(settings, None, now) == ["no_key"]
    service.make_data_dir(settings)
    service.create_key(settings.key_file)
    assert _codes(settings, None, now) == ["not_initialised"]


def test_a_schema_that_is_behind_is_found_and_nothing_else_is_asked(
    settings: Settings, healthy: Database, now: datetime
) -> None:
    with healthy.plain() as sql:
        sql.run("UPDATE alembic_version SET version_num = '0000'")
    assert _codes(settings, healthy, now) == ["schema_behind"]


def test_errors_come_before_warnings(settings: Settings, db: Database, now: datetime) -> None:
    severities = [finding.severity for finding in doctor.findings(settings, db, now)]
    assert severities == sorted(severities, key=("error", "warning", "info").index)
    assert len(set(severities)) > 1


def test_telegram_must_know_where_to_call(settings: Settings, healthy: Database, now: datetime) -> None:
    calls = load(
        data_dir=settings.data_dir, **_COMPLETE, public_base_url="https://kia.example.go.id", telegram_webhook_secret="s",
    )  # fmt: skip
    (finding,) = doctor.findings(calls, healthy, now)
    assert (finding.code, finding.severity) == ("telegram_not_connected", "error")
    assert "https://kia.example.go.id/hooks/telegram" in finding.message
    posters.remember_bot(healthy, "1", "kia_bot", now, webhook="https://kia.example.go.id/hooks/telegram")
    assert _codes(calls, healthy, now) == []
    posters.remember_bot(healthy, "1", "kia_bot", now)
    assert _codes(settings, healthy, now) == ["telegram_not_connected"], (
        "the settings went back to fetching, Telegram not"
    )
    posters.remember_bot(healthy, "1", "kia_bot", now, webhook="")
    assert _codes(settings, healthy, now) == []
