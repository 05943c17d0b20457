"""A link: long and random, kept as a hash, opened by a PIN, over in thirty days or when somebody says so."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from broadcaster.errors import NotAllowed, NotFound
from broadcaster.office.rules import SYSTEM
from broadcaster.storage import tables
from broadcaster.village import queries, service
from tests import make
from tests.integration.village.scene import CODE, OTHER, Scene


def _find(scene: Scene, token: str) -> queries.Opened:
    with scene.db.read() as session:
        return queries.find_link(session, token, scene.now)


def _another(pin: str) -> str:
    return f"{(int(pin) + 1) % 1_000_000:06}"


def test_a_link_is_long_random_and_nowhere_in_the_clear(scene: Scene) -> None:
    made = [service.make_link(scene.db, CODE, by=SYSTEM, now=scene.now) for _ in range(20)]
    assert len({one.token for one in made}) == len({one.pin for one in made}) == 20
    for one in made:
        assert re.fullmatch(r"[A-Za-z0-9_-]{32}", one.token), "192 bits"
        assert re.fullmatch(r"\d{6}", one.pin)
        assert one.expires_at == scene.now + timedelta(days=30)
    kept = repr([row.model_dump() for row in (*scene.rows(tables.OfficerLink), *scene.rows(tables.AuditEntry))])
    assert not any(one.token in kept or one.pin in kept for one in made)


def test_the_right_pin_gives_a_cookie_that_proves_it_for_a_working_day(scene: Scene) -> None:
    made = service.make_link(scene.db, CODE, by="sari", now=scene.now)
    entry = service.enter(scene.db, made.token, f" {made.pin} ", scene.now)
    link = _find(scene, made.token)
    assert queries.proves(scene.db.sealer, link, entry.cookie, scene.now + timedelta(hours=11, minutes=59))
    assert not queries.proves(scene.db.sealer, link, entry.cookie, scene.now + timedelta(hours=12, minutes=1))
    assert scene.rows(tables.OfficerLink)[0].opened_at == scene.now


@pytest.mark.parametrize(
    "damage", ["", ".", "1.2", "x", "99999999999.", "99999999999." + "0" * 32, "۹۹۹۹۹۹۹۹۹۹." + "0" * 32]
)
def test_a_made_up_cookie_proves_nothing(scene: Scene, damage: str) -> None:
    link = scene.link()
    assert not queries.proves(scene.db.sealer, link, damage, scene.now)


def test_a_cookie_opens_its_own_link_only_and_its_end_cannot_be_moved(scene: Scene) -> None:
    made, other = (service.make_link(scene.db, CODE, by=SYSTEM, now=scene.now) for _ in range(2))
    cookie = service.enter(scene.db, made.token, made.pin, scene.now).cookie
    assert not queries.proves(scene.db.sealer, _find(scene, other.token), cookie, scene.now)
    until, _, mark = cookie.partition(".")
    assert not queries.proves(scene.db.sealer, _find(scene, made.token), f"{int(until) + 60}.{mark}", scene.now)


def test_five_wrong_pins_lock_the_link_for_the_right_one_too(scene: Scene) -> None:
    made = service.make_link(scene.db, CODE, by=SYSTEM, now=scene.now)
    wrong = _another(made.pin)
    tried = [service.enter(scene.db, made.token, wrong, scene.now) for _ in range(5)]
    assert [one.tries_left for one in tried[:4]] == [4, 3, 2, 1]
    assert tried[4].locked_until == scene.now + timedelta(minutes=15)
    assert service.enter(scene.db, made.token, made.pin, scene.now).cookie == ""
    scene.later(minutes=14, seconds=59)
    assert service.enter(scene.db, made.token, made.pin, scene.now).cookie == ""
    scene.later(seconds=1)
    assert service.enter(scene.db, made.token, made.pin, scene.now).cookie != ""
    assert [row.action for row in scene.rows(tables.AuditEntry)].count("officer.locked") == 1


def test_the_second_lock_is_longer_and_the_right_pin_begins_anew(scene: Scene) -> None:
    made = service.make_link(scene.db, CODE, by=SYSTEM, now=scene.now)
    for minutes in (15, 30):
        tried = [service.enter(scene.db, made.token, _another(made.pin), scene.now) for _ in range(5)]
        assert tried[-1].locked_until == scene.now + timedelta(minutes=minutes)
        scene.later(minutes=minutes)
    assert service.enter(scene.db, made.token, made.pin, scene.now).cookie
    assert service.enter(scene.db, made.token, _another(made.pin), scene.now).tries_left == 4


def test_many_wrong_pins_at_the_same_moment_are_each_counted(scene: Scene) -> None:
    made = service.make_link(scene.db, CODE, by=SYSTEM, now=scene.now)
    wrong = [f"{(int(made.pin) + 1 + number) % 1_000_000:06}" for number in range(20)]
    with ThreadPoolExecutor(10) as pool:
        entries = list(pool.map(lambda pin: service.enter(scene.db, made.token, pin, scene.now), wrong))
    assert not any(entry.cookie for entry in entries)
    assert scene.rows(tables.OfficerLink)[0].wrong_pins == 5
    assert service.enter(scene.db, made.token, made.pin, scene.now).locked_until is not None


def test_another_links_pin_is_wrong(scene: Scene) -> None:
    made, other = (service.make_link(scene.db, CODE, by=SYSTEM, now=scene.now) for _ in range(2))
    assert service.enter(scene.db, made.token, other.pin, scene.now).cookie == ""


def test_a_new_link_leaves_the_old_one_and_a_revoked_one_ends_at_once(scene: Scene) -> None:
    old, new = (service.make_link(scene.db, CODE, by="sari", now=scene.now) for _ in range(2))
    assert _find(scene, old.token).village == _find(scene, new.token).village == "Desa Talang Pungguk"
    line = service.revoke_link(scene.db, f"https://kia.example.go.id/petugas/{old.token}/", by="sari", now=scene.now)
    assert (line.id, line.state) == (old.id, "revoked")
    with pytest.raises(NotFound) as over:
        _find(scene, old.token)
    assert over.value.code == "link_over"
    assert _find(scene, new.token).id == new.id
    before = len(scene.rows(tables.AuditEntry))
    service.revoke_link(scene.db, str(old.id), by="sari", now=scene.now)
    assert len(scene.rows(tables.AuditEntry)) == before, "revoking twice changes nothing"
    service.revoke_link(scene.db, new.token, by="sari", now=scene.now)
    with scene.db.read() as session:
        assert {line.state for line in queries.links(session, scene.now)} == {"revoked"}


def test_a_link_is_over_after_thirty_days(scene: Scene) -> None:
    made = service.make_link(scene.db, CODE, by=SYSTEM, now=scene.now)
    scene.later(days=29, hours=23)
    assert service.enter(scene.db, made.token, made.pin, scene.now).cookie.partition(".")[0] == str(
        int(made.expires_at.timestamp())
    ), "the session ends with its link"
    scene.later(hours=1)
    with pytest.raises(NotFound) as over:
        service.enter(scene.db, made.token, made.pin, scene.now)
    assert over.value.code == "link_over"


def test_a_guessed_token_is_not_found(scene: Scene) -> None:
    for token in ("x", "", "1", "A" * 32, "A" * 5000):
        with pytest.raises(NotFound) as missing:
            _find(scene, token)
        assert missing.value.code == "no_link"
        with pytest.raises(NotFound):
            service.enter(scene.db, token, "000000", scene.now)
        with pytest.raises(NotFound):
            service.revoke_link(scene.db, token, by=SYSTEM, now=scene.now)


def test_links_are_listed_by_village_with_their_state(scene: Scene) -> None:
    made = service.make_link(scene.db, CODE, by="sari", now=scene.now)
    service.make_link(scene.db, OTHER, by="sari", now=scene.now)
    for _ in range(5):
        service.enter(scene.db, made.token, _another(made.pin), scene.now)
    with scene.db.read() as session:
        (line,) = queries.links(session, scene.now, CODE)
        assert (line.village, line.state, line.created_by) == ("Talang Pungguk", "locked", "sari")
        assert len(queries.links(session, scene.now)) == 2
        assert {one.state for one in queries.links(session, scene.now + timedelta(days=30))} == {"expired"}


def test_who_may_make_and_revoke_links(scene: Scene) -> None:
    with scene.db.write() as session:
        make.staff(session, "budi", "approver")
    with pytest.raises(NotAllowed):
        service.make_link(scene.db, CODE, by="budi", now=scene.now)
    with pytest.raises(NotAllowed):
        service.revoke_link(scene.db, "1", by="siapa", now=scene.now)
    with pytest.raises(NotFound, match=re.escape("17.03.15.2011")):
        service.make_link(scene.db, "17.03.15.2012", by="sari", now=scene.now)
    assert scene.rows(tables.OfficerLink) == []
