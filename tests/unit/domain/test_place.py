"""Villages by name and code. The list is the shipped one; the reader never chooses between kecamatan."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadcaster.domain.place import PROBLEMS, Match, Place, fold, load_places, match, matcher, parse_places
from broadcaster.errors import BadInput
from broadcaster.shipped import content_dir

PLACES = load_places(content_dir() / "places" / "bengkulu_utara.csv")
BY_CODE = {place.code: place for place in PLACES}
look_up = matcher(PLACES)


def test_the_district_has_19_kecamatan_215_desa_and_5_kelurahan() -> None:
    assert Counter(place.kind for place in PLACES) == {"desa": 215, "kelurahan": 5}
    assert len({place.kecamatan_code for place in PLACES}) == len({place.kecamatan for place in PLACES}) == 19
    assert {place.name for place in PLACES if place.kind == "kelurahan"} == {
        "Lubuk Durian",
        "Purwodadi",
        "Gunung Alam",
        "Pasar Lais",
        "Kemumu",
    }
    sizes = Counter(place.kecamatan for place in PLACES)
    assert (sizes["Enggano"], sizes["Kerkap"], sizes["Kota Arga Makmur"], sizes["Batik Nau"]) == (6, 18, 16, 15)


def test_only_enggano_is_served_on_the_island() -> None:
    assert {place.kecamatan for place in PLACES if place.capacity_place == "enggano"} == {"Enggano"}
    assert {place.capacity_place for place in PLACES if place.kecamatan != "Enggano"} == {"kantor"}


def test_seven_villages_have_a_weak_signal() -> None:
    assert {(place.name, place.code) for place in PLACES if place.weak_signal} == {
        ("Talang Pungguk", "17.03.15.2011"),
        ("Tanjung Putus", "17.03.06.2028"),
        ("Marga Jaya", "17.03.09.2008"),
        ("Air Sebayur", "17.03.24.2001"),
        ("Karang Pulau", "17.03.14.2019"),
        ("Lebong Tandai", "17.03.13.2016"),
        ("Suka Baru", "17.03.25.2005"),
    }


def test_five_names_are_borne_by_two_villages_and_none_twice_in_one_kecamatan() -> None:
    names = Counter(fold(place.name) for place in PLACES)
    assert {name for name, times in names.items() if times > 1} == {
        "penyangkak",
        "sukamakmur",
        "tanjungharapan",
        "dusunraja",
        "pagarruyung",
    }
    assert len({(place.kecamatan_code, fold(place.name)) for place in PLACES}) == 220


@pytest.mark.parametrize(
    ("kecamatan", "desa", "code"),
    [
        ("Lais", "Pal 30", "17.03.10.2014"),
        ("LAIS", "PAL30", "17.03.10.2014"),
        ("Kec. Lais", "Desa Pal 30", "17.03.10.2014"),
        ("KECAMATAN LAIS", "ds. pal-30", "17.03.10.2014"),
        ("Hulu Palik", "AIR BA`US I", "17.03.19.2010"),
        ("Hulu Palik", "Air Baus 1", "17.03.19.2010"),
        ("Hulupalik", "air ba’us ii", "17.03.19.2011"),
        ("Ketahun", "MELATI HARJO K1", "17.03.12.2019"),
        ("Kota Arga Makmur", "Kel. Purwodadi", "17.03.07.1026"),
        ("Argamakmur", "Kelurahan Purwodadi", "17.03.07.1026"),
        ("Kota Arga Makmur", "Karang Anyar 2", "17.03.07.2022"),
        ("Marga Sakti Seblat", "Suka Makmur", "17.03.25.2002"),
        ("Giri Mulya", "Suka Makmur", "17.03.08.2002"),
        ("Giri Mulya", "Giri Mulya", "17.03.08.2004"),
        ("Lais", "Air Padang", "17.03.10.2009"),
        ("  lais\u00a0", "air\n padang ", "17.03.10.2009"),
        ("7", "2001", "17.03.07.2001"),
        ("07", "2001.0", "17.03.07.2001"),
        ("17.03.07", "Tanjung Raman", "17.03.07.2001"),
        ("170307", "Tanjung Raman", "17.03.07.2001"),
        ("", "17.03.07.2001", "17.03.07.2001"),
        ("", "1703072001", "17.03.07.2001"),
        ("Argamakmur", "17.03.07.2001", "17.03.07.2001"),
    ],
)
def test_a_village_is_found(kecamatan: str, desa: str, code: str) -> None:
    assert match(kecamatan, desa, PLACES) == Match(BY_CODE[code])


@pytest.mark.parametrize(
    ("kecamatan", "desa", "problem", "suggestions"),
    [
        ("Air Padang", "Air Padang", "desa_elsewhere", ["Air Padang (Kec. Lais)"]),
        (
            "Kerkap",
            "Suka Makmur",
            "desa_elsewhere",
            ["Suka Makmur (Kec. Giri Mulya)", "Suka Makmur (Kec. Marga Sakti Sebelat)"],
        ),
        ("Lais", "1703072001", "desa_elsewhere", ["Tanjung Raman (Kec. Kota Arga Makmur)"]),
        ("Lais", "Dusun Rajah", "desa_unknown", ["Dusun Raja (Kec. Lais)"]),
        ("Kota Arga Makmur", "Lubuk Sahung", "desa_unknown", ["Lubuk Saung (Kec. Kota Arga Makmur)"]),
        ("Lais", "Jakarta", "desa_unknown", []),
        ("Giri Mulia", "Suka Makmur", "kecamatan_unknown", ["Suka Makmur (Kec. Giri Mulya)"]),
        ("Lubuk Pinang", "Suka Makmur", "kecamatan_unknown", []),
        ("02", "2001", "kecamatan_unknown", []),
        (
            "",
            "Suka Makmur",
            "kecamatan_missing",
            ["Suka Makmur (Kec. Giri Mulya)", "Suka Makmur (Kec. Marga Sakti Sebelat)"],
        ),
        ("", "Meok", "kecamatan_missing", ["Meok (Kec. Enggano)"]),
        ("Lais", "", "desa_missing", []),
        ("Lais", " - ", "desa_missing", []),
        ("", "", "desa_missing", []),
        ("7", "2999", "code_unknown", []),
        ("", "17.09.01.2001", "code_unknown", []),
        ("", "1703010001", "code_unknown", []),  # a BPS code
    ],
)
def test_what_is_not_found_is_explained_and_left_to_the_office(
    kecamatan: str, desa: str, problem: str, suggestions: list[str]
) -> None:
    found = match(kecamatan, desa, PLACES)
    assert (found.place, found.problem) == (None, problem)
    assert [str(place) for place in found.suggestions] == suggestions
    assert problem in PROBLEMS


def test_every_problem_can_happen() -> None:
    pairs = [("", "Meok"), ("x", "Meok"), ("Lais", ""), ("Lais", "x"), ("Lais", "Meok"), ("7", "2999")]
    assert {look_up(*pair).problem for pair in pairs} == set(PROBLEMS)


def test_an_empty_list_of_places_finds_nothing() -> None:
    assert match("Lais", "Pal 30", []).problem == "kecamatan_unknown"
    assert match("", "17.03.07.2001", []).problem == "code_unknown"


# ---------------------------------------------------------------------------------------------------------------- laws

places = st.sampled_from(PLACES)
texts = st.one_of(
    st.text(max_size=20), st.text(alphabet="aA iI.'2-", max_size=12), places.map(lambda place: place.name)
)


@given(texts)
@example("ſ ﬁ İI ²")
@example("i")
@example("Kec i")
def test_folding_twice_changes_nothing_and_leaves_plain_letters(name: str) -> None:
    folded = fold(name)
    assert fold(folded) == folded
    assert folded == "" or (folded.isascii() and folded.isalnum() and folded == folded.lower())


@given(
    places,
    st.sampled_from([str.upper, str.lower, str.title]),
    st.sampled_from(["", " ", "  "]),
    st.sampled_from(["", ".", "-"]),
)
def test_a_name_is_found_however_it_is_written(place: Place, case: object, gap: str, mark: str) -> None:
    written = gap + case(place.name).replace(" ", gap + mark + " ").replace("'", "") + mark  # type: ignore[operator]
    assert look_up(place.kecamatan.upper(), written).place == place


@given(places)
def test_a_village_is_found_by_each_of_its_codes(place: Place) -> None:
    number = place.code.rsplit(".", 1)[1]
    kecamatan = place.kecamatan_code.rsplit(".", 1)[1]
    ways = [("", place.code), (kecamatan, number), (str(int(kecamatan)), number), ("", place.code.replace(".", ""))]
    assert {look_up(*way).place for way in ways} == {place}


@settings(max_examples=300)
@given(st.one_of(places.map(lambda place: place.kecamatan), texts), texts)
def test_a_match_never_crosses_kecamatan_and_always_explains_itself(kecamatan: str, desa: str) -> None:
    found = look_up(kecamatan, desa)
    if found.place is not None:
        assert fold(found.place.kecamatan) == fold(kecamatan)
        assert fold(found.place.name) == fold(desa)
        assert (found.problem, found.suggestions) == (None, ())
    else:
        assert found.problem in PROBLEMS
        assert all(place in PLACES for place in found.suggestions)
    assert found == match(kecamatan, desa, PLACES)


# ------------------------------------------------------------------------------------------------------------ the file

HEAD = "code,name,kind,kecamatan_code,kecamatan,weak_signal\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "kolom code, name"),
        ("code,name,kind,kecamatan_code,kecamatan\n", "kolom weak_signal"),
        (HEAD + "1703072001,A,desa,17.03.07,B,0\n", "baris 2: code"),
        (HEAD + "17.03.07.2001,A,desa,17.03.08,B,0\n", "baris 2: code"),
        (HEAD + "17.03.07.2001,A,desa,17.03,B,0\n", "baris 2: code"),
        (
            HEAD + "17.03.07.2001,A,desa,17.03.07,B,0\n17.03.07.2001,A,desa,17.03.07,B,0\n",
            "baris 3: kode 17.03.07.2001",
        ),
        (HEAD + "17.03.07.2001, ,desa,17.03.07,B,0\n", "baris 2: nama"),
        (HEAD + "17.03.07.2001,A,dusun,17.03.07,B,0\n", "baris 2: kind"),
        (HEAD + "17.03.07.2001,A,desa,17.03.07,B,ya\n", "weak_signal harus 0 atau 1"),
        (HEAD + "17.03.07.2001,A,desa\n", "baris 2: code"),
    ],
)
def test_a_broken_list_names_the_line_and_the_fix(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        parse_places(text)
    assert caught.value.code == "bad_places"


def test_a_list_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_bytes(
        ("\ufeff" + HEAD + "17.03.01.2002, Meok ,desa,17.03.01,Enggano,1\n").replace("\n", "\r\n").encode()
    )
    assert load_places(path) == [
        Place("17.03.01.2002", "Meok", "desa", "17.03.01", "Enggano", "enggano", weak_signal=True)
    ]
