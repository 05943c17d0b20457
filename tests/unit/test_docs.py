"""The reference documents what the code offers."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest
from pydantic import SecretStr

from broadcaster.settings import Settings

_REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
_ROW = re.compile(r"^\| `(BROADCASTER_[A-Z0-9_]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def _documented() -> dict[str, tuple[str, str]]:
    text = (_REFERENCE / "settings.md").read_text(encoding="utf-8")
    return {name: (meaning, default) for name, meaning, default in _ROW.findall(text)}


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(_documented()) == {f"BROADCASTER_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_documented_default_is_the_real_one(name: str) -> None:
    _, shown = _documented()[f"BROADCASTER_{name.upper()}"]
    default = Settings.model_fields[name].default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, Enum):
        default = default.value
    if default in ("", None):
        assert shown.startswith("empty") or "data folder" in shown
    else:
        written = f"{default:g}" if isinstance(default, float) else str(default)
        assert shown.strip("`") == written
