"""The village officer's list as a channel: what is due is shown to the officer, who goes from door to door."""

from __future__ import annotations

from collections.abc import Sequence

from broadcaster.channels.protocol import (
    Accepted,
    Answer,
    ChannelEvent,
    Limits,
    Outgoing,
    RawEvent,
    Unrecognised,
    WebhookRequest,
)
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadSignature


class VillageListChannel:
    """Sending puts the household on the list, and that is certain: no network takes part."""

    kind = ChannelKind.VILLAGE_LIST
    account = "village_list"
    #: One line of a list. What officers note about it comes from their page (the village room), as receipts by our reference.
    limits = Limits(characters=500, buttons=0, receipts=False, template_only=False, two_way=False)

    async def send(self, outgoing: Outgoing) -> Answer:
        """Always accepted; the id names the attempt, because one village gets many lines."""
        return Accepted(f"desa:{outgoing.address}:{outgoing.reference}")

    def verify(self, request: WebhookRequest) -> None:
        """Nobody calls us about the list."""
        raise BadSignature(f"no provider calls {request.url} about the village list")

    def read_webhook(self, request: WebhookRequest) -> Sequence[RawEvent]:
        """Never anything: see `verify`."""
        raise BadSignature(f"no provider calls {request.url} about the village list")

    def parse(self, event: RawEvent) -> Sequence[ChannelEvent]:
        return (Unrecognised(f"the village list has no events of kind {event.kind}"),)

    async def aclose(self) -> None:
        """Nothing is open."""
