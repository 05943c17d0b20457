"""A message as a household of the register would get it today: its due children, its addresses, its own place."""

from __future__ import annotations

from datetime import date, datetime

from sqlmodel import Session, col, select

from broadcaster.audience.queries import Filter, due_children, usable_addresses
from broadcaster.domain.card import Occasion
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import NotFound
from broadcaster.rendering.previews import Preview, To, previewed
from broadcaster.rendering.queries import Family, family_of, latest, values_of
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Household


def household_preview(
    session: Session, sealer: Sealer, key: str, household_id: int, today: date, now: datetime
) -> Preview:
    """The newest wording of `key` for this household; a merged one stands for the one it was merged into.

    It names the children for whom one of the message's occasions holds today; when there are none, `due` is false and all
    children are named. Raises `NotFound` for the key or the household.
    """
    version = latest(session, key)
    root = session.exec(select(Household.id, Household.alias_of).where(col(Household.id) == household_id)).first()
    if root is None:
        raise NotFound(f"Tidak ada keluarga nomor {household_id}.", code="no_household")
    household = root[1] or root[0] or 0
    wanted = Filter(tuple(Occasion(occasion) for occasion in version.occasions))
    due = due_children(session, household, wanted, today)
    children = tuple((child_id, str(occasion)) for child_id, occasion in due) or family_of(session, household).children
    addresses = usable_addresses(session, now, [household])[0].get(household, {})
    by_channel = {channel: addresses.get(channel) for channel in ChannelKind}
    families = [
        Family(household, children, address.address_blind if address else b"") for address in by_channel.values()
    ]
    values = values_of(session, sealer, families, today)
    to = {
        channel: To(
            filled,
            shared=address is not None and address.shared,
            reached=address is not None or channel is ChannelKind.VILLAGE_LIST,
        )
        for (channel, address), filled in zip(by_channel.items(), values, strict=True)
    }
    return previewed(session, version, to, household=household, due=bool(due) if version.occasions else None)
