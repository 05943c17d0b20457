"""Run by alembic. The caller (`storage.migrate`) brings the connection and owns its transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import BigInteger, Integer
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import broadcaster.storage.tables  # noqa: F401  (declares every table in SQLModel.metadata)
from broadcaster.storage.types import Moment


def _render(kind: str, item: Any, _autogen: object) -> str | Literal[False]:
    # A migration must not import the product: in a year these types may mean something else.
    if kind != "type":
        return False
    if isinstance(item, Moment):
        return "Micros"
    if isinstance(item, AutoString):
        return "sa.String()"
    if isinstance(item, BigInteger) and isinstance(item._variant_mapping.get("sqlite"), Integer):
        return "Id"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    # SQLite changes a table by copying it ("batch"); the first migration only creates
    render_as_batch=context.script.get_current_head() is not None,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
