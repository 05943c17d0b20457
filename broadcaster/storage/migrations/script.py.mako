"""${message}.

Revision: ${up_revision}
After: ${down_revision or "nothing"}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

#: 64 bit on PostgreSQL; SQLite numbers rows by itself only in a plain INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: A moment: whole microseconds since 1970, UTC.
Micros = sa.BigInteger()


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
