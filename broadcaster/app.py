"""Wiring: settings become an `App`. The only importer of concrete channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from broadcaster import clock as clocks
from broadcaster.channels import telegram_events, twilio_events
from broadcaster.channels.codes import Codes, load_codes
from broadcaster.channels.http import Transport
from broadcaster.channels.protocol import (
    Channel,
    ChannelEvent,
    LookUp,
    Poller,
    RawEvent,
    Reader,
    TelegramBotAccount,
)
from broadcaster.channels.telegram import TelegramChannel, TelegramPoller
from broadcaster.channels.telegram_account import TelegramAccount
from broadcaster.channels.twilio import SmsChannel, TwilioPoller, WhatsAppChannel
from broadcaster.channels.twilio_client import TwilioAccount
from broadcaster.channels.village_list import VillageListChannel
from broadcaster.clock import Clock, SteppedClock, SystemClock
from broadcaster.domain.message import ChannelKind
from broadcaster.operations.service import open_database
from broadcaster.outbox.record import CodeClass
from broadcaster.settings import Mode, Settings
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database

#: A call of Twilio's is made again within this time, or not at all: what has not come by then was lost.
WEBHOOK_LOST_AFTER = timedelta(minutes=2)


@dataclass
class _Events:
    """The events of one account, read without its keys."""

    account: str
    parse: Callable[[RawEvent], Sequence[ChannelEvent]]


_READERS: tuple[Reader, ...] = (
    _Events(telegram_events.ACCOUNT, telegram_events.parse),
    _Events(twilio_events.ACCOUNT, twilio_events.parse),
)


@dataclass
class App:
    """Everything a command, a page or a job needs; made once per process."""

    settings: Settings
    clock: Clock
    db: Database
    channels: dict[ChannelKind, Channel] = field(default_factory=dict)
    pollers: list[Poller] = field(default_factory=list)  # accounts whose news must be fetched: no webhook brings it
    behind: list[Poller] = field(
        default_factory=list
    )  # accounts that are asked for what their webhooks failed to bring
    lookups: list[LookUp] = field(default_factory=list)  # accounts that can be asked what became of a text
    transport: Transport | None = None
    telegram: TelegramBotAccount | None = None  # the bot itself: its name, and how its news reach us

    def now(self) -> datetime:
        """The current moment, aware UTC."""
        return self.clock.now()

    def today(self) -> date:
        """The current day in the office's zone."""
        return clocks.today(self.clock.now(), self.settings.zone)

    def readers(self) -> dict[str, Reader]:
        """Who reads the kept events of each account. Every one of them, with or without its keys: a stop word that was kept is
        read also after a token has been taken away."""
        return {reader.account: reader for reader in _READERS}

    def by_account(self) -> dict[str, Channel]:
        """Channels by the account whose events they read; one reader per account is enough."""
        return {channel.account: channel for channel in self.channels.values()}

    @cached_property
    def codes(self) -> Codes:
        """What each provider's codes mean."""
        return load_codes(content_dir() / "codes")

    def classify(self, channel: ChannelKind, code: str, in_receipt: bool) -> CodeClass:
        """The class of a code that came in an answer or in a receipt."""
        found = self.codes.classify(channel, code, receipt=in_receipt)
        return CodeClass(found.kind, found.max_tries)

    def follows(self, channel: ChannelKind, code: str, in_receipt: bool) -> bool:
        """Whether a household may be written to on its next channel after this code."""
        return self.codes.classify(channel, code, receipt=in_receipt).next

    @cached_property
    def code_sentences(self) -> Mapping[str, str]:
        """ "<channel>:<code>" -> the sentence staff read."""
        return self.codes.sentences()

    async def aclose(self) -> None:
        for channel in self.channels.values():
            await channel.aclose()
        if self.transport is not None:
            await self.transport.aclose()
        self.db.close()


def clock_for(settings: Settings) -> Clock:
    """The machine's clock, or in rehearsal one that starts at `BROADCASTER_NOW` or `--now`."""
    if settings.mode is Mode.REHEARSAL and settings.now:
        return SteppedClock(clocks.parse_moment(settings.now))
    return SystemClock()


def open_app(settings: Settings, clock: Clock | None = None) -> App:
    """An app without channels: enough for everything that does not speak to a provider."""
    return App(settings=settings, clock=clock or clock_for(settings), db=open_database(settings))


def configured(settings: Settings) -> set[ChannelKind]:
    """Channels whose tokens and sender numbers are set."""
    ready = {ChannelKind.VILLAGE_LIST}
    if settings.telegram_token.get_secret_value():
        ready.add(ChannelKind.TELEGRAM)
    signed_in = settings.twilio_account_sid and (
        settings.twilio_auth_token.get_secret_value()
        or (settings.twilio_api_key and settings.twilio_api_secret.get_secret_value())
    )
    if signed_in and settings.twilio_whatsapp_from:
        ready.add(ChannelKind.WHATSAPP)
    if signed_in and (settings.twilio_sms_from or settings.twilio_messaging_service_sid):
        ready.add(ChannelKind.SMS)
    return ready


def connect(app: App) -> App:
    """Give the app its channels and pollers; nothing is sent or asked yet."""
    settings, ready = app.settings, configured(app.settings)
    transport = app.transport = Transport(
        connect_timeout_s=settings.connect_timeout_s, read_timeout_s=settings.read_timeout_s
    )
    app.channels[ChannelKind.VILLAGE_LIST] = VillageListChannel()
    if ChannelKind.TELEGRAM in ready:
        token, base = settings.telegram_token.get_secret_value(), settings.telegram_base_url
        secret = settings.telegram_webhook_secret.get_secret_value()
        app.channels[ChannelKind.TELEGRAM] = TelegramChannel(
            transport, token=token, base_url=base, webhook_secret=secret
        )
        app.telegram = TelegramAccount(transport, token=token, base_url=base)
        if not settings.public_base_url or not secret:
            app.pollers.append(TelegramPoller(transport, token=token, base_url=base))
    if not ready & {ChannelKind.WHATSAPP, ChannelKind.SMS}:
        return app
    twilio = TwilioAccount(
        transport,
        account_sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_token.get_secret_value(),
        api_key=settings.twilio_api_key,
        api_secret=settings.twilio_api_secret.get_secret_value(),
        base_url=settings.twilio_base_url,
    )
    public = settings.public_base_url
    if ChannelKind.WHATSAPP in ready:
        app.channels[ChannelKind.WHATSAPP] = WhatsAppChannel(
            twilio, sender=settings.twilio_whatsapp_from, public_base_url=public
        )
    if ChannelKind.SMS in ready:
        app.channels[ChannelKind.SMS] = SmsChannel(
            twilio,
            sender=settings.twilio_sms_from,
            messaging_service_sid=settings.twilio_messaging_service_sid,
            public_base_url=public,
        )
    asked = TwilioPoller(twilio, whatsapp_from=settings.twilio_whatsapp_from, sms_from=settings.twilio_sms_from)
    app.lookups.append(asked)
    if public:
        app.behind.append(
            TwilioPoller(
                twilio, whatsapp_from=settings.twilio_whatsapp_from, sms_from=settings.twilio_sms_from,
                after=WEBHOOK_LOST_AFTER,
            )
        )  # fmt: skip
    else:
        app.pollers.append(asked)
    return app
