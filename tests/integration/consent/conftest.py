"""The same post office as for replies: real events in, one call that acts on them."""

from __future__ import annotations

from tests.integration.outbox.conftest import outbox
from tests.integration.replies.conftest import post

__all__ = ["outbox", "post"]
