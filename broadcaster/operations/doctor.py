"""What is wrong with this installation, each finding with what to do about it. Nothing is changed or called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from broadcaster.campaigns import alerts
from broadcaster.channels.codes import load_codes
from broadcaster.delivery.templates import template_lines
from broadcaster.errors import Blocked
from broadcaster.office import queries as office
from broadcaster.operations.service import open_database, refuse_network_folder, refuse_other_schema
from broadcaster.outbox.lanes import waiting_lanes
from broadcaster.rendering.approval import UNKNOWN, UNSUBMITTED, WRONG
from broadcaster.replies.links import webhook_address
from broadcaster.replies.places import known_webhook
from broadcaster.settings import Mode, Settings, is_loopback
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Unsealable
from broadcaster.storage.tables import AuditEntry, Guardian, Installation, JobRun, TestRecipient

SILENT = timedelta(minutes=5)
#: Before the product existed, or a clock that was never set.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Finding:
    """`severity`: "error" stops sending or loses data, "warning" will hurt someone, "info" is good to know."""

    code: str
    severity: str
    message: str
    fix: str


def findings(settings: Settings, db: Database | None, now: datetime) -> list[Finding]:
    """Everything that needs a look, errors first. `db` None: it could not be opened, and the finding says why."""
    found = [*_settings(settings), *_folders(settings), *_clock(now)]
    if db is None:
        found += _unopened(settings)
    else:
        try:
            refuse_other_schema(db)
        except Blocked as error:
            found.append(Finding(error.code, "error", str(error), "broadcaster init"))
        else:
            with db.read() as session:
                for check in _CHECKS:
                    found += check(session, db, settings, now)
    order = ("error", "warning", "info")
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _unopened(settings: Settings) -> Iterator[Finding]:
    try:
        open_database(settings).close()
    except Blocked as error:
        yield Finding(error.code, "error", str(error), "broadcaster init")


def _settings(settings: Settings) -> Iterator[Finding]:
    def lacks(code: str, severity: str, message: str, *names: str) -> Finding:
        return Finding(code, severity, message, "isi " + ", ".join(f"BROADCASTER_{name}" for name in names))

    telegram = bool(settings.telegram_token.get_secret_value())
    twilio = bool(
        settings.twilio_account_sid
        and (
            (settings.twilio_api_key and settings.twilio_api_secret.get_secret_value())
            or settings.twilio_auth_token.get_secret_value()
        )
    )
    # in rehearsal no provider is real: what is missing there is no more than a channel that does not take part
    worst = "info" if settings.mode is Mode.REHEARSAL else "error"
    if not telegram and not twilio:
        yield lacks(
            "no_channel", worst, "Belum ada saluran yang dapat mengirim: kunci Telegram dan Twilio kosong.",
            "TELEGRAM_TOKEN", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
        )  # fmt: skip
    elif not telegram:
        yield lacks("no_telegram", "info", "Telegram tidak dipakai: kuncinya kosong.", "TELEGRAM_TOKEN")
    elif not twilio:
        yield lacks(
            "no_twilio", "info", "WhatsApp dan SMS tidak dipakai: kunci Twilio belum lengkap.",
            "TWILIO_ACCOUNT_SID", "TWILIO_API_KEY", "TWILIO_API_SECRET",
        )  # fmt: skip
    if twilio and not settings.twilio_whatsapp_from:
        yield lacks("no_whatsapp_sender", "warning", "Nomor pengirim WhatsApp kosong.", "TWILIO_WHATSAPP_FROM")
    if twilio and not settings.twilio_sms_from and not settings.twilio_messaging_service_sid:
        yield lacks("no_sms_sender", "warning", "Nama atau nomor pengirim SMS kosong.", "TWILIO_SMS_FROM")
    if not settings.public_base_url:
        return
    url = urlsplit(settings.public_base_url)
    if url.scheme != "https" and not is_loopback(settings.public_base_url):
        yield Finding(
            "public_url_not_https", "error", "Alamat umum tidak memakai https, sehingga penyedia menolaknya.",
            "tulis BROADCASTER_PUBLIC_BASE_URL dengan https://",
        )  # fmt: skip
    if telegram and not settings.telegram_webhook_secret.get_secret_value():
        yield lacks(
            "no_telegram_secret", "error", "Panggilan dari Telegram tidak dapat diperiksa keasliannya.",
            "TELEGRAM_WEBHOOK_SECRET",
        )  # fmt: skip
    if twilio and not settings.twilio_auth_token.get_secret_value():
        yield lacks(
            "no_twilio_auth_token",
            "error",
            "Panggilan dari Twilio tidak dapat diperiksa keasliannya.",
            "TWILIO_AUTH_TOKEN",
        )


def _folders(settings: Settings) -> Iterator[Finding]:
    for code, path, mode in (("open_data_dir", settings.data_dir, 700), ("open_key", settings.key_file, 600)):
        if path.exists() and path.stat().st_mode & 0o077:
            yield Finding(code, "error", f"{path} dapat dibaca pengguna lain di komputer ini.", f"chmod {mode} {path}")
    try:
        refuse_network_folder(settings.data_dir)
    except Blocked as error:
        yield Finding(error.code, "error", str(error), "pindahkan folder data ke disk komputer ini")


def _clock(now: datetime) -> Iterator[Finding]:
    if not _EARLIEST <= now < _LATEST:
        yield Finding("clock_wrong", "error", f"Jam komputer ini {now:%d-%m-%Y %H.%M} UTC.", "betulkan jam komputer")


Check = Callable[[Session, Database, Settings, datetime], Iterator[Finding]]


def _clock_behind(session: Session, _db: Database, _settings: Settings, now: datetime) -> Iterator[Finding]:
    newest = [session.exec(select(AuditEntry.at).order_by(col(AuditEntry.id).desc()).limit(1)).first()]
    newest += session.exec(select(JobRun.last_ok_at)).all()
    latest = max((moment for moment in newest if moment is not None), default=now)
    if latest - now > SILENT:
        yield Finding(
            "clock_behind", "error",
            f"Jam komputer ini ({now:%d-%m-%Y %H.%M} UTC) tertinggal dari catatan terakhir ({latest:%d-%m-%Y %H.%M}).",
            "betulkan jam komputer sebelum mengirim",
        )  # fmt: skip


def _moved(session: Session, _db: Database, _settings: Settings, _now: datetime) -> Iterator[Finding]:
    row = session.exec(select(Installation)).first()
    if row is None:
        yield Finding("not_initialised", "error", "Instalasi ini belum selesai disiapkan.", "broadcaster init")
    elif row.moved_at is not None:
        yield Finding(
            "moved", "error", f"Basis data ini sudah dipindahkan pada {row.moved_at:%d-%m-%Y}; ia tidak mengirim lagi.",
            "pakai basis data yang baru (BROADCASTER_DATABASE_URL)",
        )  # fmt: skip


def _key(session: Session, db: Database, settings: Settings, _now: datetime) -> Iterator[Finding]:
    sealed = session.exec(select(Guardian.sealed_name).limit(1)).first()
    if sealed is None:
        return
    try:
        db.sealer.open("name", sealed)
    except Unsealable:
        yield Finding(
            "wrong_key", "error", f"Kunci {settings.key_file} bukan kunci data ini; nama dan nomor tidak terbaca.",
            "kembalikan kunci yang benar dari salinan Anda",
        )  # fmt: skip


def _chain(session: Session, _db: Database, _settings: Settings, _now: datetime) -> Iterator[Finding]:
    if not office.verify_chain(session):
        yield Finding(
            "audit_broken", "error", "Catatan audit pernah diubah di luar program.",
            "bandingkan dengan cadangan, dan laporkan kepada kepala dinas",
        )  # fmt: skip


def _facts(session: Session, _db: Database, _settings: Settings, _now: datetime) -> Iterator[Finding]:
    for fact in office.missing_facts(session):
        yield Finding(
            "empty_fact", "error", f"{fact.label} ({fact.key}) masih kosong, jadi pesan belum dapat dikirim.",
            f'broadcaster office set {fact.key} "{fact.example}"',
        )  # fmt: skip


def _people(session: Session, _db: Database, settings: Settings, _now: datetime) -> Iterator[Finding]:
    active = [line for line in office.staff_list(session) if line.disabled_at is None]
    if not active:
        yield Finding(
            "no_staff", "warning", "Belum ada akun petugas, jadi belum ada yang dapat masuk.",
            "broadcaster staff add NAMA --role admin",
        )  # fmt: skip
    elif len(active) == 1:
        yield Finding(
            "no_second_person", "warning", "Baru ada satu akun; kampanye perlu disetujui orang kedua.",
            "broadcaster staff add NAMA --role approver",
        )  # fmt: skip
    if settings.mode is Mode.TRIAL and session.exec(select(TestRecipient.id).limit(1)).first() is None:
        yield Finding(
            "no_recipients", "warning", "Mode uji coba hanya mengirim ke penerima uji, dan belum ada satu pun.",
            "broadcaster recipients add",
        )  # fmt: skip


def _jobs(session: Session, _db: Database, _settings: Settings, now: datetime) -> Iterator[Finding]:
    for row in session.exec(select(JobRun).order_by(col(JobRun.job))):
        if row.last_ok_at is None or now - row.last_ok_at > SILENT:
            since = (
                "belum pernah selesai" if row.last_ok_at is None else f"terakhir selesai {_ago(now - row.last_ok_at)}"
            )
            error = f"; kesalahan terakhir: {row.last_error}" if row.last_error else ""
            yield Finding(
                "job_silent",
                "warning",
                f"Pekerjaan '{row.job}' {since}{error}.",
                "jalankan `broadcaster run` dan baca lognya",
            )


def _lanes(session: Session, _db: Database, _settings: Settings, now: datetime) -> Iterator[Finding]:
    for name, since in waiting_lanes(session, now):
        if now - since > SILENT:
            yield Finding(
                "lane_silent",
                "warning",
                f"Pesan pengirim '{name}' seharusnya berangkat {_ago(now - since)}, tetapi tidak ada yang mengirimnya.",
                "jalankan `broadcaster run` atau `broadcaster worker`, dan periksa kunci salurannya",
            )


def _templates(session: Session, _db: Database, settings: Settings, _now: datetime) -> Iterator[Finding]:
    """Templates that wait for Meta or for us; where something went wrong an alert says so."""
    if not settings.twilio_whatsapp_from:
        return
    waiting = [
        one.line
        for one in template_lines(session)
        if not one.line.standing.may_be_sent and one.line.standing.state not in WRONG
    ]
    ours = [line.key for line in waiting if line.standing.state in (UNSUBMITTED, UNKNOWN)]
    if ours:
        yield Finding(
            "template_unsubmitted", "info",
            f"{len(ours)} templat WhatsApp belum dimintakan persetujuan: {', '.join(ours)}.", "broadcaster content push",
        )  # fmt: skip
    theirs = [line.key for line in waiting if line.key not in ours]
    if theirs:
        yield Finding(
            "template_pending", "info", f"{len(theirs)} templat WhatsApp belum disetujui Meta: {', '.join(theirs)}.",
            "tunggu, biasanya paling lama dua hari; keadaannya: broadcaster content status",
        )  # fmt: skip


def _telegram(session: Session, _db: Database, settings: Settings, _now: datetime) -> Iterator[Finding]:
    """Telegram brings its news either way, never both: what it was told last must be what these settings say."""
    token = settings.telegram_token.get_secret_value()
    if not token:
        return
    wanted = webhook_address(settings.public_base_url, settings.telegram_webhook_secret.get_secret_value())
    told = known_webhook(session, token.partition(":")[0])
    if wanted == told:
        return
    yield Finding(
        "telegram_not_connected", "error",
        f"Telegram belum diberi tahu alamat {wanted}, jadi balasan lewat Telegram tidak masuk."
        if wanted
        else f"Telegram masih memanggil {told}, jadi balasan lewat Telegram tidak dapat diambil.",
        "broadcaster telegram connect",
    )  # fmt: skip


def _ago(passed: timedelta) -> str:
    minutes = int(passed.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} menit lalu"
    return f"{minutes // 60} jam lalu" if minutes < 48 * 60 else f"{minutes // 1440} hari lalu"


def _alerts(session: Session, _db: Database, _settings: Settings, _now: datetime) -> Iterator[Finding]:
    codes = load_codes(content_dir() / "codes").sentences()
    for alert in office.open_alerts(session):
        title, acts = alerts.alert(alert.kind, alert.subject, alert.data, codes)
        yield Finding(
            f"alert_{alert.kind}", "warning", f"{title} (sejak {alert.since:%d-%m-%Y %H.%M} UTC)",
            acts or "buka halaman beranda, lalu tindak lanjuti",
        )  # fmt: skip


_CHECKS: tuple[Check, ...] = (
    _moved,
    _clock_behind,
    _key,
    _chain,
    _facts,
    _people,
    _jobs,
    _lanes,
    _telegram,
    _templates,
    _alerts,
)
