"""What a text is filled with, from the register and the office's facts."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, select

from broadcaster.errors import BadInput, NotFound
from broadcaster.rendering.queries import Family, Values, answer, family_of, latest, render, values_for, values_of
from broadcaster.rendering.service import load_content, record_provider_template
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database, Plain
from tests import make

ENGGANO = {
    "code": "17.03.01.2002",
    "name": "Malakoni",
    "kind": "desa",
    "kecamatan": "Enggano",
    "capacity_place": "enggano",
}


def _message(session: Session, db: Database, family: make.Family, *children: tables.Child, **columns: object) -> int:
    """A planned text about these children of a family (its own child when none is given), to its first contact."""
    address = columns.pop("address", None) or db.sealer.open("address", family.contacts[0].sealed_address)
    row = make.message(session, db.sealer, household=family.household, address=str(address), **columns)
    assert row.id is not None
    occasion = "printed_uncollected"
    for child in children or (family.child,):
        card = make.card_of(session, child)
        session.add(tables.MessageChild(message_id=row.id, child_id=child.id, card_id=card.id, occasion=occasion))
    session.flush()
    return row.id


def _values(session: Session, db: Database, message_id: int, today: date) -> Values:
    return _filled(session, db, [message_id], today)[message_id]


def _filled(session: Session, db: Database, message_ids: list[int], today: date) -> dict[int, Values]:
    rows = [session.get_one(tables.Message, message_id) for message_id in message_ids]
    written_to = {
        row.id or 0: (row.household_id or 0, b"" if row.channel == "village_list" else row.address_blind or b"")
        for row in rows
    }
    return values_for(session, db.sealer, written_to, today)


def test_a_family_is_addressed_by_name_and_village(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        family = make.family(session, db.sealer, guardian_name="SRI WAHYUNI", child_name="RIZKI PRATAMA")
        values = _values(session, db, _message(session, db, family), today)
    assert values["ortu"] == "Bapak/Ibu Sri Wahyuni"
    assert values["anak"] == "Rizki"
    assert values["desa"] == "Kelurahan Gunung Alam"
    assert values["tempat"] == "loket Dukcapil, Jl. Jenderal Sudirman, Arga Makmur"
    assert (values["nomor_wa"], values["nomor_layanan"]) == ("081200000002", "081200000001")


@pytest.mark.parametrize(("extra", "joined"), [
    ([], "Rizki"),
    (["SITI AISYAH"], "Siti dan Rizki"),
    (["SITI AISYAH", "BUDI"], "Siti, Budi dan Rizki"),
    (["SITI AISYAH", "BUDI", "M. ARIF"], "Siti, Budi, M. Arif dan Rizki"),
])  # fmt: skip
def test_one_to_four_children_are_named_oldest_first(db: Database, today: date, extra: list[str], joined: str) -> None:
    with db.write() as session:
        make.facts(session)
        family = make.family(session, db.sealer, born="2023-01-01")
        siblings = [
            make.child(session, db.sealer, family.household, name=name, born=f"{2016 + number}-05-01")
            for number, name in enumerate(extra)
        ]
        values = _values(session, db, _message(session, db, family, family.child, *siblings), today)
    assert values["anak"] == joined


def test_a_shared_telephone_gets_no_names(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        family = make.family(session, db.sealer, channels=())
        make.contact(session, db.sealer, family.guardian, "whatsapp", "+6281100001111", shared=True)
        values = _values(session, db, _message(session, db, family, address="+6281100001111"), today)
    assert (values["ortu"], values["anak"]) == ("Bapak/Ibu", "anak Bapak/Ibu")
    assert "Rizki" not in str(values)


def test_the_owner_of_the_telephone_is_addressed_not_the_first_guardian(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        family = make.family(session, db.sealer, guardian_name="EKO PURNOMO", channels=())
        other = make.guardian(session, db.sealer, family.household, name="MARLINA")
        make.contact(session, db.sealer, other, "telegram", "123456")
        reached = _message(session, db, family, channel="telegram", address="123456")
        listed = _message(session, db, family, channel="village_list", address="17.03.07.1015")
        values = _filled(session, db, [reached, listed], today)
    assert values[reached]["ortu"] == "Bapak/Ibu Marlina"
    assert values[listed]["ortu"] == "Bapak/Ibu Eko Purnomo"


def test_the_guardian_of_a_merged_household_is_found_in_the_one_it_became(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        home = make.household(session, db.sealer)
        make.guardian(session, db.sealer, home, name="SRI WAHYUNI")
        old = make.household(session, db.sealer, alias_of=home)
        child = make.child(session, db.sealer, home)
        row = make.message(session, db.sealer, household=old, card=make.card_of(session, child))
        assert row.id is not None
        values = _values(session, db, row.id, today)
    assert values["ortu"] == "Bapak/Ibu Sri Wahyuni"


def test_an_island_family_is_sent_to_its_own_place_or_nowhere(db: Database, now: datetime, today: date) -> None:
    with db.write() as session:
        load_content(session, content_dir(), now)
        make.facts(session)
        family = make.family(session, db.sealer, village=make.village(session, **ENGGANO))
        message = _message(session, db, family)
        there = _values(session, db, message, today)
        fact = session.exec(select(tables.OfficeFact).where(tables.OfficeFact.key == "tempat_ambil.enggano")).one()
        fact.value = ""
        session.add(fact)
        session.flush()
        empty = _values(session, db, message, today)
        with pytest.raises(BadInput, match="tempat"):
            render(latest(session, "ambil-kartu-1"), "whatsapp", empty)
        assert "Camat Enggano" not in answer(session, "stop", family.household.id).text
    assert there["tempat"] == "kantor Camat Enggano, Desa Apoho"
    assert there["desa"] == "Desa Malakoni"
    assert empty["tempat"] == "", "never the mainland"


def test_a_family_without_a_village_is_still_addressed(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        family = make.family(session, db.sealer)
        family.household.village_id = None
        session.add(family.household)
        session.flush()
        values = _values(session, db, _message(session, db, family), today)
    assert values["desa"] == "Kabupaten Bengkulu Utara"


@pytest.mark.parametrize(
    ("births", "today", "tanggal", "latar"),
    [
        (["2021-11-24"], date(2026, 10, 5), "24 November 2026", "merah"),
        (["2020-02-29"], date(2025, 1, 10), "28 Februari 2025", "biru"),
        # of two, the next to turn five; when both have, the last who did
        (["2021-11-24", "2022-03-14"], date(2026, 10, 5), "24 November 2026", "merah untuk Anak1, biru untuk Anak2"),
        (["2021-11-24", "2022-03-14"], date(2026, 12, 1), "14 Maret 2027", "merah untuk Anak1, biru untuk Anak2"),
        (["2021-11-24", "2021-03-14"], date(2028, 1, 1), "24 November 2026", "merah"),
    ],
)
def test_the_fifth_birthday_and_the_photo_background(
    db: Database, births: list[str], today: date, tanggal: str, latar: str
) -> None:
    with db.write() as session:
        make.facts(session)
        home = make.household(session, db.sealer)
        children = [
            make.child(session, db.sealer, home, born=birth, name=f"Anak{number}")
            for number, birth in enumerate(births, start=1)
        ]
        family = Family(home.id or 0, tuple((child.id or 0, "turning_five") for child in children))
        values = values_of(session, db.sealer, [family], today)[0]
    assert (values["tanggal"], values["latar"]) == (tanggal, latar)


@pytest.mark.parametrize(
    ("occasions", "today", "tanggal"),
    [
        (["turning_seventeen"], date(2026, 10, 5), "24 November 2026"),
        # a brother who turned five long ago is not spoken of
        (["turning_seventeen", "no_card_5_to_16"], date(2026, 10, 5), "24 November 2026"),
        (["turning_seventeen", "turning_five"], date(2026, 12, 1), "14 Maret 2027"),
        (["printed_uncollected"], date(2026, 10, 5), "24 November 2014"),
    ],
)
def test_the_date_is_the_birthday_that_the_occasion_is_about(
    db: Database, occasions: list[str], today: date, tanggal: str
) -> None:
    with db.write() as session:
        make.facts(session)
        home = make.household(session, db.sealer)
        births = {"turning_five": "2022-03-14", "no_card_5_to_16": "2016-01-02"}
        children = [
            make.child(session, db.sealer, home, born=births.get(occasion, "2009-11-24"), name=occasion)
            for occasion in occasions
        ]
        concerned = tuple((child.id or 0, occasion) for child, occasion in zip(children, occasions, strict=True))
        values = values_of(session, db.sealer, [Family(home.id or 0, concerned)], today)[0]
    assert values["tanggal"] == tanggal


def test_a_visit_is_the_next_one_in_the_village_of_the_family(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        there = make.family(session, db.sealer, village=make.village(session, **ENGGANO))
        elsewhere = make.family(session, db.sealer)
        for days, place in ((-1, "kemarin"), (9, "sekolah"), (0, "balai desa"), (3, "lusa")):
            make.visit(session, ENGGANO["code"], today + timedelta(days=days), place=place)
        families = [Family(one.household.id or 0, ()) for one in (there, elsewhere)]
        first, other = values_of(session, db.sealer, families, today)
        later = values_of(session, db.sealer, families, today + timedelta(days=4))[0]
    assert [first[name] for name in ("keliling_tanggal", "keliling_tempat", "keliling_jam")] == [
        "Senin, 5 Oktober 2026", "balai desa", "08.30-12.00 WIB",
    ]  # fmt: skip
    assert (later["keliling_tanggal"], later["keliling_tempat"]) == ("Rabu, 14 Oktober 2026", "sekolah")
    assert [other[name] for name in ("keliling_tanggal", "keliling_tempat", "keliling_jam")] == ["", "", ""]


def test_without_a_visit_the_text_is_refused_with_the_command_that_enters_one(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        make.template(
            session, "keliling-1",
            content={"variables": [], "buttons": [], "texts": {"sms": "Kami datang pada {keliling_tanggal}."}},
        )  # fmt: skip
        family = make.family(session, db.sealer, village=make.village(session, **ENGGANO))
        values = _values(session, db, _message(session, db, family), today)
        with pytest.raises(
            BadInput, match="di Desa Malakoni; tambahkan dengan `broadcaster office visit add"
        ) as refused:
            render(latest(session, "keliling-1"), "sms", values)
    assert refused.value.code == "missing_value"


def test_a_missing_office_fact_is_refused_with_the_command_that_sets_it(db: Database, now: datetime) -> None:
    with db.write() as session:
        load_content(session, content_dir(), now)
        with pytest.raises(BadInput, match="office set tempat_ambil") as refused:
            render(latest(session, "ambil-kartu-1"), "sms", {"anak": "Rizki"})
    assert refused.value.code == "missing_value"


def test_an_excluded_child_is_never_named_and_without_children_nothing_can_be_said(
    db: Database, now: datetime, today: date
) -> None:
    with db.write() as session:
        load_content(session, content_dir(), now)
        make.facts(session)
        family = make.family(session, db.sealer)
        gone = make.child(session, db.sealer, family.household, name="ALMIRA", excluded="deceased")
        both = _values(session, db, _message(session, db, family, family.child, gone), today)
        alone = _values(session, db, _message(session, db, family, gone), today)
        with pytest.raises(BadInput) as refused:
            render(latest(session, "ambil-kartu-1"), "sms", alone)
    assert both["anak"] == "Rizki"
    assert refused.value.code == "missing_value"


def test_names_from_spreadsheets_do_not_break_a_provider(db: Database, now: datetime, today: date) -> None:
    with db.write() as session:
        load_content(session, content_dir(), now)
        make.facts(session)
        family = make.family(session, db.sealer, guardian_name="SRI\n  WAHYUNI {anak} {{1}}", child_name="NUR’AINI")
        version = latest(session, "ambil-kartu-1")
        record_provider_template(session, version.id, "twilio", "HX9", "approved", "UTILITY", now)
        version = latest(session, "ambil-kartu-1")
        values = _values(session, db, _message(session, db, family), today)
        on_whatsapp = render(version, "whatsapp", values)
        on_sms = render(version, "sms", values)
    assert on_whatsapp.content_sid == "HX9"
    assert on_whatsapp.content_variables["2"] == "Bapak/Ibu SRI WAHYUNI {anak} {{1}}"
    assert all("\n" not in value for value in on_whatsapp.content_variables.values())
    assert "Bapak/Ibu SRI WAHYUNI {anak} {{1}}, warga" in on_whatsapp.text
    assert on_sms.segments.encoding == "gsm7"
    assert (on_sms.content_sid, on_sms.content_variables, on_sms.buttons) == ("", {}, ())


def test_a_text_too_long_for_one_sms_is_warned_about(db: Database, now: datetime, today: date) -> None:
    with db.write() as session:
        load_content(session, content_dir(), now)
        make.facts(session)
        family = make.family(session, db.sealer)
        siblings = [make.child(session, db.sealer, family.household, name=f"MUHAMMAD{n} A") for n in "ABC"]
        values = _values(session, db, _message(session, db, family, family.child, *siblings), today)
        rendered = render(latest(session, "ambil-kartu-1"), "sms", values)
    assert rendered.segments.segments == 2
    assert "2 SMS" in rendered.warnings[0]


def test_a_channel_without_a_text_is_refused(db: Database) -> None:
    with db.write() as session:
        make.template(session, "surat", content={"variables": [], "buttons": [], "texts": {"sms": "Halo"}})
        with pytest.raises(BadInput, match="saluran telegram") as refused:
            render(latest(session, "surat"), "telegram", {})
    assert refused.value.code == "no_text_for_channel"


def test_filling_many_messages_asks_the_database_as_often_as_filling_one(
    db: Database, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.write() as session:
        make.facts(session)
        ids = [_message(session, db, make.family(session, db.sealer)) for _ in range(40)]
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    for name in ("one", "all"):  # plain SQL goes past that event
        asked = getattr(Plain, name)
        monkeypatch.setattr(
            Plain,
            name,
            lambda self, sql, *, _asked=asked, **given: (statements.append(sql), _asked(self, sql, **given))[1],
        )
    counts = []
    for wanted in (ids[:1], ids):
        statements.clear()
        with db.read() as session:
            written_to = {
                row.id or 0: (row.household_id or 0, row.address_blind or b"")
                for row in session.exec(select(tables.Message).where(col(tables.Message.id).in_(wanted)))
            }
            statements.clear()
            assert len(values_for(session, db.sealer, written_to, today)) == len(wanted)
        counts.append(len([text for text in statements if "SELECT" in text]))
    assert counts[0] == counts[1] == 7


def test_a_preview_for_a_household_names_all_its_children(db: Database, today: date) -> None:
    with db.write() as session:
        make.facts(session)
        family = make.family(session, db.sealer)
        make.child(session, db.sealer, family.household, name="SITI", born="2018-02-02")
        values = values_of(session, db.sealer, [family_of(session, family.household.id or 0)], today)[0]
        with pytest.raises(NotFound):
            family_of(session, 999)
    assert (values["ortu"], values["anak"]) == ("Bapak/Ibu Siti Aminah", "Siti dan Rizki")


def test_an_answer_is_filled_with_the_place_that_serves_the_family(db: Database, now: datetime) -> None:
    with db.write() as session:
        load_content(session, content_dir(), now)
        make.facts(session)
        island = make.family(session, db.sealer, village=make.village(session, **ENGGANO))
        there = answer(session, "where_when", island.household.id).text
        anyone = answer(session, "where_when").text
        with pytest.raises(NotFound):
            answer(session, "tidak_ada")
    assert "kantor Camat Enggano" in there
    assert "Arga Makmur" not in there
    assert "Jl. Jenderal Sudirman" in anyone


def test_an_answer_waits_while_a_fact_it_needs_is_empty(db: Database, now: datetime) -> None:
    with db.write() as session:
        load_content(session, content_dir(), now)
        with pytest.raises(BadInput, match="office set"):
            answer(session, "where_when")
        assert "MULAI" in answer(session, "stop").text
