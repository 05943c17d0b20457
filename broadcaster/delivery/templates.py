"""WhatsApp templates at the provider: registering them, following how they stand, and what follows from that here.

What waits for a template that may not be used is released, and people are told, from the rows alone: doing it again changes
nothing, whoever learned the news.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcaster.campaigns.alerts import TEMPLATE_ALERTS
from broadcaster.campaigns.queries import templates_in_use
from broadcaster.campaigns.service import APPROVERS
from broadcaster.channels.protocol import Approval, Channel, HeldTemplate, TemplateRegistrar, TemplateSpec
from broadcaster.clock import Clock
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import Blocked
from broadcaster.office.queries import open_alerts, require
from broadcaster.office.service import audit, clear_alert, raise_alert
from broadcaster.outbox.held import held_versions, release
from broadcaster.rendering import provider
from broadcaster.rendering.approval import MISSING, UNKNOWN, UNSUBMITTED, WRONG, Standing
from broadcaster.rendering.provider import ProviderLine, TemplateRequest, provider_lines, template_request
from broadcaster.rendering.queries import latest, versions
from broadcaster.rendering.service import record_provider_template
from broadcaster.storage.database import Database

#: The provider is asked about all templates this often.
FOLLOW_EVERY = timedelta(minutes=10)
#: Codes that speak of every call: the rest of a push would only fail too.
_EVERY_CALL = frozenset({"provider_unreachable", "too_many_calls", "bad_credentials"})
#: Of several templates with one wording (a push that was killed, and pushed again by hand): the one that is furthest.
_FURTHEST = ("approved", "paused", "pending", "received", UNSUBMITTED)


@dataclass(frozen=True)
class Problem:
    """One message whose template could not be registered, and why."""

    key: str
    code: str
    message: str


@dataclass(frozen=True)
class Pushed:
    """What a push did. `states`: message -> how the template of its newest wording stands."""

    states: dict[str, str]
    created: list[str]
    problems: list[Problem]


@dataclass(frozen=True)
class TemplateLine:
    """One wording at the provider, and the campaigns that are not over and need it."""

    line: ProviderLine
    campaigns: tuple[str, ...]


def registrar_of(channels: Mapping[ChannelKind, Channel]) -> TemplateRegistrar:
    """The channel that registers templates; raises `Blocked` when WhatsApp is not set up."""
    registrar = channels.get(ChannelKind.WHATSAPP)
    if registrar is None or not isinstance(registrar, TemplateRegistrar):
        raise Blocked("WhatsApp belum disetel; isi BROADCASTER_TWILIO_* lalu ulangi.", code="missing_token")
    return registrar


async def push(db: Database, clock: Clock, registrar: TemplateRegistrar) -> Pushed:
    """Create the templates of the newest wordings that the provider does not hold, and ask for their approval.

    Each is looked for before it is created, so doing it again changes nothing. One that is refused holds up no other. Raises
    `Blocked` when the provider does not list what it holds.
    """
    held, _ = await _ask(db, clock, registrar)
    work = await asyncio.to_thread(_work, db, registrar.account)
    created: list[str] = []
    problems: list[Problem] = []
    for line, request in work:
        registering = _Registering(db, clock, registrar, request)
        try:
            await registering.register(line, held)
        except Blocked as error:
            problems.append(Problem(line.key, error.code, str(error)))
            if error.code in _EVERY_CALL:
                break
        finally:
            if registering.created:
                created.append(line.key)
    await asyncio.to_thread(_settle, db, clock.now())
    return Pushed(await asyncio.to_thread(_states, db, registrar.account), created, problems)


async def ask(db: Database, clock: Clock, registrar: TemplateRegistrar) -> int:
    """Ask how every template stands, and act on it; how much changed. Raises `Blocked` when the provider does not say."""
    _, changed = await _ask(db, clock, registrar)
    return changed + await asyncio.to_thread(_settle, db, clock.now())


async def follow(db: Database, clock: Clock, registrar: TemplateRegistrar) -> int:
    """The same when the last answer is old; else act on what is known. Returns how much changed, rows released included."""
    if await asyncio.to_thread(_old, db, registrar.account, clock.now()):
        return await ask(db, clock, registrar)
    return await asyncio.to_thread(_settle, db, clock.now())


def accept_category(db: Database, key: str, account: str, *, by: str, now: datetime) -> list[tuple[int, str]]:
    """A person says yes to the category Meta gave: (version number, category) of each wording that may be sent again.

    Raises `NotFound`, `NotAllowed`, and `Blocked` when Meta has shifted nothing.
    """
    with db.write() as session:
        member = require(session, by, APPROVERS)
        latest(session, key)
        accepted = provider.accept_category(session, key, account)
        if not accepted:
            raise Blocked(
                f"Meta tidak menggeser kategori templat WhatsApp {key}; tidak ada yang perlu disetujui.",
                code="nothing_shifted",
            )
        _act(session, now)
        audit(
            session, at=now, staff=member.username, action="content.accept_category", entity=key,
            data={"versions": [number for number, _ in accepted], "category": accepted[-1][1]},
        )  # fmt: skip
    return accepted


def template_lines(session: Session, account: str = "twilio") -> list[TemplateLine]:
    """How the newest wordings stand, and older ones that a campaign still uses; by key and number."""
    in_use = templates_in_use(session)
    return [
        TemplateLine(line, tuple(sorted(in_use.get(line.version_id, ()))))
        for line in provider_lines(session, account, also=in_use)
    ]


def tell(session: Session, now: datetime) -> None:
    """Alerts about templates as they stand now: raised where something is wrong, cleared where it is fine again."""
    wanted, is_open = _wanted_alerts(session), _open_alerts(session)
    for (kind, key), data in wanted.items():
        if is_open.get((kind, key)) != data:
            raise_alert(session, kind, key, data, now)
    for kind, key in is_open.keys() - wanted.keys():
        clear_alert(session, kind, key, now)


class _Registering:
    """One template on its way to the provider. Every step is kept before the next begins."""

    def __init__(self, db: Database, clock: Clock, registrar: TemplateRegistrar, request: TemplateRequest) -> None:
        self.db, self.clock, self.registrar, self.request = db, clock, registrar, request
        self.created = False

    async def register(self, line: ProviderLine, held: Sequence[HeldTemplate]) -> None:
        there: HeldTemplate | None
        if line.sid and line.standing.approval != MISSING:
            there = next((one for one in held if one.sid == line.sid), None)
        else:
            there = _same(held, self.request) or await self._create()
            if there is not None:
                await self._keep(there)
        if there is not None and there.approval.status == UNSUBMITTED:
            await self._ask(there)

    async def _create(self) -> HeldTemplate | None:
        """The new template; None when another process has created it since we asked what there is."""
        request = self.request
        begun = await asyncio.to_thread(self._begin)
        if begun == "there":
            return None
        if begun == "unknown":
            raise Blocked(Standing(UNKNOWN).sentence(request.key), code="template_unknown")
        spec = TemplateSpec(
            request.name, request.language, request.body, request.samples, request.buttons, request.category
        )
        nothing = HeldTemplate("", request.name, Approval(UNSUBMITTED, ""))
        try:
            sid = await self.registrar.create_template(spec)
        except Blocked as error:
            if error.code != "template_unknown":
                await self._keep(nothing)
                raise
            # presence proves that it was created; that it is not listed proves nothing, and it stays unknown
            found = _same(await self.registrar.templates(), request)
            if found is None:
                raise Blocked(Standing(UNKNOWN).sentence(request.key), code="template_unknown") from error
            self.created = True
            return found
        self.created = True
        return replace(nothing, sid=sid)

    async def _ask(self, there: HeldTemplate) -> None:
        refusal: Blocked | None = None
        try:
            await self.registrar.request_approval(there.sid, there.name, self.request.category)
        except Blocked as error:
            if error.code in _EVERY_CALL:
                raise
            refusal = error  # an earlier request may have come through after all
        approval = await self.registrar.approval(there.sid)
        if approval.status == UNSUBMITTED:
            if refusal is not None:
                raise refusal
            approval = replace(approval, status="received")
        await self._keep(replace(there, approval=approval))

    async def _keep(self, there: HeldTemplate) -> None:
        await asyncio.to_thread(self._record, there)

    def _begin(self) -> provider.Begun:
        with self.db.write() as session:
            return provider.begin_template(session, self.request, self.registrar.account, self.clock.now())

    def _record(self, there: HeldTemplate) -> None:
        with self.db.write() as session:
            record_provider_template(
                session, self.request.version_id, self.registrar.account, there.sid, there.approval.status,
                there.approval.category, self.clock.now(), reason=there.approval.reason, name=there.name,
            )  # fmt: skip


async def _ask(db: Database, clock: Clock, registrar: TemplateRegistrar) -> tuple[Sequence[HeldTemplate], int]:
    asked_at = clock.now()
    held = await registrar.templates()
    return held, await asyncio.to_thread(_learn, db, registrar.account, held, asked_at, clock.now())


def _learn(db: Database, account: str, held: Sequence[HeldTemplate], asked_at: datetime, now: datetime) -> int:
    with db.write() as session:
        return provider.learn(session, account, held, asked_at, now)


def _old(db: Database, account: str, now: datetime) -> bool:
    with db.read() as session:
        return provider.checked_before(session, account, now - FOLLOW_EVERY)


def _work(db: Database, account: str) -> list[tuple[ProviderLine, TemplateRequest]]:
    """What is not there yet, was not asked for, or is gone, with what to ask for."""
    with db.read() as session:
        lines = [
            line
            for line in provider_lines(session, account, also=templates_in_use(session))
            if not line.sid or line.standing.approval in (MISSING, UNSUBMITTED)
        ]
        known = versions(session, [line.version_id for line in lines], account)
    requests = [(line, template_request(known[line.version_id])) for line in lines]
    return [(line, request) for line, request in requests if request is not None]


def _states(db: Database, account: str) -> dict[str, str]:
    with db.read() as session:
        return {line.key: line.standing.state for line in provider_lines(session, account)}


def _same(held: Sequence[HeldTemplate], request: TemplateRequest) -> HeldTemplate | None:
    """The template that was created for this very request, whenever and by whomever; the one furthest on the way."""
    found = [one for one in held if request.is_named(one.name)]
    order = {status: place for place, status in enumerate(_FURTHEST)}
    return min(found, key=lambda one: order.get(one.approval.status, len(order)), default=None)


def _settle(db: Database, now: datetime) -> int:
    """Release what waits for nothing any more, and tell people. Returns how many rows were released."""
    with db.read() as session:
        if not _free(session) and _wanted_alerts(session) == _open_alerts(session):
            return 0
    with db.write() as session:
        return _act(session, now)


def _act(session: Session, now: datetime) -> int:
    tell(session, now)
    return release(session, _free(session), now)


def _free(session: Session) -> list[int]:
    """Wordings under which rows wait although their template may be used."""
    waiting = held_versions(session)
    return [id for id, version in versions(session, waiting).items() if version.standing.may_be_sent] if waiting else []


def _wanted_alerts(session: Session) -> dict[tuple[str, str], dict[str, object]]:
    """(kind, message) -> data, for every wording in trouble, and every other that a campaign needs and may not send."""
    in_use = templates_in_use(session)
    wanted: dict[tuple[str, str], dict[str, object]] = {}
    for line in provider_lines(session, also=in_use):
        standing = line.standing
        needed = any(state in ("running", "paused") for state in in_use.get(line.version_id, {}).values())
        if standing.may_be_sent or not (needed or standing.state in WRONG):
            continue
        kind = f"template_{standing.state}" if standing.state in WRONG else "template_waiting"
        data: dict[str, object] = {
            "version": line.number,
            "asked": standing.asked.lower(),
            "given": standing.given.lower(),
        }
        if standing.reason:
            data["code"] = standing.reason.rstrip(". ")
        wanted[kind, line.key] = data
    return wanted


def _open_alerts(session: Session) -> dict[tuple[str, str], dict[str, object]]:
    return {
        (alert.kind, alert.subject): dict(alert.data) for alert in open_alerts(session) if alert.kind in TEMPLATE_ALERTS
    }
