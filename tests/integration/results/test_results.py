from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import sqrt
from typing import Any

import pytest
from sqlmodel import Session

from broadcaster.domain.effect import newcombe
from broadcaster.errors import NotFound
from broadcaster.results.queries import result
from broadcaster.results.sentences import WARNINGS
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

NAME = "kartu-belum-diambil"
TODAY = date(2026, 11, 30)

#: The public promise: docs/reference, JSON of `campaign results`.
PROMISED = {
    "verdict": str, "evidence_ratio": type(None), "unit": str, "confidence": float, "d_days": int, "complete": bool,
    "amendments": list, "randomised": dict, "always_send": int, "cells_without_comparison": int, "waves": list,
    "trust": type(None), "warnings": list, "sentence": str, "funnel": dict, "equity": dict,
}  # fmt: skip
PROMISED_OR_NULL = (
    "estimator", "cutoff", "prereg_sha256", "effect_per_1000", "low", "high", "without_message_per_1000",
    "additional_cards", "cost_per_additional_idr",
)  # fmt: skip
NUMBERS = (
    "estimator", "effect_per_1000", "low", "high", "without_message_per_1000", "additional_cards",
    "cost_per_additional_idr",
)  # fmt: skip


@dataclass
class Home:
    """A household of the lot: the day each of its children's card was collected, None = not yet."""

    wave: int
    came_on: Sequence[str | None]
    place: str = "kantor"
    arm: str = "lot"
    row: tables.Household | None = field(default=None, init=False)


#: Waves 1 and 3 are 14 days apart. Wave 1 (opens 5 October): A, B, C; wave 2: H; wave 3 (19 October): D, E, F, G.
#: Window [5 October, 19 October). Treated: 4 children, 2 came (A's first, C's). Controls: F came before and is not at
#: risk; D, E's two and G are 4 children, of whom D came inside; E's second came on day 14, which is outside.
A, B, C = Home(1, ["2026-10-10", None]), Home(1, [None]), Home(1, ["2026-10-18"])
H = Home(2, [None, None])
D, E, F, G = Home(3, ["2026-10-06"]), Home(3, [None, "2026-10-19"]), Home(3, ["2026-10-01"]), Home(3, [None])
HOMES = (A, B, C, H, D, E, F, G)
WAVES: Mapping[tuple[str, int], tuple[str, str | None]] = {
    ("kantor", 1): ("2026-10-05", "2026-10-05"),
    ("kantor", 2): ("2026-10-12", "2026-10-12"),
    ("kantor", 3): ("2026-10-19", "2026-10-19"),
}


def build(
    session: Session,
    db: Database,
    *,
    homes: Sequence[Home] = HOMES,
    waves: Mapping[tuple[str, int], tuple[str, str | None]] = WAVES,
    lot: Mapping[str, Any] | None = None,
    outcome: str = "collected",
    status: str = "running",
    data_until: str | None = "2026-11-20",
) -> tuple[tables.Campaign, tables.Cohort]:
    definition = {"lot": dict(lot or {"waves": 3, "every_days": 7}), "outcome": outcome}
    campaign = make.campaign(session, NAME, status=status, definition=definition)
    cohort = make.cohort(session, campaign)
    if data_until is not None:
        make.import_batch(session, kind="collections", data_until=data_until)
    for (place, number), (planned_on, opened_on) in waves.items():
        make.wave(session, cohort, number, planned_on=planned_on, opened_on=opened_on, place=place)
    for home in homes:
        home.row = make.household(session, db.sealer)
        make.assignment(session, cohort, home.row, wave=home.wave, arm=home.arm, place=home.place)
        for came_on in home.came_on:
            child = make.child(session, db.sealer, home.row)
            card = make.card_of(session, child)
            assert child.id is not None
            assert card.id is not None
            assert cohort.id is not None
            assert home.row.id is not None
            session.add(
                tables.Enrolment(
                    lineage=campaign.lineage, card_id=card.id, child_id=child.id, cohort_id=cohort.id,
                    household_id=home.row.id, occasion="printed_uncollected",
                )
            )  # fmt: skip
            if came_on is not None:
                session.add(
                    tables.Outcome(
                        card_id=card.id, kind=outcome, on_date=date.fromisoformat(came_on), recorded_at=make.NOW
                    )
                )
    session.flush()
    return campaign, cohort


def read(db: Database, today: date = TODAY) -> dict[str, Any]:
    with db.read() as session:
        document: dict[str, Any] = json.loads(json.dumps(result(session, NAME, today)))
        return document


def check_promise(document: Mapping[str, Any]) -> None:
    for key, kind in PROMISED.items():
        assert type(document[key]) is kind, key
    assert set(PROMISED_OR_NULL) <= set(document)
    assert document["unit"] == "child"
    assert set(document["randomised"]) == {"households", "children"}
    assert document["equity"] == {
        "descriptive": True, "gap_pp_before": None, "gap_pp_now": None, "children_left_behind": None,
    }  # fmt: skip
    for line in document["waves"]:
        assert {"cell", "wave", "treated", "controls", "rd_per_1000"} <= set(line)
    for line in document["amendments"]:
        assert set(line) == {"at", "by", "kind", "reason"}
    assert set(document["warnings"]) <= set(WARNINGS)
    assert document["sentence"]


def test_three_waves_with_a_known_answer(db: Database) -> None:
    """p1 = 2/4, p0 = 1/4, difference 250 per 1,000. Influences of F6, one wave of weight 1:
    A (1 - 1)/4 = 0, B -1/8, C +1/8, D -(3/4)/4 = -3/16, E -(0 - 1/2)/4 = 1/8, G 1/16.
    Squares: (0 + 4 + 4 + 9 + 4 + 1)/256 = 22/256; times 6/5; standard error 0.32113.
    """
    with db.write() as session:
        build(session, db)
    document = read(db)
    check_promise(document)
    half = 1.959964 * sqrt(6 / 5 * 22 / 256) * 1000
    assert document["verdict"] == "unproven"
    assert document["estimator"] == "F6 waves by cells"
    assert document["effect_per_1000"] == 250.0
    assert (document["low"], document["high"]) == pytest.approx((250 - half, 250 + half), abs=0.06)
    assert document["without_message_per_1000"] == 250.0
    assert (document["d_days"], document["cutoff"], document["complete"]) == (14, "2026-11-20", True)
    assert document["randomised"] == {"households": 8, "children": 11}
    # 11 children are in the one cell, which has a comparison: 11 * 0.250 = 2.75
    assert document["additional_cards"] == {
        "best": 3, "low": round(11 * (250 - half) / 1000), "high": round(11 * (250 + half) / 1000), "within_days": 14,
    }  # fmt: skip
    assert [(line["cell"], line["wave"], line["treated"], line["controls"], line["rd_per_1000"]) for line in
            document["waves"]] == [
        ("1/1/kantor", 1, 4, 4, 250.0),
        ("1/1/kantor", 2, 2, 0, None),
        ("1/1/kantor", 3, 3, 0, None),
    ]  # fmt: skip
    assert document["warnings"] == ["few_events"]
    assert document["sentence"].startswith("Belum terbukti. Perkiraan terbaik 250 per 1.000 anak dalam 14 hari")
    assert document["prereg_sha256"] == "0" * 64


def test_one_delayed_group_is_judged_by_f4(sqlite_db: Database) -> None:
    """The same children, A to C against D to G, drawn as one delayed group: n_eff1 = 16/3.
    Control: deviations 3/4, -1/2, -1/4, squares 14/16, v0 = 3/2 * 14/16 / 16 = 21/256, n_eff0 = (3/16)/(21/256) = 16/7.
    """
    delayed = [Home(2, home.came_on) for home in (D, E, F, G)]
    with sqlite_db.write() as session:
        build(
            session,
            sqlite_db,
            homes=[A, B, C, *delayed],
            waves={("kantor", 1): ("2026-10-05", "2026-10-05"), ("kantor", 2): ("2026-10-19", None)},
            lot={"delayed_share": 0.2},
            data_until="2026-10-19",
        )
    document = read(sqlite_db)
    check_promise(document)
    expected = newcombe(8 / 3, 16 / 3, 4 / 7, 16 / 7)
    assert document["estimator"] == "F4 one delayed group"
    assert document["effect_per_1000"] == 250.0
    assert (document["low"], document["high"]) == pytest.approx((1000 * expected.low, 1000 * expected.high), abs=0.06)


def big(wave: int, households: int, came: int, day: str, place: str = "kantor") -> list[Home]:
    return [Home(wave, [day if number < came else None], place) for number in range(households)]


def test_a_clear_effect_is_said_in_one_sentence(sqlite_db: Database) -> None:
    """60 of 100 against 20 of 100: 400 per 1,000; variance (0.6 * 0.4 + 0.2 * 0.8)/100 * 200/199 = 0.00402."""
    with sqlite_db.write() as session:
        build(
            session,
            sqlite_db,
            homes=[*big(1, 100, 60, "2026-10-08"), *big(3, 100, 20, "2026-10-09")],
        )
    document = read(sqlite_db)
    half = 1.959964 * sqrt(0.004 * 200 / 199) * 1000
    low, high = round(400 - half), round(400 + half)
    assert document["verdict"] == "success"
    assert document["warnings"] == []
    assert document["sentence"] == (
        f"Dari 1.000 anak yang keluarganya mendapat giliran kirim, sekitar 400 (rentang wajar {low}–{high}) kartunya "
        "diambil dalam 14 hari karena pesan ini; sekitar 200 lainnya akan diambil juga tanpa pesan. "
        "Ini hitungan dalam 14 hari; bisa jadi sebagian hanya datang lebih cepat."
    )
    assert document["additional_cards"]["best"] == 80
    assert document["funnel"]["collected_children"] == 80


def test_fewer_cards_among_the_sent_is_a_warning(sqlite_db: Database) -> None:
    with sqlite_db.write() as session:
        build(session, sqlite_db, homes=[*big(1, 100, 10, "2026-10-08"), *big(3, 100, 60, "2026-10-09")])
    document = read(sqlite_db)
    assert document["verdict"] == "harm"
    assert document["sentence"].startswith("Peringatan:")


@pytest.mark.parametrize(
    ("data_until", "today", "cutoff"),
    [
        ("2026-10-18", TODAY, "2026-10-18"),
        ("2026-11-20", date(2026, 10, 18), "2026-10-18"),
        (None, TODAY, None),
    ],
)
def test_before_the_register_speaks_up_to_day_d_there_is_no_number(
    sqlite_db: Database, data_until: str | None, today: date, cutoff: str | None
) -> None:
    with sqlite_db.write() as session:
        build(session, sqlite_db, data_until=data_until)
    document = read(sqlite_db, today)
    check_promise(document)
    assert document["verdict"] == "interim"
    assert [document[key] for key in NUMBERS] == [None] * len(NUMBERS)
    assert all(line["rd_per_1000"] is None for line in document["waves"])
    assert (document["cutoff"], document["complete"]) == (cutoff, False)
    assert "interim" in document["warnings"]
    assert "19 Oktober 2026" in document["sentence"]
    assert document["randomised"]["children"] == 11


def test_every_comparison_must_be_over_before_a_number_is_shown(sqlite_db: Database) -> None:
    """Wave 1 is over, wave 2 (26 October against 9 November) is not: looking at wave 1 alone would be an early look."""
    late = {
        ("kantor", 1): ("2026-10-05", "2026-10-05"),
        ("kantor", 2): ("2026-10-26", "2026-10-26"),
        ("kantor", 3): ("2026-11-09", None),
    }
    with sqlite_db.write() as session:
        build(session, sqlite_db, waves=late, data_until="2026-11-01")
    document = read(sqlite_db)
    assert document["verdict"] == "interim"
    assert document["effect_per_1000"] is None
    assert "9 November 2026" in document["sentence"]


def test_a_stopped_campaign_is_read_with_the_waves_that_opened(sqlite_db: Database) -> None:
    late = {
        ("kantor", 1): ("2026-10-05", "2026-10-05"),
        ("kantor", 2): ("2026-10-26", None),
        ("kantor", 3): ("2026-11-09", None),
    }
    with sqlite_db.write() as session:
        build(session, sqlite_db, waves=late, status="stopped", data_until="2026-10-20")
    document = read(sqlite_db)
    assert document["verdict"] == "unproven"
    assert "stopped_early" in document["warnings"]


def test_without_a_lot_no_cause_is_stated(sqlite_db: Database) -> None:
    homes = [Home(0, ["2026-10-10"], arm="outside"), Home(0, [None], arm="always_send")]
    with sqlite_db.write() as session:
        build(session, sqlite_db, homes=homes, waves={("kantor", 0): ("2026-10-05", "2026-10-05")}, lot={"none": True})
    document = read(sqlite_db)
    check_promise(document)
    assert document["verdict"] == "no_lot"
    assert [document[key] for key in NUMBERS] == [None] * len(NUMBERS)
    assert document["sentence"].startswith("Tidak dapat menyatakan sebab")
    assert document["randomised"] == {"households": 0, "children": 0}
    assert document["always_send"] == 1


def test_waves_closer_than_d_have_no_comparison(sqlite_db: Database) -> None:
    close = {("kantor", 1): ("2026-10-05", "2026-10-05"), ("kantor", 2): ("2026-10-12", "2026-10-12")}
    with sqlite_db.write() as session:
        build(session, sqlite_db, homes=[A, B, C, H], waves=close)
    document = read(sqlite_db)
    check_promise(document)
    assert document["verdict"] == "no_comparison"
    assert [document[key] for key in NUMBERS] == [None] * len(NUMBERS)
    assert document["cells_without_comparison"] == 1


def test_always_send_and_outside_households_are_counted_apart(sqlite_db: Database) -> None:
    """They came in the window, but nobody was drawn: the answer stays that of the lot alone."""
    others = [Home(0, ["2026-10-06"], arm="always_send"), Home(0, ["2026-10-06"], arm="outside")]
    waves = {**WAVES, ("kantor", 0): ("2026-10-05", "2026-10-05")}
    with sqlite_db.write() as session:
        build(session, sqlite_db, homes=[*HOMES, *others], waves=waves)
    document = read(sqlite_db)
    assert document["effect_per_1000"] == 250.0
    assert document["always_send"] == 1
    assert document["randomised"] == {"households": 8, "children": 11}
    assert "only_reachable" in document["warnings"]


def test_a_cell_without_controls_adds_reach_and_no_evidence(sqlite_db: Database) -> None:
    island = [Home(1, ["2026-10-06", "2026-10-06"], place="enggano")]
    waves = {**WAVES, ("enggano", 1): ("2026-10-05", "2026-10-05")}
    with sqlite_db.write() as session:
        build(session, sqlite_db, homes=[*HOMES, *island], waves=waves)
    document = read(sqlite_db)
    assert document["effect_per_1000"] == 250.0
    assert document["cells_without_comparison"] == 1
    assert document["randomised"]["children"] == 13
    assert document["additional_cards"]["best"] == 3  # still of the 11 children of the other cell


def test_the_outcome_the_campaign_names_is_the_one_that_counts(sqlite_db: Database) -> None:
    with sqlite_db.write() as session:
        build(session, sqlite_db, outcome="applied", data_until=None)
        make.import_batch(session, kind="children", data_until="2026-11-20")
    document = read(sqlite_db)
    assert (document["outcome"], document["effect_per_1000"]) == ("applied", 250.0)
    assert document["funnel"]["applied_children"] == 5
    assert "diajukan" not in document["sentence"]  # unproven


@pytest.mark.parametrize(("reports", "cutoff"), [(False, "2026-10-07"), (True, "2026-11-25")])
def test_a_newer_list_of_children_speaks_of_collected_cards_only_when_such_lists_do(
    db: Database, reports: bool, cutoff: str
) -> None:
    """Else every window after the last list of collected cards would look over and empty."""
    with db.write() as session:
        build(session, db, data_until="2026-10-07")
        children = make.import_batch(session, kind="children", data_until="2026-11-25")
        if reports:
            card = make.family(session, db.sealer).card
            assert card.id is not None
            assert children.id is not None
            session.add(
                tables.CardEvent(
                    card_id=card.id, status="collected", on_date=date(2026, 10, 1), recorded_at=make.NOW,
                    batch_id=children.id,
                )
            )  # fmt: skip
    assert read(db)["cutoff"] == cutoff


def test_the_funnel_counts_households_and_believes_only_whatsapp_receipts(db: Database) -> None:
    with db.write() as session:
        campaign, cohort = build(session, db)
        sent = (
            (A, "whatsapp", "delivered", "2026-10-05"), (A, "sms", "delivered", "2026-10-06"),
            (B, "sms", "delivered", "2026-10-05"), (C, "telegram", "accepted", "2026-10-05"),
            (H, "village_list", "accepted", "2026-10-12"), (D, "whatsapp", "failed", "2026-10-19"),
            (E, "whatsapp", "suppressed", None), (F, "whatsapp", "read", "2026-10-19"),
        )  # fmt: skip
        for home, channel, status, on in sent:
            make.message(
                session, db.sealer, household=home.row, campaign=campaign, cohort=cohort, channel=channel,
                status=status, step=f"step-{status}-{channel}", intent_on=date.fromisoformat(on) if on else None,
            )  # fmt: skip
    document = read(db)
    assert document["funnel"] == {
        "randomised_households": 8,
        "randomised_children": 11,
        "messaged_households": 4,  # A, B, C, F; the officer's list is no message, D was refused
        "delivered_households": 2,  # A and F
        "collected_children": 5,
    }
    assert "contamination" not in document["warnings"]


def test_a_household_written_to_before_its_turn_is_contamination_and_stays_as_assigned(sqlite_db: Database) -> None:
    with sqlite_db.write() as session:
        campaign, cohort = build(session, sqlite_db)
        make.message(
            session, sqlite_db.sealer, household=G.row, campaign=campaign, cohort=cohort, status="delivered",
            intent_on=date(2026, 10, 18),
        )  # fmt: skip
    document = read(sqlite_db)
    assert "contamination" in document["warnings"]
    assert document["effect_per_1000"] == 250.0


def test_a_household_merged_into_another_is_reached_there_and_keeps_its_place(db: Database) -> None:
    with db.write() as session:
        campaign, cohort = build(session, db)
        assert G.row is not None
        assert A.row is not None
        G.row.alias_of = A.row.id
        session.add(G.row)
        make.message(
            session, db.sealer, household=A.row, campaign=campaign, cohort=cohort, status="delivered",
            intent_on=date(2026, 10, 5),
        )  # fmt: skip
    document = read(db)
    assert document["funnel"]["messaged_households"] == 2
    assert document["effect_per_1000"] == 250.0
    assert "contamination" in document["warnings"]


def test_amendments_are_listed(sqlite_db: Database) -> None:
    with sqlite_db.write() as session:
        _, cohort = build(session, sqlite_db)
        assert cohort.id is not None
        session.add(
            tables.Amendment(
                cohort_id=cohort.id, at=make.NOW, by="sari", kind="recut", reason="loket tutup dua hari", data="{}"
            )
        )
    document = read(sqlite_db)
    check_promise(document)
    assert document["amendments"] == [
        {"at": make.NOW.isoformat(), "by": "sari", "kind": "recut", "reason": "loket tutup dua hari"}
    ]
    assert "amended" in document["warnings"]


def test_a_campaign_that_was_not_started_is_interim(db: Database) -> None:
    with db.write() as session:
        make.campaign(session, NAME, status="draft")
    document = read(db)
    check_promise(document)
    assert (document["verdict"], document["complete"], document["prereg_sha256"]) == ("interim", False, None)
    assert "belum ada gelombang yang dibuka" in document["sentence"]


def test_an_unknown_campaign_is_not_found(sqlite_db: Database) -> None:
    with sqlite_db.read() as session, pytest.raises(NotFound, match="kampanye-lain"):
        result(session, "kampanye-lain", TODAY)
