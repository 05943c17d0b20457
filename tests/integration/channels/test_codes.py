"""The code tables: complete, in order, and below the rules of the delivery page."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadcaster.channels.codes import Codes, load_codes
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.shipped import content_dir

WHATSAPP, SMS, TELEGRAM = ChannelKind.WHATSAPP, ChannelKind.SMS, ChannelKind.TELEGRAM


@pytest.fixture(scope="module")
def codes() -> Codes:
    return load_codes(content_dir() / "codes")


#: Every code of docs/channels.md, by the class it must have.
EXPECTED = {
    "permanent": "21211 21612 21614 30005 30006 63003 63024",
    "suppress": "21610 63014 63033 63050 131050",
    "temporary": "30003 30004 63009 63032 63049",
    "rate": "20429 21611 30001 63017 63018 63038",
    "stop": "20003 30002 63001 63008 63020 63026 63051 http:401",
    "unknown": "20500 20503 30008 30017 30410 63010 63012 11200 11205 11210 11215 11235 11237 11750 12100 12200 12300",
    "ours": "20404 21212 21408 21602 21603 21606 21608 21617 21619 21620 21654 21655 21656 21658 21703 21704 21705"
    " 30007 30018 30024 30032 30034 30035 30038 30040 30042 30400 30450 35111 35114 35118 35125 35126 35127"
    " 63005 63007 63013 63015 63016 63019 63021 63022 63023 63027 63028 63029 63030 63031 63034 63036 63037"
    " 63040 63041 63042 63062 92005 92006 92007",
}


def test_every_code_of_the_table_has_its_class(codes: Codes) -> None:
    listed = {code: kind for kind, many in EXPECTED.items() for code in many.split()}
    assert {code: found.kind for code, found in codes.by_provider["twilio"].items()} == listed


def test_every_answer_the_telegram_channel_can_give_is_listed(codes: Codes) -> None:
    assert set(codes.by_provider["telegram"]) == {
        "401", "404", "409", "429", "403:blocked", "403:deactivated", "403:not_started", "403:other",
        "400:chat_not_found", "400:migrated", "400:too_long", "400:other",
    }  # fmt: skip


def test_every_sentence_is_one_and_tells_staff_something(codes: Codes) -> None:
    for name, sentence in codes.sentences().items():
        assert sentence.endswith("."), name
        assert 30 < len(sentence) < 160, name
        assert sentence[0].isupper(), name


@pytest.mark.parametrize("code", ["30001", "30003", "30004", "30007", "63018", "30005", "21610"])
def test_no_sms_receipt_brings_a_text_back(codes: Codes, code: str) -> None:
    found = codes.classify(SMS, code, receipt=True)
    assert found.max_tries == 1 or found.kind in ("permanent", "suppress", "unknown")


@pytest.mark.parametrize("channel", [WHATSAPP, SMS])
@pytest.mark.parametrize("code", ["30008", "30017", "30410", "63010", "63012", "99999", ""])
def test_what_even_the_provider_cannot_know_stays_unknown(codes: Codes, channel: ChannelKind, code: str) -> None:
    assert codes.classify(channel, code, receipt=True).kind == "unknown"


@pytest.mark.parametrize("code", ["99999", "30008", "63012"])
def test_in_a_refused_call_the_same_codes_may_be_tried_once_more(codes: Codes, code: str) -> None:
    found = codes.classify(WHATSAPP, code, receipt=False)
    assert (found.kind, found.max_tries) == ("temporary", 2)


def test_a_listed_whatsapp_receipt_keeps_its_class(codes: Codes) -> None:
    assert codes.classify(WHATSAPP, "63009", receipt=True) == codes.by_provider["twilio"]["63009"]
    assert codes.classify(WHATSAPP, "63049", receipt=True).max_tries == 1


def test_a_code_of_another_provider_is_not_borrowed(codes: Codes) -> None:
    assert codes.classify(TELEGRAM, "21211", receipt=False).kind == "temporary"
    assert codes.classify(ChannelKind.VILLAGE_LIST, "21211", receipt=False).kind == "temporary"


def test_somebody_who_said_no_is_not_followed_to_another_channel(codes: Codes) -> None:
    refusals = codes.of_class("suppress") - {"403:deactivated", "403:not_started"}
    assert not refusals & codes.next_channel()
    assert codes.of_class("permanent") <= codes.next_channel()
    assert {"63032", "63049"} <= codes.next_channel()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["1"]\nclass = "later"\nacts = "admin"\nsentence = "x"', "class"),
        ('["1"]\nclass = "ours"\nacts = "boss"\nsentence = "x"', "acts"),
        ('["1"]\nclass = "ours"\nacts = "admin"\nsentence = " "', "sentence"),
        ('["1"]\nclass = "ours"\nacts = "admin"\nsentence = "x"\ntries = 0', "tries"),
        ('["1"]\nclass = "ours"\nacts = "admin"\nsentence = "x"\nnext = 1', "next"),
        ('["1"]\nclass = "ours"\nacts = "admin"\nsentence = "x"\nsentense = "y"', "sentense"),
        ("one = 1", "tabel"),
        ("[", "tidak dapat dibaca"),
    ],
)
def test_a_wrong_table_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "telegram.toml").write_text("")
    (tmp_path / "twilio.toml").write_text(text)
    with pytest.raises(BadInput, match=said) as refused:
        load_codes(tmp_path)
    assert "twilio.toml" in str(refused.value)


def test_a_missing_provider_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"telegram, twilio"):
        load_codes(tmp_path)
