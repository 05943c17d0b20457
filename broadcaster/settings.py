"""What the deployer sets: environment `BROADCASTER_*` or a `.env` file, read once, then frozen.

docs/reference/settings.md lists all.

What staff may change (office facts, prices, capacity) lives in the database instead, see `office`.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from broadcaster.errors import BadInput


class Mode(StrEnum):
    REHEARSAL = "rehearsal"  #: every provider is loopback; anyone may be written to; `--now` allowed
    TRIAL = "trial"  #: real providers, only staff and test recipients
    LIVE = "live"  #: real providers, real people


class Settings(BaseSettings):
    """All settings; times in seconds, pace in messages a second, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="BROADCASTER_", env_file=".env", env_file_encoding="utf-8", frozen=True, extra="ignore"
    )

    data_dir: Path = Path("data")
    database_url: str = ""  # empty: SQLite in the data folder
    secret_key_file: Path | None = None  # empty: <data_dir>/secret.key
    mode: Mode = Mode.TRIAL
    public_base_url: str = ""  # empty: poll the providers, no public address needed
    now: str = ""  # rehearsal only: the moment this process starts at

    telegram_token: SecretStr = SecretStr("")
    telegram_base_url: str = "https://api.telegram.org"
    telegram_file_base_url: str = "https://api.telegram.org/file"
    telegram_webhook_secret: SecretStr = SecretStr("")

    twilio_account_sid: str = ""
    twilio_api_key: str = ""
    twilio_api_secret: SecretStr = SecretStr("")
    twilio_auth_token: SecretStr = SecretStr("")  # verifies webhooks; also used to call when no API key is set
    twilio_base_url: str = ""  # empty: Twilio's own hosts
    twilio_whatsapp_from: str = ""  # E.164
    twilio_sms_from: str = ""  # E.164 or the registered alphanumeric sender
    twilio_messaging_service_sid: str = ""

    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    read_timeout_s: float = Field(default=15.0, gt=0, le=120)
    pace_telegram: float = Field(default=25.0, gt=0, le=2000)
    pace_whatsapp: float = Field(default=10.0, gt=0, le=2000)
    pace_sms: float = Field(default=1.0, gt=0, le=2000)
    whatsapp_daily_tier: int = Field(default=250, ge=1)  # unique people in a moving 24 hours, Meta's first step
    household_cap: int = Field(default=2, ge=1, le=50)  # campaign messages a household may get in 7 days

    import_max_rows: int = Field(default=300_000, ge=1)
    import_max_bytes: int = Field(default=400_000_000, ge=1)
    import_max_seconds: int = Field(default=600, ge=1)

    office_timezone: str = "Asia/Jakarta"
    log_format: Literal["console", "json"] = "console"

    @field_validator("office_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value} is not a time zone; write for example Asia/Jakarta") from error
        return value

    @model_validator(mode="after")
    def _safe_addresses(self) -> Settings:
        for name in ("telegram_base_url", "telegram_file_base_url", "twilio_base_url"):
            url = getattr(self, name)
            if url.startswith("http://") and not is_loopback(url):
                raise ValueError(
                    f"BROADCASTER_{name.upper()}: plain http is allowed for loopback addresses only; use https"
                )
        if self.mode is not Mode.REHEARSAL and self.twilio_base_url and not is_loopback(self.twilio_base_url):
            host = urlsplit(self.twilio_base_url).hostname or ""
            if not (host == "twilio.com" or host.endswith(".twilio.com")):
                raise ValueError(f"BROADCASTER_TWILIO_BASE_URL: {host} is not a Twilio host; leave it empty")
        if self.mode is Mode.REHEARSAL:
            far = [name for name in ("telegram_base_url", "twilio_base_url") if not is_loopback(getattr(self, name))]
            if far:
                names = ", ".join(f"BROADCASTER_{name.upper()}" for name in far)
                raise ValueError(
                    f"rehearsal may write to anyone, so {names} must point at this machine (http://127.0.0.1:PORT)"
                )
        if self.now and self.mode is not Mode.REHEARSAL:
            raise ValueError("BROADCASTER_NOW works in rehearsal only; unset it or set BROADCASTER_MODE=rehearsal")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.office_timezone)

    @property
    def key_file(self) -> Path:
        return self.secret_key_file or self.data_dir / "secret.key"

    @property
    def url(self) -> str:
        """SQLAlchemy address of the database."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'broadcaster.sqlite3').resolve()}"


def load(**overrides: object) -> Settings:
    """Read the settings; raises `BadInput` with one line per wrong value."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = []
        for item in error.errors():
            place = ".".join(str(part) for part in item["loc"])
            text = item["msg"].removeprefix("Value error, ")
            problems.append(f"BROADCASTER_{place.upper()}: {text}" if place else text)
        raise BadInput("; ".join(problems), code="bad_settings") from error


def is_loopback(url: str) -> bool:
    """Whether `url` can only mean this machine: localhost or a loopback address, never a name that is looked up."""
    host = urlsplit(url).hostname
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
