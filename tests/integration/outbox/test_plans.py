"""How the databases find the next rows: by the index made for it, however many rows were claimed or wait elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broadcaster.outbox.gate import MINE
from broadcaster.outbox.held import HELD_VERSIONS, held_reason
from broadcaster.outbox.lease import due_rows
from broadcaster.storage import tables
from broadcaster.storage.database import Database, Plain
from broadcaster.storage.rows import Rows
from broadcaster.storage.types import to_micros
from tests import make

CLAIMED, WAITING = 20_000, 2_000
FULL_SCANS = {"Seq Scan", "Bitmap Heap Scan", "Sort", "Incremental Sort"}


@pytest.fixture
def many(db: Database, now) -> dict[str, object]:
    return fill(db, now)


def fill(db: Database, now) -> dict[str, object]:
    """A lane that has claimed most of a campaign already, with answers, another campaign and another lane beside it."""
    with db.write() as session:
        lane, other = make.sender(session, "whatsapp"), make.sender(session, "sms")
        campaign, beside = make.campaign(session), make.campaign(session, "lain")
        make.message(session, db.sealer, campaign=campaign)
    with db.plain() as sql:
        copies(sql, CLAIMED, "claimed", status="claimed")
        copies(sql, WAITING, "due")
        copies(sql, WAITING, "answer", campaign_id=None, purpose="answer")
        copies(sql, WAITING, "beside", campaign_id=beside.id)
        copies(sql, WAITING, "elsewhere", sender_id=other.id)
    return {"sender": lane.id, "campaign": campaign.id, "now": to_micros(now) + 10**12, "most": 100}


def copies(sql: Plain, number: int, name: str, **changed: object) -> None:
    """`number` copies of the first row, one microsecond after another, with these columns changed."""
    names = [
        column.name for column in tables.Message.__table__.columns if column.name not in ("id", "dedupe_key", "due_at")
    ]
    values = ", ".join(
        f"CAST(:{one} AS {'BIGINT' if one.endswith('_id') else 'TEXT'})" if one in changed else f"m.{one}"
        for one in names
    )
    sql.run(
        f"INSERT INTO message (dedupe_key, due_at, {', '.join(names)})"
        f" SELECT CAST(:name AS TEXT) || c.n, m.due_at + c.n, {values} FROM message m,"
        f" (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {number}) SELECT n FROM c) AS c"
        " WHERE m.id = (SELECT MIN(id) FROM message)",
        name=name,
        **changed,
    )


def analyze(db: Database) -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every step of PostgreSQL's plan."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


def given(parameters: dict[str, object], answers: bool) -> dict[str, object]:
    return {name: value for name, value in parameters.items() if not answers or name != "campaign"}


@pytest.mark.parametrize("answers", [True, False], ids=["answers", "campaign"])
@pytest.mark.parametrize("analyzed", [True, False], ids=["analyzed", "never analyzed"])
def test_a_lease_walks_its_index_and_sorts_nothing(db, many, answers, analyzed):
    if analyzed:
        analyze(db)
    statement = due_rows("id", answers=answers)
    parameters = given(many, answers)
    with db.plain() as sql:
        assert len(sql.all(statement, **parameters)) == 100
        if db.kind == "sqlite":
            steps = [row[3] for row in sql.all(f"EXPLAIN QUERY PLAN {statement}", **parameters)]
            assert len(steps) == 1, steps
            assert "USING" in steps[0]
            assert "ix_message_due (sender_id=? AND campaign_id=? AND due_at<?)" in steps[0]
            return
        found = sql.one(f"EXPLAIN (FORMAT JSON) {statement} FOR UPDATE SKIP LOCKED", **parameters)
    plan = found[0] if isinstance(found[0], list) else json.loads(found[0])
    steps = nodes(plan[0]["Plan"])
    kinds = {step["Node Type"] for step in steps}
    assert {step.get("Index Name") for step in steps} == {None, "ix_message_due"}, kinds
    assert not kinds & FULL_SCANS


def test_what_waits_for_its_template_is_found_without_looking_at_what_waits_its_turn(db, many):
    with db.plain() as sql:
        reason = held_reason("paused")
        sql.run("UPDATE message SET reason = :reason WHERE dedupe_key IN ('due1', 'due2')", reason=reason)
    analyze(db)
    with db.plain() as sql:
        if db.kind == "sqlite":
            steps = [row[3] for row in sql.all(f"EXPLAIN QUERY PLAN {HELD_VERSIONS}")]
            assert all("ix_message_held" in step for step in steps), steps
            return
        found = sql.one(f"EXPLAIN (FORMAT JSON) {HELD_VERSIONS}")
    steps = nodes(found[0][0]["Plan"])
    assert {step.get("Index Name") for step in steps} == {None, "ix_message_held"}
    assert "Seq Scan" not in {step["Node Type"] for step in steps}


def test_a_lease_reads_as_many_rows_as_it_takes(postgres_db, now):
    """PostgreSQL says how many rows it really touched: no more than the hundred it gives, with twenty thousand claimed."""
    many = fill(postgres_db, now)
    analyze(postgres_db)
    statement = due_rows("id", answers=False)
    with postgres_db.plain() as sql:
        found = sql.one(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement} FOR UPDATE SKIP LOCKED", **many)
    for step in nodes(found[0][0]["Plan"]):
        assert step["Actual Rows"] + step.get("Rows Removed by Filter", 0) <= 100, step


def test_the_gate_does_not_walk_the_leased_rows_however_few_were_leased_when_the_statistics_were_made(postgres_db, now):
    """Else it walks every leased row for each group of intents, and runs the whole gate on all of them."""
    with postgres_db.write() as session:
        make.sender(session, "whatsapp")
        make.message(session, postgres_db.sealer, campaign=make.campaign(session))
    with postgres_db.plain() as sql:
        copies(sql, WAITING, "due")
    analyze(postgres_db)
    with postgres_db.plain() as sql:
        copies(sql, WAITING, "claimed", status="claimed")
        leased = Rows(sql, {"leased": "bigint", "token": "text"}, [(number, "t") for number in range(1, 51)])
        found = sql.one(
            f"EXPLAIN (FORMAT JSON) {leased.with_w} SELECT m.id FROM w JOIN message m ON m.id = w.leased WHERE {MINE}",
            epoch=1,
            now=to_micros(now),
            **leased.parameters,
        )
    assert "ix_message_leased" not in {step.get("Index Name") for step in nodes(found[0][0]["Plan"])}
