"""Who came to us by themselves: linked to a family, or a reader of public news and no more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from broadcaster.audience.queries import usable_addresses
from broadcaster.errors import NotAllowed, NotFound
from broadcaster.replies import links, places, posters, subscribers
from broadcaster.storage import tables
from tests import make

from .conftest import CHAT, PHONE, Post, send

OTHER = "700100300"
TEXT = "Halo Dukcapil, saya ingin menerima kabar Kartu Identitas Anak. Kode: {}"


def family(post: Post, **columns: object) -> make.Family:
    with post.db.write() as session:
        return make.family(session, post.db.sealer, **columns)  # type: ignore[arg-type]


def letter(post: Post, home: make.Family) -> str:
    return posters.make_household_link(post.db, home.household.id or 0, by="sistem", now=post.now).token


def poster(post: Post, place: str = "SDN 03 Lais", **more: object) -> str:
    return posters.make_poster(post.db, desa="", place=place, by="sistem", now=post.now, **more).token  # type: ignore[arg-type]


def chats(post: Post) -> list[tuple[int, str, bool]]:
    """(household, chat, shared) of every family's Telegram, in order."""
    with post.db.read() as session:
        found = session.exec(
            select(tables.Guardian.household_id, tables.ContactPoint)
            .join(tables.ContactPoint, col(tables.ContactPoint.guardian_id) == col(tables.Guardian.id))
            .where(tables.ContactPoint.channel == "telegram")
            .order_by(col(tables.ContactPoint.id))
        ).all()
        return [(home, post.db.sealer.open("address", point.sealed_address), point.shared) for home, point in found]


def share(post: Post, number: str = PHONE, chat: str = CHAT) -> None:
    post.telegram(contact={"phone_number": number, "user_id": int(chat)}, chat=chat)


def subscriber(session: Session, post: Post, address: str = CHAT) -> tables.Subscriber:
    blind = post.db.sealer.blind("address", address)
    return session.exec(select(tables.Subscriber).where(tables.Subscriber.address_blind == blind)).one()


# ------------------------------------------------------------------------------------------------------------- letters


def test_a_letter_links_its_household_once_in_any_spelling_and_is_kept_as_an_index_only(post: Post) -> None:
    home = family(post)
    token = letter(post, home)
    post.telegram(f"/start {token.upper()}")
    assert chats(post) == [(home.household.id, CHAT, False)]
    with post.db.read() as session:
        row = session.exec(select(tables.LinkToken)).one()
        assert row.public == ""
        assert row.token_blind == post.db.sealer.blind("token", token)
        assert row.used_by == post.db.sealer.blind("address", CHAT)
    post.telegram(f"/start {token}", chat=OTHER)
    assert [chat for _, chat, _ in chats(post)] == [CHAT], "the second person is told, and linked to nobody"
    assert "sudah dipakai" in post.answers()[-1]
    post.telegram(f"/start {token}")
    assert "tersambung dengan keluarga" in post.answers()[-1], "the same person may open it again"


def test_a_letter_opened_again_after_putus_links_nothing(post: Post) -> None:
    token = letter(post, family(post))
    post.telegram(f"/start {token}")
    post.telegram("/putus")
    post.telegram(f"/start {token}")
    assert chats(post) == []


def test_a_letter_expires(post: Post) -> None:
    token = letter(post, family(post))
    post.now += links.HOUSEHOLD_LIFE
    post.telegram(f"/start {token}")
    assert chats(post) == []
    assert "sudah lewat waktunya" in post.answers()[-1]


def test_a_letter_of_a_merged_household_links_the_one_that_stands(post: Post) -> None:
    home, kept = family(post), family(post)
    token = letter(post, home)
    with post.db.write() as session:
        gone = session.get_one(tables.Household, home.household.id)
        gone.alias_of = kept.household.id
        guardian = session.get_one(tables.Guardian, home.guardian.id)
        guardian.household_id = kept.household.id or 0
        session.add_all([gone, guardian])
    post.telegram(f"/start {token}")
    assert [home_id for home_id, _, _ in chats(post)] == [kept.household.id]


def test_a_link_needs_a_family_and_a_permission(post: Post) -> None:
    with pytest.raises(NotFound):
        posters.make_household_link(post.db, 404, by="sistem", now=post.now)
    with post.db.write() as session:
        make.staff(session, "budi", "replier")
    home = family(post)
    with pytest.raises(NotAllowed):
        posters.make_household_link(post.db, home.household.id or 0, by="budi", now=post.now)


def test_staff_unlink_a_family_and_its_letters(post: Post) -> None:
    home, other = family(post, phone=PHONE), family(post)
    share(post)
    post.telegram(f"/start {letter(post, other)}")
    unused = letter(post, home)
    done = subscribers.unlink_family(post.db, home.household.id or 0, by="sistem", now=post.now)
    assert (done.chats, done.links) == (1, 1)
    assert chats(post) == [(other.household.id, CHAT, False)], "the other family keeps the chat"
    post.telegram(f"/start {unused}", chat=OTHER)
    assert "sudah dipakai atau sudah lewat" in post.answers()[-1]
    assert subscribers.link_waiting(post.db, post.now) == 0, "what staff unlinked stays so"
    with pytest.raises(NotFound):
        subscribers.unlink_family(post.db, 404, by="sistem", now=post.now)
    with post.db.read() as session:
        actions = session.exec(select(tables.AuditEntry.action)).all()
    assert {"link_telegram", "unlink_telegram", "link.made", "links.revoked"} <= set(actions)


# ------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "number", ["6281234567890", "+62 812-3456-7890", "081234567890", "0812 3456 7890", "+6281234567890"]
)
def test_a_number_links_in_any_spelling(post: Post, number: str) -> None:
    home = family(post, phone=PHONE)
    share(post, number)
    assert chats(post) == [(home.household.id, CHAT, False)]


def test_a_foreign_number_without_its_plus_is_not_taken_for_one_of_ours(post: Post) -> None:
    family(post, phone="+6281234567890")
    share(post, "81234567890")  # as Telegram writes a Japanese number
    assert chats(post) == []


def test_several_families_with_one_phone_are_linked_without_names(post: Post) -> None:
    homes = [family(post, phone=PHONE) for _ in range(2)]
    share(post)
    assert chats(post) == [(home.household.id, CHAT, True) for home in homes]


def test_without_a_match_the_chat_waits_and_is_linked_when_an_import_brings_the_number(post: Post) -> None:
    share(post)
    assert chats(post) == []
    assert subscribers.link_waiting(post.db, post.now) == 0
    home = family(post, phone=PHONE)
    assert subscribers.link_waiting(post.db, post.now) == 1
    assert chats(post) == [(home.household.id, CHAT, False)]
    assert subscribers.link_waiting(post.db, post.now) == 0


def test_a_number_that_becomes_several_families_takes_the_names_from_the_chat(post: Post) -> None:
    home = family(post, phone=PHONE)
    share(post)
    with post.db.write() as session:
        for point in session.exec(select(tables.ContactPoint).where(tables.ContactPoint.channel != "telegram")):
            point.shared = True
            session.add(point)
    assert subscribers.link_waiting(post.db, post.now) == 1
    assert chats(post) == [(home.household.id, CHAT, True)]


def test_an_import_does_not_bring_a_dead_chat_back_to_life_and_its_owner_does(post: Post) -> None:
    family(post, phone=PHONE)
    share(post)
    with post.db.write() as session:
        for point in session.exec(select(tables.ContactPoint)):
            point.shared = point.channel != "telegram"
            if point.channel == "telegram":
                point.invalid_since, point.invalid_reason = post.now, "address_gone"
            session.add(point)
    assert subscribers.link_waiting(post.db, post.now) == 1

    def dead() -> bool:
        with post.db.read() as session:
            point = session.exec(select(tables.ContactPoint).where(tables.ContactPoint.channel == "telegram")).one()
            assert point.shared
            return point.invalid_since is not None

    assert dead()
    share(post)
    assert not dead()


def test_whoever_stopped_by_telephone_is_not_written_to_in_the_chat_that_an_import_links(post: Post) -> None:
    share(post)
    post.whatsapp("STOP")
    family(post, phone=PHONE)
    assert subscribers.link_waiting(post.db, post.now) == 1
    assert post.is_suppressed(CHAT, "telegram") == "opt_out"
    post.telegram("/mulai")
    assert (post.is_suppressed(CHAT, "telegram"), post.is_suppressed(PHONE)) == (None, None), "the newest word counts"


def test_a_number_of_several_families_that_said_no_is_not_followed_to_a_chat(post: Post) -> None:
    share(post)
    post.whatsapp("STOP")
    for _ in range(2):
        family(post, phone=PHONE)
    with post.db.write() as session:
        for point in session.exec(select(tables.ContactPoint)):
            point.shared = True
            session.add(point)
    assert subscribers.link_waiting(post.db, post.now) == 0
    assert chats(post) == []


def test_a_stop_in_the_chat_stops_the_familys_telephone_too(post: Post) -> None:
    family(post, phone=PHONE)
    post.telegram("/start")
    share(post)
    post.telegram("/berhenti")
    assert (post.is_suppressed(CHAT, "telegram"), post.is_suppressed(PHONE)) == ("opt_out", "opt_out")
    with post.db.read() as session:
        newest = session.exec(select(tables.ConsentEntry).order_by(col(tables.ConsentEntry.id).desc())).first()
        assert newest is not None
        assert (newest.decision, newest.wording) == ("out", "/berhenti")


def test_an_older_share_that_arrives_late_does_not_undo_putus(post: Post) -> None:
    family(post, phone=PHONE)
    written = post.now
    post.now += timedelta(hours=1)
    share(post)
    post.telegram("/putus")
    post.telegram(contact={"phone_number": PHONE, "user_id": int(CHAT)}, at=written)
    assert chats(post) == []
    share(post)
    assert len(chats(post)) == 1, "a new wish links again"


def test_putus_stops_what_is_planned_for_the_family_and_leaves_the_rest(post: Post) -> None:
    home = family(post, phone=PHONE)
    share(post)
    with post.db.write() as session:
        running = make.campaign(session)
        plan = {"household": home.household, "campaign": running, "card": home.card}
        chat = make.message(session, post.db.sealer, channel="telegram", address=CHAT, **plan)
        phone = make.message(session, post.db.sealer, channel="whatsapp", address=PHONE, **plan)
    post.telegram("/putus")
    with post.db.read() as session:
        ended, waits = (session.get_one(tables.Message, one.id) for one in (chat, phone))
        assert (ended.status, ended.reason) == ("cancelled", "unlinked")
        assert waits.status == "planned"
        usable, _ = usable_addresses(session, post.now)
        assert set(usable[home.household.id or 0]) == {"whatsapp", "sms"}
    assert post.is_suppressed(CHAT, "telegram") is None


# -------------------------------------------------------------------------------------------------------------- places


def test_a_poster_brings_each_chat_once_and_the_first_place_stays(post: Post) -> None:
    school, hall = poster(post), poster(post, "Balai Desa Air Padang")
    for token in (school, school, hall, "k0k0k0"):
        post.telegram(f"/start {token}")
    post.telegram(f"/start {school}", chat=OTHER)
    with post.db.read() as session:
        report = places.place_report(session)
        assert {line.place: line.telegram_starts for line in report.lines} == {
            "SDN 03 Lais": 2, "Balai Desa Air Padang": 1,
        }  # fmt: skip
        assert (report.telegram_starts, report.families) == (2, 0)
        assert subscriber(session, post).place == "SDN 03 Lais"


def test_the_report_says_which_families_a_place_brought(post: Post) -> None:
    token = poster(post)
    home = family(post, phone=PHONE)
    post.telegram(f"/start {token}")
    share(post)
    post.whatsapp(TEXT.format(links.code(token)))  # the same family on its other channel
    post.telegram(f"/start {token}", chat=OTHER)
    with post.db.read() as session:
        (line,) = places.place_report(session).lines
        assert (line.telegram_starts, line.whatsapp_openings, line.families) == (2, 1, 1)
        assert home.household.id is not None


def test_a_campaigns_link_is_one_for_many(post: Post) -> None:
    with post.db.write() as session:
        make.campaign(session, "kartu-2027")
    token = posters.make_campaign_link(post.db, "kartu-2027", by="sistem", now=post.now)
    assert posters.make_campaign_link(post.db, "kartu-2027", by="sistem", now=post.now) == token
    for chat in (CHAT, OTHER):
        post.telegram(f"/start {token}", chat=chat)
    with post.db.read() as session:
        (line,) = places.place_report(session).lines
    assert (line.place, line.kind, line.telegram_starts) == ("kampanye kartu-2027", "campaign", 2)
    with pytest.raises(NotFound):
        posters.make_campaign_link(post.db, "tidak-ada", by="sistem", now=post.now)


def test_the_code_in_a_whatsapp_text_is_a_wish_with_its_place(post: Post) -> None:
    post.whatsapp(TEXT.format(links.code(poster(post))))
    assert "Lewat nomor ini kami mengirim kabar" in post.answers("answer")[0]
    assert post.state() == "done"
    with post.db.read() as session:
        entry = session.exec(select(tables.ConsentEntry)).one()
        row = subscriber(session, post, PHONE)
    assert (entry.decision, entry.source, entry.wording) == ("in", "start", "kode poster")
    assert (row.channel, row.place) == ("whatsapp", "SDN 03 Lais")
    post.whatsapp(TEXT.format(links.code(poster(post))))
    assert len(post.answers()) == 1


def test_a_question_beside_the_code_is_answered_and_the_place_counts(post: Post) -> None:
    post.whatsapp(f"syaratnya apa pak? {links.code(poster(post))}")
    assert "Syarat Kartu Identitas Anak" in post.answers("answer")[0]
    with post.db.read() as session:
        assert places.place_report(session).whatsapp_openings == 1


def test_a_stop_beside_the_code_stops(post: Post) -> None:
    post.whatsapp(f"STOP {links.code(poster(post))}")
    assert post.is_suppressed(PHONE) == "opt_out"
    with post.db.read() as session:
        assert places.place_report(session).whatsapp_openings == 0


@pytest.mark.parametrize("text", ["KIA-ZZZZZ9", "KIA gratis ya", "syarat KIA-K7M2Q9"])
def test_a_code_of_nobody_is_an_ordinary_text(post: Post, text: str) -> None:
    post.whatsapp(text)
    with post.db.read() as session:
        assert session.exec(select(tables.Subscriber)).all() == []


def test_the_code_never_lifts_a_newer_stop(post: Post) -> None:
    code = links.code(poster(post))
    post.whatsapp("STOP")
    post.whatsapp(TEXT.format(code))
    assert post.is_suppressed(PHONE) is None, "writing it again is a newer wish, like MULAI"


# ----------------------------------------------------------------------------------------------------------- the news


def readers(post: Post) -> list[tuple[str, str, bool]]:
    with post.db.read() as session:
        return [
            (post.db.sealer.open("address", one.sealed_address), one.place, one.linked)
            for one in places.news_readers(session, post.now)
        ]


def test_an_unlinked_subscriber_is_kept_with_place_and_day_for_public_news_alone(post: Post) -> None:
    began = post.now + timedelta(minutes=1)
    post.telegram(f"/start {poster(post)}")
    with post.db.read() as session:
        row = subscriber(session, post)
        assert began <= row.since <= post.now
        usable, _ = usable_addresses(session, post.now)
        assert usable == {}, "no family's message can take this way"
    assert readers(post) == [(CHAT, "SDN 03 Lais", False)]
    family(post, phone=PHONE)
    share(post)
    assert readers(post) == [(CHAT, "SDN 03 Lais", True)]


@pytest.mark.parametrize("leave", ["/berhenti", "STOP", "block"])
def test_a_subscriber_who_stops_or_blocks_reads_no_news_until_they_come_back(post: Post, leave: str) -> None:
    post.telegram("/start")
    post.telegram("/start", chat=OTHER)
    if leave == "block":
        post.member("kicked")
    else:
        post.telegram(leave)
    assert [address for address, _, _ in readers(post)] == [OTHER]
    with post.db.read() as session:
        status = places.telegram_status(session, post.now)
    assert (status.subscribers, status.linked, status.stopped, status.households) == (2, 0, 1, 0)
    post.now += timedelta(minutes=1)
    if leave == "block":
        post.member("member")
    else:
        post.telegram("/start")
    assert [address for address, _, _ in readers(post)] == [CHAT, OTHER]


def test_a_start_soon_after_a_stop_is_confirmed_again(post: Post) -> None:
    for text in ("/start", "/berhenti", "/mulai", "/mulai"):
        post.telegram(text)
    assert len(post.answers()) == 3, "welcome, stop, and start again; the repeated wish is not answered twice"


def test_help_is_answered_and_an_unknown_command_is_read_by_a_person(post: Post) -> None:
    post.telegram("/bantuan@kia_bot")
    assert "boleh bertanya di sini" in post.answers()[0]
    post.telegram("/saldo")
    assert post.state() == "open"


def test_a_family_that_asked_for_a_person_first_is_not_linked(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.whatsapp("anak saya sudah meninggal bu")
    share(post)
    assert chats(post) == []
