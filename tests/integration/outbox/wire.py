"""The real drain of a lane in front of a simulated provider on a loopback socket, in one event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from broadcaster.channels.protocol import Channel
from broadcaster.clock import FixedClock
from broadcaster.delivery.drain import Drained, Sending, drain
from broadcaster.domain.message import ChannelKind
from broadcaster.settings import Mode, Settings
from broadcaster.storage.database import Database
from tests.integration.channels.world import World, world
from tests.integration.outbox.conftest import classify

BODY = json.dumps({"text": "Kartu sudah selesai.", "buttons": [], "sid": "", "variables": {}})


@dataclass
class Wire:
    """`sending` is what a drain of this process needs; the clock stands still until it is set."""

    world: World
    sending: Sending
    clock: FixedClock

    async def drain(self, sender_id: int, **changed: Any) -> Drained:
        return await asyncio.wait_for(drain(replace(self.sending, **changed), sender_id, asyncio.Event()), 20)

    @property
    def texts(self) -> list[str]:
        """The addresses the provider took a text for, in order."""
        return [text.to for text in self.world.sim.store.texts]


@asynccontextmanager
async def wire(
    db: Database, now: datetime, *, probe: Callable[[str], None] | None = None, channel: Channel | None = None
) -> AsyncIterator[Wire]:
    clock = FixedClock(now)
    with ThreadPoolExecutor(1) as writer:
        async with world() as found:
            channels = {ChannelKind.SMS: channel or found.channels.by_name["sms"]}
            sending = Sending(
                db=db, settings=Settings(mode=Mode.LIVE), clock=clock, channels=channels, classify=classify,
                writer=writer, holder="wire",
            )  # fmt: skip
            yield Wire(found, replace(sending, probe=probe) if probe else sending, clock)
