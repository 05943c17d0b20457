"""What the officer is asked to say to each family: the office's own village list text, filled with what is due today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date

from sqlmodel import Session

from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.rendering.queries import Family, Values, Version, render, templates, values_of, versions
from broadcaster.storage.sealed import Sealer
from broadcaster.village.households import Home

#: While an office fact is empty, no text of the office can be filled.
_PLAIN = "Mohon tanyakan kepada {ortu} apa yang dapat dibantu tentang Kartu Identitas Anak (KIA) {anak}."
_NOTHING_DUE = "Keluarga ini minta dibantu. Mohon tanyakan apa yang mereka perlukan."


def sayings(session: Session, sealer: Sealer, homes: Sequence[Home], today: date) -> dict[int, str]:
    """By household: the text of the newest message about each child, else of the office's text for its occasion."""
    sent = versions(session, {one.version_id for home in homes for one in home.sent if one.version_id is not None})
    by_occasion = _by_occasion(session)
    wanted: list[tuple[int, Version | None, Family]] = []
    for home in homes:
        grouped: dict[int, list[tuple[int, str]]] = defaultdict(list)
        chosen: dict[int, Version | None] = {}
        for child in home.due:
            version, occasion = _choose(home, child.cards, sent, by_occasion)
            key = version.id if version is not None else 0
            chosen[key] = version
            grouped[key].append((child.child_id, occasion))
        wanted += [(home.root, chosen[key], Family(home.root, tuple(some))) for key, some in grouped.items()]
    values = values_of(session, sealer, [family for _, _, family in wanted], today)
    said: dict[int, list[str]] = defaultdict(list)
    for (root, version, family), filled in zip(wanted, values, strict=True):
        # a visit that is over, a fact that is empty: then what the office says on that occasion, else a plain sentence
        said[root].append(_text([version, by_occasion.get(family.children[0][1])], filled))
    return {home.root: " ".join(said[home.root]) or _NOTHING_DUE for home in homes}


def _by_occasion(session: Session) -> dict[str, Version]:
    """The office's own text for each occasion; one about that occasion alone says more than one about all."""
    found: dict[str, Version] = {}
    for version in sorted(templates(session, ["campaign"]), key=lambda version: (len(version.occasions), version.key)):
        if ChannelKind.VILLAGE_LIST in version.texts:
            for occasion in version.occasions:
                found.setdefault(occasion, version)
    return found


def _choose(
    home: Home, cards: Sequence[tuple[int, str]], sent: Mapping[int, Version], by_occasion: Mapping[str, Version]
) -> tuple[Version | None, str]:
    """The wording for one child, and the occasion it is about."""
    occasions = dict(cards)
    about = [message for message in home.sent if message.begun and message.cards & occasions.keys()]
    for message in [*(one for one in about if one.on_list), *about]:
        version = sent.get(message.version_id or 0)
        if version is not None and ChannelKind.VILLAGE_LIST in version.texts:
            return version, next(occasion for card, occasion in cards if card in message.cards)
    occasion = cards[0][1]
    return by_occasion.get(occasion), occasion


def _text(versions: Sequence[Version | None], values: Values) -> str:
    """The first that can be filled, without a birthday: a list that lies on a table names the month alone."""
    filled = {**values, "tanggal": _month(values["tanggal"])}
    for version in versions:
        if version is not None:
            with suppress(BadInput):  # the office is told of an empty fact elsewhere
                return render(version, ChannelKind.VILLAGE_LIST, filled).text
    return _PLAIN.format(ortu=filled["ortu"], anak=filled["anak"])


def _month(day: str) -> str:
    """`14 Maret 2027` -> `Maret 2027`; a text that is no date stays."""
    number, _, rest = day.partition(" ")
    return rest if number.isdigit() and rest else day
