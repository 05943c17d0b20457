"""The house policy for phone cells. What matters most: no cell ever becomes the number of somebody else."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from broadcaster.domain.phone import PROBLEMS, Phone, local_form, mask, read_phone, read_phones

A, B = "+6281234567890", "+6285312345678"

#: policy, cell, e164, kind, problem
CASES: list[tuple[str, object, str | None, str, str | None]] = [
    ("P1 dashes", "0812-3456-7890", A, "mobile", None),
    ("P1 spaces", " 0812 3456  7890 ", A, "mobile", None),
    ("P1 dots", "0812.3456.7890", A, "mobile", None),
    ("P1 dots as a number format", "81.234.567.890", A, "mobile", None),
    ("P1 brackets", "(0812) 3456-7890", A, "mobile", None),
    ("P1 square brackets", "[0812] 34567890", A, "mobile", None),
    ("P1 country code in brackets", "(+62) 812 3456 7890", A, "mobile", None),
    ("P1 country code", "6281234567890", A, "mobile", None),
    ("P1 country code with +", "+62 812-3456-7890", A, "mobile", None),
    ("P1 a full stop after it", "081234567890.", A, "mobile", None),
    ("P2 zero after 62", "62081234567890", A, "mobile", None),
    ("P2 zero after +62", "+62 (0) 812 3456 7890", A, "mobile", None),
    ("P2 only one zero", "+620081234567890", None, "invalid", "unknown_prefix"),
    ("P2 only one zero, landline", "+62 00737 522123", None, "invalid", "unknown_prefix"),
    ("P3 leading 00", "0062 812 3456 7890", A, "mobile", None),
    ("P3 leading 00 and the zero", "00620812 3456 7890", A, "mobile", None),
    ("P3 leading 00 abroad", "0060 12-345 6789", "+60123456789", "foreign", "foreign"),
    ("P4 the zero was eaten", "81234567890", A, "mobile", None),
    ("P4 as a whole number", 81234567890, A, "mobile", None),
    ("P5 as a decimal number", 81234567890.0, A, "mobile", None),
    ("P5 as text", "81234567890.0", A, "mobile", None),
    ("P5 decimal comma", "81234567890,0", A, "mobile", None),
    ("P5 two decimals", "81234567890,00", A, "mobile", None),
    ("P5 with thousands", "81.234.567.890,00", A, "mobile", None),
    ("P5 with country code", "6281234567890.0", A, "mobile", None),
    ("P5 Decimal", Decimal("81234567890.00"), A, "mobile", None),
    ("P5 a fraction", 81234567890.5, None, "invalid", "not_whole"),
    ("P5 a fraction as text", "81234567890.5", None, "invalid", "unclear"),
    ("P5 three zeros may be digits", "812345678.000", None, "invalid", "unclear"),
    ("P5 a last digit or a decimal", "0812 3456 789.0", None, "invalid", "unclear"),
    ("P6 every digit present", "8.1234567890E+10", A, "mobile", None),
    ("P6 every digit, comma", "6,281234567890e+12", A, "mobile", None),
    ("P6 a zero fraction", "8.12345678900E+10", A, "mobile", None),
    ("P6 digits lost", "6.28123E+12", None, "invalid", "digits_lost"),
    ("P6 digits lost, comma", "8,12346E+11", None, "invalid", "digits_lost"),
    ("P6 more than a zero fraction", "8.12345678905E+10", None, "invalid", "not_whole"),
    ("P6 no fraction", "8E+10", None, "invalid", "digits_lost"),
    ("P6 less than one", "8.1234567890E-10", None, "invalid", "not_whole"),
    ("P6 lost before it became a number", 812346000000.0, None, "invalid", "digits_lost"),
    ("P6 lost before it became a whole number", 812346000000, None, "invalid", "digits_lost"),
    ("P7 apostrophe", "'081234567890", A, "mobile", None),
    ("P7 curly apostrophe and backtick", "’0812`34567890", A, "mobile", None),
    ("P7 bidi marks, no-break hyphen", "‪+62 812‑3456‑7890‬", A, "mobile", None),
    ("P7 zero width, no-break space", "0812\u200b3456\u00a07890\ufeff", A, "mobile", None),
    ("P7 long dashes, minus", "0812–3456−7890", A, "mobile", None),
    ("P7 full width", "＋６２（８１２）３４５６７８９０", A, "mobile", None),
    ("P7 arabic digits", "٠٨١٢٣٤٥٦٧٨٩٠", A, "mobile", None),
    ("P7 quoted to stay text", '="081234567890"', A, "mobile", None),
    ("P7 a telephone sign", "☎ 0812 3456 7890", A, "mobile", None),
    ("P7 superscripts are not digits", "081234567890²", None, "invalid", "characters"),
    ("P8 tel:", "tel:+6281234567890", A, "mobile", None),
    ("P8 whatsapp:", "whatsapp:+6281234567890", A, "mobile", None),
    ("P8 wa.me", "https://wa.me/6281234567890?text=Halo/2", A, "mobile", None),
    ("P8 the other link", "api.whatsapp.com/send?phone=%2B6281234567890&text=x", A, "mobile", None),
    ("P8 HP", "HP: 0812 3456 7890", A, "mobile", None),
    ("P8 No. HP", "No. HP 081234567890", A, "mobile", None),
    ("P8 NoHP", "NoHP:081234567890", A, "mobile", None),
    ("P8 WA/Telp", "WA/Telp. 081234567890", A, "mobile", None),
    ("P8 label behind", "0812-3456-7890 (WA)", A, "mobile", None),
    ("P8 label before a link", "WA: wa.me/6281234567890", A, "mobile", None),
    ("P8 only a label", "HP:", None, "empty", None),
    ("P8 other words are letters", "0812-3456-7890 Ibu", None, "invalid", "letters"),
    ("P8 a word that begins like a label", "Warti 081234567890", None, "invalid", "letters"),
    ("P9 too short", "08123456", None, "invalid", "too_short"),
    ("P9 too short with country code", "+6281234", None, "invalid", "too_short"),
    ("P9 shortest valid", "0812345678", "+62812345678", "mobile", "maybe_cut"),
    ("P9 usual shortest", "08123456789", "+628123456789", "mobile", None),
    ("P9 longest valid", "0812345678901", "+62812345678901", "mobile", None),
    ("P9 too long", "08123456789012", None, "invalid", "too_long"),
    ("P9 far too long", "12345678901234567", None, "invalid", "too_long"),
    ("P9 84x", "084123456789", None, "invalid", "unknown_prefix"),
    ("P9 80x", "0801234567890", None, "invalid", "unknown_prefix"),
    ("P10 landline", "0737-522123", "+62737522123", "landline", "landline"),
    ("P10 landline in brackets", "(021) 5551234", "+62215551234", "landline", "landline"),
    ("P10 landline with country code", "+62 737 522123", "+62737522123", "landline", "landline"),
    ("P10 landline with the zero", "+62 0737 522123", "+62737522123", "landline", "landline"),
    ("P10 no area code", "522123", None, "invalid", "too_short"),
    ("P11 call centre", "1500123", None, "special", "special"),
    ("P11 hotline", "1500537", None, "special", "special"),
    ("P11 short code", "14045", None, "special", "special"),
    ("P11 emergency", "110", None, "special", "special"),
    ("P11 toll free", "0800 1234567", None, "special", "special"),
    ("P11 toll free from abroad", "001803 12345678", None, "special", "special"),
    ("P11 premium", "0809 1234567", None, "special", "special"),
    ("P12 foreign with +", "+60 12-345 6789", "+60123456789", "foreign", "foreign"),
    ("P12 foreign without", "60123456789", None, "invalid", "no_prefix"),
    ("P12 valid at home without its zero, not guessed", "6591234567", None, "invalid", "no_prefix"),
    ("P12 landline without its zero, not guessed", "737522123", None, "invalid", "no_prefix"),
    ("P12 no such country code", "+0812 3456 7890", None, "invalid", "country_code"),
    ("P12 not valid there", "+1 200 000 1234", None, "invalid", "country_code"),
    ("P12 too short for anywhere", "+60 1", None, "invalid", "too_short"),
    ("P13 letter O for zero", "O81234567890", None, "invalid", "letters"),
    ("P13 letters inside", "0812x456789o", None, "invalid", "letters"),
    ("P13 a name", "Bapak Ahmad", None, "invalid", "letters"),
    ("P13 NIK", "1703071905200001", None, "invalid", "id_number"),
    ("P13 NIK as number", 1703071905200001, None, "invalid", "id_number"),
    ("P13 #REF!", "#REF!", None, "invalid", "sheet_error"),
    ("P13 #N/A", "#N/A", None, "invalid", "sheet_error"),
    ("P13 too narrow a column", "########", None, "invalid", "sheet_error"),
    ("P13 dots for digits", "08123456789...", None, "invalid", "cut"),
    ("P13 one sign for dots", "08123456789…", None, "invalid", "cut"),
    ("P13 stars", "0812****7890", None, "invalid", "cut"),
    ("P13 question marks", "08123456??", None, "invalid", "cut"),
    ("P13 extension", "081234567890 ext 12", None, "invalid", "extension"),
    ("P13 extension as URI", "tel:081234567890;ext=12", None, "invalid", "extension"),
    ("P13 a date", date(2026, 11, 24), None, "invalid", "date"),
    ("P13 a moment", datetime(2026, 11, 24, 8, 0), None, "invalid", "date"),
    ("P13 a truth value", True, None, "invalid", "letters"),
    ("P13 below zero", -81234567890, None, "invalid", "characters"),
    ("P13 without end", math.inf, None, "invalid", "characters"),
    ("P13 prose", "tanya tetangga " * 20, None, "invalid", "unclear"),
    ("P14 slash", "081234567890/085312345678", None, "invalid", "two_numbers"),
    ("P14 comma without space", "081234567890,085312345678", None, "invalid", "two_numbers"),
    ("P14 only spaces", "0812 3456 7890 0853 1234 5678", None, "invalid", "two_numbers"),
    ("P14 the other half cut", "081234567890/85", None, "invalid", "two_numbers"),
    ("P14 slashes inside one", "0812/3456/7890", None, "invalid", "unclear"),
    ("P14 twice the same", "081234567890 / +62 812 3456 7890", A, "mobile", None),
    ("P14 the other blank", "081234567890 / -", A, "mobile", None),
    ("P14 the other not there", "081234567890 / tidak ada", A, "mobile", None),
    ("P15 doubled", "+62 62 812 345 678", None, "invalid", "country_code_twice"),
    ("P15 doubled, plain", "6262812345678", None, "invalid", "country_code_twice"),
    ("P15 doubled, with zeros", "+62062081234567890", None, "invalid", "country_code_twice"),
    ("P15 zero and country code", "06281234567890", None, "invalid", "country_code_twice"),
    ("nothing", None, None, "empty", None),
    ("blank", "  \n ", None, "empty", None),
    ("not a number", math.nan, None, "empty", None),
    ("a dash", "-", None, "empty", None),
    ("a long dash", "—", None, "empty", None),
    ("zero", "0", None, "empty", None),
    ("zero as number", 0.0, None, "empty", None),
    ("tidak ada", "Tidak Ada", None, "empty", None),
    ("tdk punya HP", "tdk punya HP.", None, "empty", None),
    ("n/a", "n/a", None, "empty", None),
    ("only the form's prefix", "+62", None, "empty", None),
    ("filler zeros", "080000000000", None, "invalid", "filler"),
    ("filler zeros only", "0000000000", None, "invalid", "filler"),
    ("filler ones", "0812 1111 1111", None, "invalid", "filler"),
    ("filler with country code", "+6281111111111", None, "invalid", "filler"),
    ("filler ascending", "0812 123456789", None, "invalid", "filler"),
    ("filler ascending only", "123456789", None, "invalid", "filler"),
    ("filler landline", "0737 000000", None, "invalid", "filler"),
    ("filler as number", 99999999999.0, None, "invalid", "filler"),
    ("a second plus", "++6281234567890", None, "invalid", "characters"),
    ("a sign no number has", "081234567890 #2", None, "invalid", "characters"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "e164", "kind", "problem"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_cell_is_read_by_the_house_policy(raw: object, e164: str | None, kind: str, problem: str | None) -> None:
    phone = read_phone(raw)
    assert (phone.e164, phone.kind, phone.problem) == (e164, kind, problem)
    assert phone.raw == ("" if raw is None else str(raw))


def test_every_problem_has_a_sentence_and_a_case() -> None:
    assert {problem for *_, problem in CASES if problem} == set(PROBLEMS)
    for sentence in PROBLEMS.values():
        assert re.fullmatch(r"[A-Z].+\.", sentence)


@pytest.mark.parametrize(
    "raw",
    [
        "081234567890/085312345678",
        "081234567890,085312345678",
        "081234567890\n085312345678",
        "081234567890 atau 085312345678",
        "HP 0812-3456-7890 / WA 0853-1234-5678",
        "0812 3456 7890 0853 1234 5678",
        "0812-3456-7890 - 0853-1234-5678",
        "0812 3456 7890 (0853 1234 5678)",
        "(0812) 34567890 (0853) 12345678",
        "+6281234567890+6285312345678",
        "+62 812 3456 7890 dan 0853 1234 5678 & 081234567890",
    ],
)
def test_both_numbers_of_a_cell_are_taken_each_once(raw: str) -> None:
    assert read_phone(raw).problem == "two_numbers"
    assert [phone.e164 for phone in read_phones(raw)] == [A, B]


def test_a_half_that_is_no_number_is_reported_beside_the_one_that_is() -> None:
    assert [(phone.raw, phone.e164, phone.problem) for phone in read_phones("081234567890/85")] == [
        ("081234567890", A, None),
        ("85", None, "too_short"),
    ]


@pytest.mark.parametrize("raw", ["", None, "-", "081234567890", "0812/3456/7890", 81234567890.0, "1500123"])
def test_a_cell_without_two_numbers_is_one_phone(raw: object) -> None:
    assert read_phones(raw) == [read_phone(raw)]


def test_two_numbers_that_can_be_parted_in_two_ways_are_reported_not_parted() -> None:
    cell = "0812345678 081 0274123456"  # 0812345678 + 0810274123456, or 0812345678081 + 0274123456
    assert {read_phone(half).e164 is not None for half in (cell[:10], cell[11:], cell[:14], cell[15:])} == {True}
    assert [(phone.e164, phone.problem) for phone in read_phones(cell)] == [(None, "too_long")]


def test_a_masked_number_shows_the_operator_and_two_digits() -> None:
    assert mask("+6281234567890") == "+62812•••••90"
    assert mask("+628123456789012") == mask("+6281234567812")  # not even the length shows


@given(st.text(alphabet="+0123456789", max_size=16))
def test_a_mask_hides_all_but_eight_characters(address: str) -> None:
    shown = mask(address).replace("•", "")
    assert len(shown) <= min(8, max(0, len(address) - 3))


def test_numbers_are_shown_as_people_write_them() -> None:
    assert [local_form(number) for number in (A, "+62737522123", "+60123456789")] == [
        "0812-3456-7890",
        "(0737) 522123",
        "+60 12-345 6789",
    ]


# ---------------------------------------------------------------------------------------------------------------- laws

nationals = st.from_regex(r"8[1-35-9][0-9]{7,10}", fullmatch=True)
mobiles = nationals.filter(lambda national: read_phone(national).kind == "mobile")
prefixes = st.sampled_from(["0", "62", "+62", ""])


def library(text: str) -> tuple[str, int] | None:
    """What phonenumbers makes of a text: the valid number and its type."""
    try:
        number = phonenumbers.parse(text, "ID")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), phonenumbers.number_type(number)


@settings(max_examples=500)
@given(prefixes, st.one_of(nationals, st.from_regex(r"[1-9][0-9]{3,14}", fullmatch=True)))
@example("0", "8410000000")
@example("+62", "62812345678")
@example("0", "737522123")
def test_plain_forms_agree_with_the_library(prefix: str, national: str) -> None:
    phone = read_phone(prefix + national)
    # The library takes a short 62812345678 for a landline of area 0628; here a leading 62 is the country code.
    found = library(prefix.replace("62", "+62").replace("++", "+") + national)
    if phone.e164 is not None:
        kind = {PhoneNumberType.MOBILE: "mobile", PhoneNumberType.FIXED_LINE: "landline"}
        assert found is not None
        assert (phone.e164, phone.kind) == (found[0], kind.get(found[1]))
    elif found is not None and (prefix or national.startswith("8")):
        special = {
            PhoneNumberType.TOLL_FREE,
            PhoneNumberType.PREMIUM_RATE,
            PhoneNumberType.SHARED_COST,
            PhoneNumberType.UAN,
        }
        refused_by_policy = phone.problem in {"filler", "country_code_twice"}
        assert refused_by_policy or (phone.kind == "special" and found[1] in special)


@settings(max_examples=300)
@given(st.one_of(nationals, st.from_regex(r"8[0-9]{6,12}", fullmatch=True)))
def test_the_quick_way_knows_the_same_mobile_numbers_as_the_library(national: str) -> None:
    found = library(f"+62{national}")
    is_mobile = found is not None and found[1] == PhoneNumberType.MOBILE
    assert is_mobile == (
        read_phone(national).kind == "mobile" or (is_mobile and read_phone(national).problem == "filler")
    )


@settings(max_examples=300)
@given(prefixes, nationals, st.data())
def test_dressing_a_number_up_changes_nothing(prefix: str, national: str, data: st.DataObject) -> None:
    plain = prefix + national
    cut = data.draw(st.integers(min_value=len(prefix) + 3, max_value=len(plain) - 2))
    separator = data.draw(st.sampled_from([" ", "-", " - ", "\u2011", "\u200b", "", "'"]))
    before, after = data.draw(
        st.sampled_from([("'", ""), ("HP: ", ""), ("", " (WA)"), ("\u202a", "\u202c"), (" ", " ")])
    )
    assert outcome(read_phone(before + plain[:cut] + separator + plain[cut:] + after)) == outcome(read_phone(plain))


@given(nationals)
def test_a_number_cell_reads_like_its_text(national: str) -> None:
    text = read_phone(national)
    for cell in (int(national), float(national), f"{national}.0"):
        lost = national.endswith("00000") and not isinstance(cell, str)
        assert outcome(read_phone(cell)) == ((None, "invalid", "digits_lost") if lost else outcome(text)) or (
            lost and read_phone(cell).problem == "filler"
        )


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(alphabet="0123456789+-. ()", max_size=24), mobiles, st.just("+60123456789"), st.just("0737522123")
    )
)
def test_reading_a_read_number_again_changes_nothing(text: str) -> None:
    phone = read_phone(text)
    if phone.e164 is not None:
        assert outcome(read_phone(phone.e164)) == outcome(phone)
        assert read_phone(local_form(phone.e164)).e164 == phone.e164


@settings(max_examples=400)
@given(st.one_of(
    st.text(alphabet="0123456789+- ()", max_size=30),
    st.tuples(prefixes, nationals, st.text(alphabet="0123456789+- ()", max_size=6)).map("".join),
))  # fmt: skip
def test_no_digit_is_invented_lost_or_moved(text: str) -> None:
    phone = read_phone(text)
    if phone.kind == "mobile":
        assert phone.e164 is not None
        national = phone.e164.removeprefix("+62")
        ways = "|".join(f"{prefix}{national}" for prefix in ("", "0", "62", "620", "0062", "00620"))
        assert re.fullmatch(rf"({ways})+", re.sub(r"\D", "", text))  # more than once: the same number written again


@settings(max_examples=300)
@given(mobiles, mobiles, st.sampled_from(["/", ", ", ";", " / ", "\n", " ", "-", " & ", " atau ", "  "]), st.data())
def test_two_numbers_are_never_glued(one: str, two: str, separator: str, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from(["0", "+62", "62"]))
    cell = f"{prefix}{one}{separator}{prefix}{two}"
    if one == two:
        assert read_phone(cell).e164 == f"+62{one}"
    else:
        assert read_phone(cell).problem == "two_numbers"
        assert [phone.e164 for phone in read_phones(cell)] == [f"+62{one}", f"+62{two}"]


@settings(max_examples=400)
@given(
    st.one_of(
        st.text(max_size=40), st.floats(), st.integers(), st.decimals(), st.text(alphabet="0812+/,. -x#()", max_size=30)
    )
)
def test_whatever_a_cell_holds_is_read_to_a_consistent_answer(raw: object) -> None:
    for phone in (read_phone(raw), *read_phones(raw)):
        assert phone.problem is None or phone.problem in PROBLEMS
        assert (phone.e164 is not None) == (phone.kind in {"mobile", "landline", "foreign"})
        assert (phone.problem is None) == (phone.kind == "empty") or phone.kind == "mobile"
        if phone.kind == "mobile":
            assert re.fullmatch(r"\+628[1-35-9]\d{7,10}", phone.e164 or "")


def outcome(phone: Phone) -> tuple[str | None, str, str | None]:
    return phone.e164, phone.kind, phone.problem
