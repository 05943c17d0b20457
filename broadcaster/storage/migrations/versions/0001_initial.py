"""initial.

Revision: 0001
After: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: 64 bit on PostgreSQL; SQLite numbers rows by itself only in a plain INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: A moment: whole microseconds since 1970, UTC.
Micros = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", Micros, nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("cleared_at", Micros, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "subject"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_audit_entry_entity"), "audit_entry", ["entity"], unique=False)
    op.create_table(
        "calendar_day",
        sa.Column("id", Id, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("on_date"),
    )
    op.create_table(
        "campaign",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("lineage", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("pause_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index(op.f("ix_campaign_lineage"), "campaign", ["lineage"], unique=False)
    op.create_table(
        "column_map",
        sa.Column("id", Id, nullable=False),
        sa.Column("shape", sa.String(), nullable=False),
        sa.Column("columns", sa.String(), nullable=False),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("answered_at", Micros, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("shape"),
    )
    op.create_table(
        "consent_entry",
        sa.Column("id", Id, nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", Micros, nullable=False),
        sa.Column("event_id", Id, nullable=True),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_consent_entry_address", "consent_entry", ["address_blind", "at"], unique=False)
    op.create_index("ix_consent_entry_event", "consent_entry", ["event_id"], unique=False)
    op.create_table(
        "import_batch",
        sa.Column("id", Id, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("applied_at", Micros, nullable=False),
        sa.Column("data_until", sa.Date(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_import_batch_applied",
        "import_batch",
        ["sha256", "kind"],
        unique=True,
        sqlite_where=sa.text("status = 'applied'"),
        postgresql_where=sa.text("status = 'applied'"),
    )
    op.create_table(
        "installation",
        sa.Column("id", Id, nullable=False),
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("restored_at", Micros, nullable=True),
        sa.Column("moved_at", Micros, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "job_run",
        sa.Column("id", Id, nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("last_ok_at", Micros, nullable=True),
        sa.Column("last_error_at", Micros, nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job"),
    )
    op.create_table(
        "message_template",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "office_fact",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("updated_at", Micros, nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "poll_cursor",
        sa.Column("id", Id, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("position", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account"),
    )
    op.create_table(
        "portfolio",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("daily_tier", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "price",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("idr", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel"),
    )
    op.create_table(
        "provider_event",
        sa.Column("id", Id, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("event_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sealed_raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Micros, nullable=False),
        sa.Column("applied_at", Micros, nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "event_key"),
    )
    op.create_index(
        "ix_provider_event_new",
        "provider_event",
        ["id"],
        unique=False,
        sqlite_where=sa.text("applied_at IS NULL"),
        postgresql_where=sa.text("applied_at IS NULL"),
    )
    op.create_index(
        "ix_provider_event_unread",
        "provider_event",
        ["id"],
        unique=False,
        sqlite_where=sa.text("applied_at IS NULL AND kind <> 'status'"),
        postgresql_where=sa.text("applied_at IS NULL AND kind <> 'status'"),
    )
    op.create_table(
        "staff",
        sa.Column("id", Id, nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("disabled_at", Micros, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("username"),
    )
    op.create_table(
        "subscriber",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("phone_blind", sa.LargeBinary(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("since", Micros, nullable=False),
        sa.Column("unlinked_at", Micros, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "address_blind"),
    )
    op.create_index(op.f("ix_subscriber_phone_blind"), "subscriber", ["phone_blind"], unique=False)
    op.create_table(
        "suppression",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("household_id", Id, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", Micros, nullable=False),
        sa.Column("acted_at", Micros, nullable=False),
        sa.Column("until", Micros, nullable=True),
        sa.Column("event_id", Id, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "address_blind", "household_id"),
    )
    op.create_index("ix_suppression_address", "suppression", ["address_blind"], unique=False)
    op.create_table(
        "telegram_bot",
        sa.Column("id", Id, nullable=False),
        sa.Column("bot_id", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("asked_at", Micros, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bot_id"),
    )
    op.create_table(
        "test_recipient",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "address_blind"),
    )
    op.create_table(
        "village",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("kecamatan_code", sa.String(), nullable=False),
        sa.Column("kecamatan", sa.String(), nullable=False),
        sa.Column("capacity_place", sa.String(), nullable=False),
        sa.Column("weak_signal", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index(op.f("ix_village_kecamatan_code"), "village", ["kecamatan_code"], unique=False)
    op.create_table(
        "campaign_version",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("definition", sa.String(), nullable=False),
        sa.Column("templates", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("released_by", sa.String(), nullable=True),
        sa.Column("released_at", Micros, nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "number"),
    )
    op.create_table(
        "cohort",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("list_sha256", sa.String(), nullable=False),
        sa.Column("preregistration", sa.String(), nullable=False),
        sa.Column("prereg_sha256", sa.String(), nullable=False),
        sa.Column("d_days", sa.Integer(), nullable=False),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        sa.Column("drawn_at", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "number"),
    )
    op.create_table(
        "household",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("alias_of", Id, nullable=True),
        sa.Column("village_id", Id, nullable=True),
        sa.Column("created_at", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["alias_of"],
            ["household.id"],
        ),
        sa.ForeignKeyConstraint(
            ["village_id"],
            ["village.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_household_alias_of"), "household", ["alias_of"], unique=False)
    op.create_table(
        "import_change",
        sa.Column("id", Id, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("first_id", Id, nullable=False),
        sa.Column("last_id", Id, nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("after", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["import_batch.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_import_change_batch_id"), "import_change", ["batch_id"], unique=False)
    op.create_index("ix_import_change_row", "import_change", ["entity", "first_id"], unique=False)
    op.create_table(
        "import_row",
        sa.Column("id", Id, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("problems", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["import_batch.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_id", "number"),
    )
    op.create_table(
        "officer_link",
        sa.Column("id", Id, nullable=False),
        sa.Column("village_id", Id, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("pin_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("expires_at", Micros, nullable=False),
        sa.Column("revoked_at", Micros, nullable=True),
        sa.Column("wrong_pins", sa.Integer(), nullable=False),
        sa.Column("locked_until", Micros, nullable=True),
        sa.Column("opened_at", Micros, nullable=True),
        sa.ForeignKeyConstraint(
            ["village_id"],
            ["village.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index(op.f("ix_officer_link_village_id"), "officer_link", ["village_id"], unique=False)
    op.create_table(
        "poster",
        sa.Column("id", Id, nullable=False),
        sa.Column("place_key", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("village_id", Id, nullable=True),
        sa.Column("made_at", Micros, nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["village_id"],
            ["village.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("place_key", "number"),
    )
    op.create_table(
        "sender",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("pace", sa.Float(), nullable=False),
        sa.Column("next_slot_at", Micros, nullable=False),
        sa.Column("paused_until", Micros, nullable=True),
        sa.Column("pause_reason", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("drained_by", sa.String(), nullable=False),
        sa.Column("lane_until", Micros, nullable=True),
        sa.Column("portfolio_id", Id, nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolio.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "service_visit",
        sa.Column("id", Id, nullable=False),
        sa.Column("village_code", sa.String(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("hours", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["village_code"],
            ["village.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("village_code", "on_date"),
    )
    op.create_index(op.f("ix_service_visit_on_date"), "service_visit", ["on_date"], unique=False)
    op.create_table(
        "staff_session",
        sa.Column("id", Id, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", Id, nullable=False),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("expires_at", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_table(
        "template_version",
        sa.Column("id", Id, nullable=False),
        sa.Column("template_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["message_template.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("template_id", "number"),
    )
    op.create_table(
        "amendment",
        sa.Column("id", Id, nullable=False),
        sa.Column("cohort_id", Id, nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "assignment",
        sa.Column("id", Id, nullable=False),
        sa.Column("cohort_id", Id, nullable=False),
        sa.Column("household_id", Id, nullable=False),
        sa.Column("household_key", sa.String(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("stratum", sa.String(), nullable=False),
        sa.Column("u", sa.Float(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cohort_id", "household_id"),
    )
    op.create_index(op.f("ix_assignment_household_id"), "assignment", ["household_id"], unique=False)
    op.create_index("ix_assignment_wave", "assignment", ["cohort_id", "wave"], unique=False)
    op.create_table(
        "child",
        sa.Column("id", Id, nullable=False),
        sa.Column("household_id", Id, nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("excluded", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_child_birth_date"), "child", ["birth_date"], unique=False)
    op.create_index(op.f("ix_child_household_id"), "child", ["household_id"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("household_id", Id, nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("last_at", Micros, nullable=False),
        sa.Column("assigned_to", sa.String(), server_default="", nullable=False),
        sa.Column("opened_at", Micros, nullable=True),
        sa.Column("urgent", sa.Boolean(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "address_blind"),
    )
    op.create_table(
        "guardian",
        sa.Column("id", Id, nullable=False),
        sa.Column("household_id", Id, nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_guardian_household_id"), "guardian", ["household_id"], unique=False)
    op.create_table(
        "household_kk",
        sa.Column("id", Id, nullable=False),
        sa.Column("kk_blind", sa.LargeBinary(), nullable=False),
        sa.Column("household_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kk_blind"),
    )
    op.create_index(op.f("ix_household_kk_household_id"), "household_kk", ["household_id"], unique=False)
    op.create_table(
        "link_token",
        sa.Column("id", Id, nullable=False),
        sa.Column("token_blind", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.String(), nullable=False),
        sa.Column("household_id", Id, nullable=True),
        sa.Column("poster_id", Id, nullable=True),
        sa.Column("campaign_id", Id, nullable=True),
        sa.Column("made_at", Micros, nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("expires_at", Micros, nullable=True),
        sa.Column("used_at", Micros, nullable=True),
        sa.Column("used_by", sa.LargeBinary(), nullable=True),
        sa.Column("revoked_at", Micros, nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.ForeignKeyConstraint(
            ["poster_id"],
            ["poster.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id"),
        sa.UniqueConstraint("poster_id"),
        sa.UniqueConstraint("token_blind"),
    )
    op.create_index(op.f("ix_link_token_household_id"), "link_token", ["household_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", Id, nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("address_key", sa.String(), nullable=True),
        sa.Column("replaces_id", Id, nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("sender_id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("household_id", Id, nullable=True),
        sa.Column("campaign_id", Id, nullable=True),
        sa.Column("cohort_id", Id, nullable=True),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("hop", sa.Integer(), nullable=False),
        sa.Column("template_version_id", Id, nullable=True),
        sa.Column("event_id", Id, nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", Micros, nullable=False),
        sa.Column("expires_at", Micros, nullable=False),
        sa.Column("settle_by", Micros, nullable=False),
        sa.Column("late", sa.String(), server_default="", nullable=False),
        sa.Column("late_at", Micros, nullable=True),
        sa.Column("follows", sa.String(), server_default="", nullable=False),
        sa.Column("claim_token", sa.String(), nullable=True),
        sa.Column("claim_epoch", sa.Integer(), nullable=True),
        sa.Column("lease_until", Micros, nullable=True),
        sa.Column("intent_at", Micros, nullable=True),
        sa.Column("intent_on", sa.Date(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("followed_at", Micros, nullable=True),
        sa.Column("created_at", Micros, nullable=False),
        sa.Column("updated_at", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
        ),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["provider_event.id"],
        ),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"],
            ["message.id"],
        ),
        sa.ForeignKeyConstraint(
            ["sender_id"],
            ["sender.id"],
        ),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["template_version.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("address_key"),
        sa.UniqueConstraint("dedupe_key"),
        sa.UniqueConstraint("replaces_id"),
    )
    op.create_index("ix_message_address", "message", ["address_blind"], unique=False)
    op.create_index("ix_message_campaign", "message", ["campaign_id", "status"], unique=False)
    op.create_index(
        "ix_message_due",
        "message",
        ["sender_id", "campaign_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'planned'"),
        postgresql_where=sa.text("status = 'planned'"),
    )
    op.create_index(
        "ix_message_expiry",
        "message",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("status = 'planned'"),
        postgresql_where=sa.text("status = 'planned'"),
    )
    op.create_index(
        "ix_message_held",
        "message",
        ["template_version_id"],
        unique=False,
        sqlite_where=sa.text("status = 'planned' AND substr(reason, 1, 9) = 'template:'"),
        postgresql_where=sa.text("status = 'planned' AND substr(reason, 1, 9) = 'template:'"),
    )
    op.create_index("ix_message_household", "message", ["household_id", "intent_on"], unique=False)
    op.create_index(
        "ix_message_late",
        "message",
        ["late_at"],
        unique=False,
        sqlite_where=sa.text("status = 'planned' AND late <> ''"),
        postgresql_where=sa.text("status = 'planned' AND late <> ''"),
    )
    op.create_index(
        "ix_message_leased",
        "message",
        ["sender_id", "lease_until"],
        unique=False,
        sqlite_where=sa.text("status = 'claimed'"),
        postgresql_where=sa.text("status = 'claimed'"),
    )
    op.create_table(
        "provider_template",
        sa.Column("id", Id, nullable=False),
        sa.Column("template_version_id", Id, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("sid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("rejection_reason", sa.String(), nullable=False),
        sa.Column("accepted_category", sa.String(), nullable=False),
        sa.Column("changed_at", Micros, nullable=False),
        sa.Column("checked_at", Micros, nullable=False),
        sa.Column("held_until", Micros, nullable=True),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["template_version.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("template_version_id", "account"),
    )
    op.create_table(
        "tick",
        sa.Column("id", Id, nullable=False),
        sa.Column("link_id", Id, nullable=False),
        sa.Column("household_id", Id, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("said_at", Micros, nullable=False),
        sa.Column("received_at", Micros, nullable=False),
        sa.Column("settled_as", sa.String(), server_default="", nullable=False),
        sa.Column("settled_by", sa.String(), server_default="", nullable=False),
        sa.Column("settled_at", Micros, nullable=True),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["officer_link.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("household_id", "kind", "client_id"),
    )
    op.create_index("ix_tick_household", "tick", ["household_id", "said_at"], unique=False)
    op.create_index(op.f("ix_tick_link_id"), "tick", ["link_id"], unique=False)
    op.create_table(
        "wave",
        sa.Column("id", Id, nullable=False),
        sa.Column("cohort_id", Id, nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("households", sa.Integer(), nullable=False),
        sa.Column("steps_planned", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cohort_id", "tier", "place", "number"),
    )
    op.create_table(
        "arrival",
        sa.Column("id", Id, nullable=False),
        sa.Column("token_id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["link_token.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_id", "channel", "address_blind"),
    )
    op.create_index(op.f("ix_arrival_address_blind"), "arrival", ["address_blind"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("opened_at", Micros, nullable=False),
        sa.Column("closed_at", Micros, nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("text_hash", sa.String(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("price_idr", sa.Integer(), nullable=True),
        sa.Column("asked_at", Micros, nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "provider_id"),
        sa.UniqueConstraint("message_id", "number"),
    )
    op.create_index(
        "ix_attempt_open",
        "attempt",
        ["opened_at"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_attempt_unknown",
        "attempt",
        ["opened_at"],
        unique=False,
        sqlite_where=sa.text("state = 'unknown'"),
        postgresql_where=sa.text("state = 'unknown'"),
    )
    op.create_table(
        "card",
        sa.Column("id", Id, nullable=False),
        sa.Column("child_id", Id, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["child_id"],
            ["child.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("child_id", "kind"),
    )
    op.create_index("ix_card_status", "card", ["status", "kind"], unique=False)
    op.create_table(
        "child_identity",
        sa.Column("id", Id, nullable=False),
        sa.Column("nik_blind", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_nik", sa.LargeBinary(), nullable=False),
        sa.Column("child_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["child_id"],
            ["child.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("nik_blind"),
    )
    op.create_index(op.f("ix_child_identity_child_id"), "child_identity", ["child_id"], unique=False)
    op.create_table(
        "contact_point",
        sa.Column("id", Id, nullable=False),
        sa.Column("guardian_id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_blind", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("invalid_since", Micros, nullable=True),
        sa.Column("invalid_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["guardian_id"],
            ["guardian.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("guardian_id", "channel", "address_blind"),
    )
    op.create_index("ix_contact_point_address", "contact_point", ["address_blind"], unique=False)
    op.create_table(
        "reply",
        sa.Column("id", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=True),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("intents", sa.String(), nullable=False),
        sa.Column("opt_out", sa.Boolean(), nullable=False),
        sa.Column("handled_by", sa.String(), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["provider_event.id"],
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index(op.f("ix_reply_conversation_id"), "reply", ["conversation_id"], unique=False)
    op.create_table(
        "card_event",
        sa.Column("id", Id, nullable=False),
        sa.Column("card_id", Id, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("back", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", Micros, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["import_batch.id"],
        ),
        sa.ForeignKeyConstraint(
            ["card_id"],
            ["card.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("card_id", "status", "on_date"),
    )
    op.create_index(op.f("ix_card_event_batch_id"), "card_event", ["batch_id"], unique=False)
    op.create_table(
        "enrolment",
        sa.Column("id", Id, nullable=False),
        sa.Column("lineage", sa.String(), nullable=False),
        sa.Column("card_id", Id, nullable=False),
        sa.Column("child_id", Id, nullable=False),
        sa.Column("cohort_id", Id, nullable=False),
        sa.Column("household_id", Id, nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("stopped", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"],
            ["card.id"],
        ),
        sa.ForeignKeyConstraint(
            ["child_id"],
            ["child.id"],
        ),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.ForeignKeyConstraint(
            ["household_id"],
            ["household.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lineage", "card_id"),
    )
    op.create_index(op.f("ix_enrolment_household_id"), "enrolment", ["household_id"], unique=False)
    op.create_table(
        "message_child",
        sa.Column("id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("child_id", Id, nullable=False),
        sa.Column("card_id", Id, nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"],
            ["card.id"],
        ),
        sa.ForeignKeyConstraint(
            ["child_id"],
            ["child.id"],
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id", "card_id"),
    )
    op.create_index(op.f("ix_message_child_card_id"), "message_child", ["card_id"], unique=False)
    op.create_index(op.f("ix_message_child_child_id"), "message_child", ["child_id"], unique=False)
    op.create_table(
        "outcome",
        sa.Column("id", Id, nullable=False),
        sa.Column("card_id", Id, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("recorded_at", Micros, nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("card_id", "kind"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", Id, nullable=False),
        sa.Column("attempt_id", Id, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("at", Micros, nullable=False),
        sa.Column("event_id", Id, nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["attempt.id"],
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["provider_event.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("attempt_id", "state", "code"),
    )
