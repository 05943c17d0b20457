"""Rows with sensible defaults, for tests. A call shows only what matters to the test:

    from tests import make

    with db.write() as session:
        family = make.family(session, db.sealer, born="2021-12-01", card="printed", phone="+6281234567890")
        message = make.message(session, db.sealer, household=family.household, status="planned")

- Every factory takes the open `Session` first and, where it stores personal data, the `Sealer` second; it adds one row
  (and what that row must point to, when it is not given), flushes, and returns the row with its id.
- Values that must be unique are numbered from the rows already there, so a test sees the same values on every run and
  on both databases. Days may be "2026-10-05" or a `date`, moments are aware `datetime` (default: the fixture's).
- Rows are written as they are: no rule of the product runs. To test a rule, call the product's own service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, SQLModel, func, select

from broadcaster.storage import tables
from broadcaster.storage.sealed import Sealer

NOW = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)  # Monday 08:00 in the office
TODAY = date(2026, 10, 5)
INSTANCE = "0a1b2c3d"
_OFFICE = ZoneInfo("Asia/Jakarta")

Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True)
class Family:
    """One household as `family` makes it."""

    household: tables.Household
    guardian: tables.Guardian
    child: tables.Child
    card: tables.Card
    contacts: tuple[tables.ContactPoint, ...]


# --- office ---------------------------------------------------------------------------------------


def village(
    session: Session,
    *,
    code: str = "17.03.07.1015",
    name: str = "Gunung Alam",
    kind: str = "kelurahan",
    kecamatan: str = "Kota Arga Makmur",
    capacity_place: str = "kantor",
    weak_signal: bool = False,
) -> tables.Village:
    """The village of that code; made when it is not there yet. Its kecamatan's code is the front of its own."""
    found = session.exec(select(tables.Village).where(tables.Village.code == code)).first()
    return found or _add(
        session,
        tables.Village(
            code=code, name=name, kind=kind, kecamatan_code=code[:8], kecamatan=kecamatan,
            capacity_place=capacity_place, weak_signal=weak_signal,
        ),
    )  # fmt: skip


def visit(
    session: Session, code: str, on_date: date | str, *, place: str = "balai desa", hours: str = "08.30-12.00 WIB"
) -> tables.ServiceVisit:
    """The office comes to the village of that code, which must be there."""
    return _add(session, tables.ServiceVisit(village_code=code, on_date=_day(on_date), place=place, hours=hours))


def staff(session: Session, username: str = "sari", role: str = "operator", *, disabled: bool = False) -> tables.Staff:
    """An account nobody can sign in with (its hash fits no password); `office.service.add_staff` makes a real one."""
    return _add(
        session,
        tables.Staff(
            username=username, role=role, password_hash="!", created_at=NOW, disabled_at=NOW if disabled else None
        ),
    )


def facts(session: Session, **values: str) -> None:
    """Office facts; a complete set that blocks nothing, with `values` on top. A dot in a key is written `__`."""
    complete = {
        "tempat_ambil": "loket Dukcapil, Jl. Jenderal Sudirman, Arga Makmur",
        "tempat_ambil.enggano": "kantor Camat Enggano, Desa Apoho",
        "jam_layanan": "Senin-Kamis 08.00-15.00, Jumat 08.00-15.30",
        "syarat_ambil": "KTP-el orang tua dan KK asli",
        "nomor_wa_layanan": "081200000001",
        "nomor_wa_pengirim": "081200000002",
        "lama_selesai": "3 hari kerja",
        "kapasitas_harian": "50",
    } | {key.replace("__", "."): value for key, value in values.items()}
    for key, value in complete.items():
        _add(session, tables.OfficeFact(key=key, value=value, updated_at=NOW, updated_by="sistem"))


def trial_recipient(
    session: Session, sealer: Sealer, channel: str = "whatsapp", address: str = "+6281234567890", label: str = "Sari"
) -> tables.TestRecipient:
    return _add(
        session,
        tables.TestRecipient(
            channel=channel, address_blind=sealer.blind("address", address),
            sealed_address=sealer.seal("address", address), label=label,
        ),
    )  # fmt: skip


# --- registry -------------------------------------------------------------------------------------


def household(
    session: Session,
    sealer: Sealer,
    *,
    village: tables.Village | None = None,
    kk: str | None = None,
    key: str | None = None,
    alias_of: tables.Household | None = None,
) -> tables.Household:
    """A household with one KK number. Without `village` it lives in the default one."""
    number = _next(session, tables.Household)
    home = village or _default_village(session)
    row = _add(
        session,
        tables.Household(
            key=key or f"household-{number}", alias_of=alias_of.id if alias_of else None, village_id=home.id,
            created_at=NOW,
        ),
    )  # fmt: skip
    _add(
        session,
        tables.HouseholdKk(kk_blind=sealer.blind("kk", kk or f"1703071501{number:06}"), household_id=_id(row)),
    )
    return row


def guardian(
    session: Session, sealer: Sealer, household: tables.Household, *, name: str = "SITI AMINAH"
) -> tables.Guardian:
    return _add(session, tables.Guardian(household_id=_id(household), sealed_name=sealer.seal("name", name)))


def child(
    session: Session,
    sealer: Sealer,
    household: tables.Household,
    *,
    born: str | date = "2022-03-14",
    name: str = "RIZKI PRATAMA",
    sex: str = "L",
    card: str | None = "printed",
    kind: str | None = None,
    since: str | date = "2026-09-01",
    nik: str | None = None,
    excluded: str = "",
) -> tables.Child:
    """A child and, unless `card` is None, one card in that status since `since`.

    `kind` defaults to the card that fits the child's age on `TODAY`. `make.card_of` gives the card row.
    """
    birth = _day(born)
    number = _next(session, tables.Child)
    row = _add(
        session,
        tables.Child(
            household_id=_id(household), sealed_name=sealer.seal("name", name), birth_date=birth, sex=sex,
            excluded=excluded,
        ),
    )  # fmt: skip
    day = birth.day + (40 if sex == "P" else 0)
    # the serial has four digits; beyond ten thousand children the next kecamatan takes over
    nik = nik or f"1703{7 + number // 10_000:02}{day:02}{birth:%m%y}{number % 10_000:04}"
    _add(
        session,
        tables.ChildIdentity(nik_blind=sealer.blind("nik", nik), sealed_nik=sealer.seal("nik", nik), child_id=_id(row)),
    )
    if card is not None:
        _card(session, row, kind, card, since)
    return row


def card(
    session: Session,
    child: tables.Child,
    *,
    kind: str | None = None,
    status: str = "printed",
    since: str | date = "2026-09-01",
) -> tables.Card:
    """A further card of a child (one per kind)."""
    return _card(session, child, kind, status, since)


def card_of(session: Session, child: tables.Child, kind: str | None = None) -> tables.Card:
    """The card `child` made (of that kind, when the child has two)."""
    query = select(tables.Card).where(tables.Card.child_id == child.id)
    if kind is not None:
        query = query.where(tables.Card.kind == kind)
    return session.exec(query).one()


def contact(
    session: Session,
    sealer: Sealer,
    guardian: tables.Guardian,
    channel: str = "whatsapp",
    address: str = "+6281234567890",
    *,
    shared: bool = False,
    invalid: str = "",
) -> tables.ContactPoint:
    """One address on one channel. `invalid` gives the reason why it no longer works."""
    return _add(
        session,
        tables.ContactPoint(
            guardian_id=_id(guardian), channel=channel, address_blind=sealer.blind("address", address),
            sealed_address=sealer.seal("address", address), shared=shared, invalid_since=NOW if invalid else None,
            invalid_reason=invalid,
        ),
    )  # fmt: skip


def family(
    session: Session,
    sealer: Sealer,
    *,
    born: str | date = "2022-03-14",
    card: str = "printed",
    phone: str | None = None,
    channels: Sequence[str] = ("whatsapp", "sms"),
    village: tables.Village | None = None,
    guardian_name: str = "SITI AMINAH",
    child_name: str = "RIZKI PRATAMA",
) -> Family:
    """A household with a guardian, a child with a card, and the phone on `channels` (`phone=""`: no phone at all).

    Without `phone` each family has its own number.
    """
    home = household(session, sealer, village=village)
    parent = guardian(session, sealer, home, name=guardian_name)
    son = child(session, sealer, home, born=born, card=card, name=child_name)
    number = f"+6281200{_id(home):06}" if phone is None else phone
    contacts = tuple(contact(session, sealer, parent, channel, number) for channel in channels) if number else ()
    return Family(home, parent, son, card_of(session, son), contacts)


def import_batch(
    session: Session, *, kind: str = "children", data_until: str | date = "2026-10-04", at: datetime = NOW
) -> tables.ImportBatch:
    number = _next(session, tables.ImportBatch)
    return _add(
        session,
        tables.ImportBatch(
            sha256=f"{number:064x}", kind=kind, file_name=f"{kind}-{number}.xlsx", status="applied", applied_at=at,
            data_until=_day(data_until), row_count=1, good=1, rejected=0,
        ),
    )  # fmt: skip


# --- rendering, campaigns -------------------------------------------------------------------------


def template(
    session: Session,
    key: str = "ambil-kartu-1",
    *,
    purpose: str = "campaign",
    category: str = "utility",
    content: Mapping[str, Any] | None = None,
) -> tables.TemplateVersion:
    """A message with one version. To test texts, load the shipped content (`rendering.service.load_content`)."""
    head = _add(session, tables.MessageTemplate(key=key, title=key, purpose=purpose, category=category))
    body = content or {
        "variables": [],
        "buttons": [],
        "texts": dict.fromkeys(("telegram", "whatsapp", "sms", "village_list"), "Kartu sudah selesai."),
    }
    return _add(
        session,
        tables.TemplateVersion(
            template_id=_id(head), number=1, content=json.dumps(body), sha256=f"{_id(head):064x}", created_at=NOW,
            created_by="sistem",
        ),
    )  # fmt: skip


def campaign(
    session: Session,
    name: str = "kartu-belum-diambil",
    *,
    status: str = "running",
    lineage: str | None = None,
    definition: Mapping[str, Any] | None = None,
    templates: Mapping[str, int] | None = None,
    created_by: str = "sari",
    released_by: str | None = "budi",
) -> tables.Campaign:
    """A campaign with version 1. `definition` is what the campaign file says, on top of a default."""
    row = _add(
        session,
        tables.Campaign(
            name=name, lineage=lineage or name, status=status, version=1, created_by=created_by, created_at=NOW
        ),
    )
    full = {
        "name": name,
        "audience": {"occasions": ["printed_uncollected"], "kecamatan": []},
        "mode": "once",
        "outcome": "collected",
        "d_days": 14,
        "lot": {"waves": 3, "every_days": 7},
        "steps": [
            {"message": "ambil-kartu-1", "offset_days": 0, "channels": ["whatsapp", "sms"], "late": "next_window",
             "valid_days": 5},
        ],
    } | dict(definition or {})  # fmt: skip
    released = status != "draft" and released_by is not None
    _add(
        session,
        tables.CampaignVersion(
            campaign_id=_id(row), number=1, definition=json.dumps(full), templates=json.dumps(dict(templates or {})),
            created_by=created_by, created_at=NOW, released_by=released_by if released else None,
            released_at=NOW if released else None,
        ),
    )  # fmt: skip
    return row


def cohort(
    session: Session, campaign: tables.Campaign, *, number: int = 1, d_days: int = 14, drawn_on: str | date = TODAY
) -> tables.Cohort:
    return _add(
        session,
        tables.Cohort(
            campaign_id=_id(campaign), number=number, salt="00" * 16, list_sha256="0" * 64, preregistration="{}",
            prereg_sha256="0" * 64, d_days=d_days, drawn_on=_day(drawn_on), drawn_at=NOW,
        ),
    )  # fmt: skip


def assignment(
    session: Session,
    cohort: tables.Cohort,
    household: tables.Household,
    *,
    wave: int = 1,
    arm: str = "lot",
    tier: int = 1,
    place: str = "kantor",
    stratum: str = "",
    u: float = 0.5,
    rank: int | None = None,
    reason: str = "",
) -> tables.Assignment:
    return _add(
        session,
        tables.Assignment(
            cohort_id=_id(cohort), household_id=_id(household), household_key=household.key, tier=tier, place=place,
            stratum=stratum, u=u, rank=_next(session, tables.Assignment) - 1 if rank is None else rank, arm=arm,
            wave=wave, reason=reason,
        ),
    )  # fmt: skip


def wave(
    session: Session,
    cohort: tables.Cohort,
    number: int = 1,
    *,
    planned_on: str | date = TODAY,
    opened_on: str | date | None = None,
    households: int = 1,
    tier: int = 1,
    place: str = "kantor",
) -> tables.Wave:
    return _add(
        session,
        tables.Wave(
            cohort_id=_id(cohort), tier=tier, place=place, number=number, planned_on=_day(planned_on),
            opened_on=None if opened_on is None else _day(opened_on), households=households,
        ),
    )  # fmt: skip


# --- outbox ---------------------------------------------------------------------------------------


def sender(session: Session, channel: str = "whatsapp", *, pace: float = 10.0, daily_tier: int = 250) -> tables.Sender:
    """The lane of a channel, named after it; made when it is not there yet. WhatsApp's counts in a portfolio."""
    found = session.exec(select(tables.Sender).where(tables.Sender.name == channel)).first()
    if found is not None:
        return found
    portfolio = (
        _add(session, tables.Portfolio(name="whatsapp", daily_tier=daily_tier)) if channel == "whatsapp" else None
    )
    return _add(
        session,
        tables.Sender(
            name=channel, channel=channel, pace=pace, next_slot_at=NOW, portfolio_id=portfolio.id if portfolio else None
        ),
    )


def message(
    session: Session,
    sealer: Sealer,
    *,
    household: tables.Household | None = None,
    campaign: tables.Campaign | None = None,
    cohort: tables.Cohort | None = None,
    card: tables.Card | None = None,
    channel: str = "whatsapp",
    address: str = "+6281234567890",
    status: str = "planned",
    purpose: str = "campaign",
    step: str = "ambil-kartu-1",
    hop: int = 0,
    body: str | None = None,
    due_at: datetime = NOW,
    **columns: Any,
) -> tables.Message:
    """One row of the outbox, alone: attempts come from `attempt`. `columns` sets any further column by name.

    With `card` the message speaks about that card. `body` is sealed as it is.
    """
    number = _next(session, tables.Message)
    begun = status not in ("planned", "claimed", "suppressed", "expired", "cancelled")
    values: dict[str, Any] = {
        "dedupe_key": f"key-{number}",
        "purpose": purpose,
        "sender_id": _id(sender(session, channel)),
        "channel": channel,
        "sealed_address": sealer.seal("address", address),
        "address_blind": sealer.blind("address", address),
        "household_id": household.id if household else None,
        "campaign_id": campaign.id if campaign else None,
        "cohort_id": cohort.id if cohort else None,
        "step": step if purpose == "campaign" else "",
        "hop": hop,
        "status": status,
        "sealed_body": None if body is None else sealer.seal("body", body),
        "due_at": due_at,
        "expires_at": due_at + timedelta(days=5),
        "settle_by": due_at + timedelta(days=7),
        "intent_at": due_at if begun else None,
        "intent_on": due_at.astimezone(_OFFICE).date() if begun else None,
        "attempts": 1 if begun else 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    row = _add(session, tables.Message(**values | columns))
    if card is not None:
        _add(
            session,
            tables.MessageChild(
                message_id=_id(row), child_id=card.child_id, card_id=_id(card), occasion="printed_uncollected"
            ),
        )
    return row


def attempt(
    session: Session,
    message: tables.Message,
    *,
    state: str = "accepted",
    account: str = "twilio",
    provider_id: str | None = None,
    opened_at: datetime = NOW,
    code: str = "",
    **columns: Any,
) -> tables.Attempt:
    """The next try to send `message`. States above `unknown` get a provider id of their own."""
    number = session.exec(
        select(func.count()).select_from(tables.Attempt).where(tables.Attempt.message_id == message.id)
    ).one()
    if provider_id is None and state in ("accepted", "sent", "delivered", "read"):
        provider_id = f"SM{_next(session, tables.Attempt):032x}"
    values: dict[str, Any] = {
        "message_id": message.id,
        "number": number + 1,
        "state": state,
        "account": account,
        "opened_at": opened_at,
        "closed_at": None if state == "open" else opened_at + timedelta(seconds=1),
        "provider_id": provider_id,
        "code": code,
    }
    return _add(session, tables.Attempt(**values | columns))


def reference(attempt: tables.Attempt) -> str:
    """What the provider brings back for an attempt of the installation `INSTANCE`."""
    return f"{INSTANCE}-{attempt.id}"


def installation(session: Session) -> tables.Installation:
    """This installation's row, with `INSTANCE` as its id."""
    found = session.exec(select(tables.Installation)).first()
    return found or _add(session, tables.Installation(instance_id=INSTANCE, created_at=NOW))


def event(
    session: Session, sealer: Sealer, *, account: str = "twilio", kind: str = "inbound", raw: str = "{}", key: str = ""
) -> tables.ProviderEvent:
    """A provider's event, kept and not yet applied."""
    number = _next(session, tables.ProviderEvent)
    return _add(
        session,
        tables.ProviderEvent(
            account=account, event_key=key or f"event-{number}", kind=kind, sealed_raw=sealer.seal("event", raw),
            received_at=NOW,
        ),
    )  # fmt: skip


# --- helpers --------------------------------------------------------------------------------------


def _default_village(session: Session) -> tables.Village:
    return village(session)


def _card(session: Session, child: tables.Child, kind: str | None, status: str, since: str | date) -> tables.Card:
    birth = child.birth_date
    turns_five = birth.replace(year=birth.year + 5, day=28 if (birth.month, birth.day) == (2, 29) else birth.day)
    fitting = "no_photo" if turns_five > TODAY else "photo"
    return _add(session, tables.Card(child_id=_id(child), kind=kind or fitting, status=status, since=_day(since)))


def _add(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


def _next(session: Session, table: type[SQLModel]) -> int:
    """The number a new row will probably get: stable from run to run, and free."""
    newest = session.exec(select(func.max(table.id))).one()  # type: ignore[attr-defined]
    return (newest or 0) + 1


def _id(row: Any) -> int:
    assert row.id is not None, "the row has not been stored"
    return int(row.id)


def _day(value: str | date) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value
