"""A campaign file: TOML in, a checked definition out. Every error names the key and the fix."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from rapidfuzz import process

from broadcaster.domain.card import Occasion
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput

_NAME = r"^[a-z0-9][a-z0-9-]{2,59}$"
_MOST_WAVES = 60


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudienceFilter(_Part):
    """Who is meant. An empty list of places means all."""

    occasions: tuple[Occasion, ...] = Field(min_length=1)
    kecamatan: tuple[str, ...] = ()
    desa: tuple[str, ...] = ()


class Lot(_Part):
    """How the order is drawn: waves every so many days, or one delayed group, or no lot at all."""

    waves: int | None = Field(default=None, ge=2, le=_MOST_WAVES)
    every_days: int = Field(default=7, ge=1, le=60)
    delayed_share: float | None = Field(default=None, gt=0, le=0.5)
    none: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Lot:
        chosen = [self.waves is not None, self.delayed_share is not None, self.none]
        if sum(chosen) != 1:
            raise ValueError("pilih tepat satu: waves, delayed_share, atau none = true")
        return self


class Step(_Part):
    """One message of the sequence. Its slug is the message key: part of the outbox key, so it must be unique."""

    message: str
    offset_days: int = Field(ge=0, le=365)
    channels: tuple[ChannelKind, ...] = Field(min_length=1)
    late: Literal["skip", "next_window", "ask"] = "next_window"
    fallback_after_hours: int | None = Field(default=None, ge=1, le=720)
    valid_days: int = Field(default=5, ge=1, le=60)

    @model_validator(mode="after")
    def _channels_once(self) -> Step:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("setiap saluran cukup disebut satu kali di channels")
        return self


class Limits(_Part):
    budget_idr: int | None = Field(default=None, ge=0)


class Definition(_Part):
    """A whole campaign file."""

    name: str = Field(pattern=_NAME)
    title: str = ""
    audience: AudienceFilter
    mode: Literal["once", "rolling"] = "once"
    until: date | None = None
    outcome: Literal["collected", "applied"] = "collected"
    d_days: int = Field(default=14, ge=1, le=120)
    lot: Lot
    steps: tuple[Step, ...] = Field(min_length=1, max_length=20)
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _sequence(self) -> Definition:
        offsets = [step.offset_days for step in self.steps]
        if offsets != sorted(set(offsets)):
            raise ValueError("offset_days harus naik dari langkah ke langkah")
        if len({step.message for step in self.steps}) != len(self.steps):
            raise ValueError("setiap langkah memakai pesan yang berbeda")
        if self.mode == "rolling":
            raise ValueError('mode = "rolling" belum tersedia; pakai mode = "once"')
        return self

    def to_json(self) -> str:
        """Canonical JSON, for storing and hashing."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Definition:
        return cls.model_validate_json(text)


def read_definition(text: str, *, place: str = "berkas kampanye") -> Definition:
    """Parse and check a campaign file; raises `BadInput` with one sentence per fault, each naming its key."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{place}: bukan TOML yang sah ({error}).", code="bad_toml") from error
    try:
        return Definition.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(_sentence(item) for item in error.errors())
        unknown = any(item["type"] == "extra_forbidden" for item in error.errors())
        raise BadInput(f"{place}: {faults}.", code="unknown_key" if unknown else "bad_campaign") from error


_KINDS: dict[str, str] = {
    "missing": "wajib diisi",
    "string_pattern_mismatch": "hanya huruf kecil, angka, dan tanda hubung, 3 sampai 60 huruf",
    "too_short": "tidak boleh kosong",
    "int_type": "harus bilangan bulat",
    "int_parsing": "harus bilangan bulat",
    "enum": "isinya tidak dikenal",
    "literal_error": "isinya tidak dikenal",
    "model_type": "harus berupa bagian [tabel]",
}


def _sentence(item: Any) -> str:
    place = ".".join(str(part + 1) if isinstance(part, int) else part for part in item["loc"])
    kind, context = item["type"], item.get("ctx") or {}
    if kind == "extra_forbidden":
        key = str(item["loc"][-1])
        known = _known_keys(tuple(part for part in item["loc"][:-1] if isinstance(part, str)))
        near = process.extractOne(key, known)
        return f"kunci {place} tidak dikenal" + (f"; mungkin maksudnya {near[0]}" if near else "")
    if kind == "value_error":
        text = str(context.get("error", item["msg"]))
        return f"{place}: {text}" if place else text
    allowed = f" (pilihan: {context['expected']})" if "expected" in context else ""
    bounds = "".join(
        f" ({word} {context[name]})"
        for name, word in (("ge", "paling kecil"), ("le", "paling besar"), ("gt", "lebih dari"))
        if name in context
    )
    return f"{place}: {_KINDS.get(kind, 'isinya tidak sah')}{allowed}{bounds}"


def _known_keys(path: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Definition
    parts: dict[str, type[BaseModel]] = {"audience": AudienceFilter, "lot": Lot, "steps": Step, "limits": Limits}
    for part in path:
        model = parts.get(part, model)
    return list(model.model_fields)
