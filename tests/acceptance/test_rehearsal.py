"""The whole road in one process: files in, lot, waves over real HTTP, receipts, replies, the next file, the effect."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcaster.campaigns.queries import status
from broadcaster.cli import rehearsal
from broadcaster.cli.common import plain
from broadcaster.clock import today
from broadcaster.results.story import road
from broadcaster.storage import tables

RESULTS = {
    "verdict", "evidence_ratio", "estimator", "unit", "confidence", "d_days", "cutoff", "complete", "prereg_sha256",
    "amendments", "effect_per_1000", "low", "high", "without_message_per_1000", "randomised", "always_send",
    "cells_without_comparison", "waves", "additional_cards", "cost_per_additional_idr", "trust", "warnings", "sentence",
    "funnel", "equity",
}  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One small rehearsal, and everything a test wants to know of it."""

    async def play(folder: Path) -> dict[str, Any]:
        async with rehearsal.rehearsal(120, 11, folder, lambda _: None) as running:
            document = await rehearsal.run(running)
            texts = await running.simulator.texts()
            requests = await running.simulator.get("requests?since=0")
            db, zone = running.app.db, running.app.settings.zone
            with db.read() as session:
                waves = session.exec(
                    select(tables.Message, tables.Wave)
                    .join(
                        tables.Assignment,
                        (tables.Assignment.cohort_id == tables.Message.cohort_id)
                        & (tables.Assignment.household_id == tables.Message.household_id),
                    )
                    .join(
                        tables.Wave,
                        (tables.Wave.cohort_id == tables.Assignment.cohort_id)
                        & (tables.Wave.tier == tables.Assignment.tier)
                        & (tables.Wave.place == tables.Assignment.place)
                        & (tables.Wave.number == tables.Assignment.wave),
                    )
                ).all()
                households = defaultdict(set)
                for message in session.exec(select(tables.Message)).all():
                    households[db.sealer.open("address", message.sealed_address)].add(message.household_id)
                child = session.exec(select(tables.MessageChild.child_id)).first()
                story = road(session, db.sealer, child or 0)
                live = status(session, running.campaign)
                events = session.exec(select(tables.ProviderEvent.problem)).all()
                replies = session.exec(select(tables.Reply)).all()
            raw = (folder / "data" / "broadcaster.sqlite3").read_bytes()
            wal = folder / "data" / "broadcaster.sqlite3-wal"
            raw += wal.read_bytes() if wal.exists() else b""
            return {
                "document": document, "texts": texts, "requests": requests["requests"], "waves": waves, "zone": zone,
                "households": households, "story": story, "live": live, "events": events, "replies": replies,
                "raw": raw, "district": running.district,
            }  # fmt: skip

    return asyncio.run(play(tmp_path_factory.mktemp("rehearsal")))


def test_nothing_is_doubled_lost_or_unknown(stage):
    document = stage["document"]
    assert (document["duplicates"], document["lost"], document["unknown"]) == (0, 0, 0)
    assert document["received"] == len(stage["texts"]) > 100


def test_the_document_has_every_field_of_the_public_surface(stage):
    document = json.loads(json.dumps(plain(stage["document"])))
    assert {
        "households", "children", "planted_effect_per_1000", "messages", "duplicates", "lost", "unknown", "waves", "results"
    } <= set(document)  # fmt: skip
    assert set(document["results"]) >= RESULTS
    assert {"cell", "wave", "treated", "controls", "rd_per_1000"} <= set(document["results"]["waves"][0])
    assert document["results"]["sentence"]


def test_no_household_is_written_to_before_its_wave(stage):
    written = [(message, wave) for message, wave in stage["waves"] if message.intent_on is not None]
    assert len(written) > 50
    for message, wave in written:
        assert wave.opened_on is not None
        assert message.intent_on >= wave.opened_on


def test_no_text_leaves_outside_the_sending_hours_unless_it_answers_somebody(stage):
    for text in stage["texts"]:
        at = datetime.fromisoformat(text["at"]).astimezone(stage["zone"])
        if text["content_sid"] or text["channel"] == "sms":
            assert at.weekday() < 5
            assert 8 <= at.hour < 17


def test_all_three_network_channels_and_the_village_list_are_used(stage):
    assert set(stage["live"].by_channel) == {"telegram", "whatsapp", "sms", "village_list"}


def test_both_client_libraries_do_the_sending(stage):
    sends = [r for r in stage["requests"] if r["path"].endswith(("Messages.json", "sendMessage"))]
    agents = {
        value
        for r in sends
        for name, value in r["headers"]
        if name.lower() == "user-agent" and "Messages.json" in r["path"]
    }
    assert agents
    assert all(agent.startswith("twilio-python/") for agent in agents), agents
    assert any("/sendMessage" in r["path"] for r in sends)


def test_replies_come_in_and_every_event_is_understood(stage):
    assert len(stage["replies"]) > 0
    assert {problem for problem in stage["events"] if problem} == set()


def test_a_child_can_be_followed_through_the_tables(stage):
    tables_seen = [step["table"] for step in stage["story"]["steps"]]
    assert tables_seen.index("child") < tables_seen.index("assignment") < tables_seen.index("message")
    assert "attempt" in tables_seen
    assert "sealed_name" not in json.dumps(plain(stage["story"])) or "(tersegel)" in json.dumps(plain(stage["story"]))


def test_no_name_number_or_text_stands_in_the_clear_in_the_database(stage):
    raw = stage["raw"]
    for home in stage["district"].households[:60]:
        for secret in (home.kk, home.mother, *(child.nik for child in home.children)):
            assert secret.encode() not in raw
        if home.device:
            assert home.device.phone.encode() not in raw
            assert home.device.phone.removeprefix("+").encode() not in raw


def test_the_days_of_the_texts_are_those_of_the_rehearsal(stage):
    days = {today(datetime.fromisoformat(text["at"]), stage["zone"]) for text in stage["texts"]}
    assert min(days) == rehearsal.START
