"""`content check`: good texts pass, and each bad one is caught by the right rule in the right place, and by no other.

`bad/` holds one fault a file; its first lines say what must be found: `# rule line`. `good/` holds the texts they come from.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broadcaster.errors import BadInput
from broadcaster.rendering.lint import NAMES, check, examine
from broadcaster.rendering.lint.findings import FOLDER_RULES

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").rglob("*.toml"))
GOOD = sorted((HERE / "good").rglob("*.toml"))
PREFIXES = {"messages": "", "answers": "answer:", "announcements": "announcement:"}
MESSAGE = (HERE / "good" / "messages" / "kartu-siap.toml").read_text(encoding="utf-8")
EXPECTED = re.compile(r"^# (\w+) (\d+)$", re.MULTILINE)


def _key(path: Path) -> str:
    return PREFIXES[path.parent.name] + path.stem


def _expected(path: Path) -> list[tuple[str, int]]:
    return sorted((rule, int(line)) for rule, line in EXPECTED.findall(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_bad_text_is_caught_by_its_rule_in_its_place_and_by_no_other(path: Path) -> None:
    found = examine(_key(path), path.read_text(encoding="utf-8"))
    assert sorted((problem.rule, problem.line) for _, problem in found) == _expected(path), found
    assert all(len(problem.message) > 20 for _, problem in found), "a sentence with the fix"


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_good_text_has_no_finding(path: Path) -> None:
    assert examine(_key(path), path.read_text(encoding="utf-8")) == []


def test_every_rule_has_a_bad_text_that_breaks_it() -> None:
    assert len(BAD) >= 60
    caught = {rule for path in BAD for rule, _ in _expected(path)}
    # these are about a folder, or about a file that is no text: `test_lint_folder`, `test_source`
    assert set(NAMES) - caught == {*FOLDER_RULES, "utf8", "key"} - {"variant"}


def _rules(old: str, new: str) -> list[str]:
    assert old in MESSAGE
    return [problem.rule for _, problem in examine("kartu-siap", MESSAGE.replace(old, new))]


@pytest.mark.parametrize(
    "said",
    [
        "Kami tidak pernah meminta Bapak/Ibu mengirim foto KTP.",
        "Mohon jangan mengirim foto dokumen ke nomor ini.",
        "Akan kami kirim kabar bila KTP sudah jadi.",
        "Jangan membuka tautan, jangan memasang aplikasi, jangan unduh apa pun.",
        "Kami tidak mengirim lampiran atau aplikasi.",
        "Untuk anak yang sudah berusia 5 tahun, KIA memakai foto.",
        "Bila akta belum ada, akta dan KIA dapat diurus bersama.",
        "Kartu Keluarga Bapak/Ibu tidak perlu diganti.",
        "Bayi mendapat akta kelahiran, KK dan KIA sekaligus; cukup membawa {syarat}.",
        "Petugas registrasi di desa dapat membantu.",
        "Anak kesayangan kita.",
    ],
)
def test_what_an_honest_text_says_is_no_finding(said: str) -> None:
    assert _rules("Mohon membawa {syarat}.", f"Mohon membawa {{syarat}}. {said}") == []


def test_an_unknown_placeholder_names_the_nearest_known_one() -> None:
    broken = MESSAGE.replace("{jam}", "{jams}").replace('"jam"', '"jams"')
    problem = next(problem for _, problem in examine("kartu-siap", broken) if problem.rule == "placeholder")
    assert 'maksudnya "jam"?' in problem.message


@pytest.mark.parametrize(("sign", "named"), [("🙏", "U+1F64F"), ("ā", "U+0101"), ("\u200b", "U+200B"), ("ç", "U+00E7")])
def test_the_very_sign_that_makes_an_sms_expensive_is_named(sign: str, named: str) -> None:
    broken = MESSAGE.replace("siap,", f"siap{sign},")
    problem = next(problem for _, problem in examine("kartu-siap", broken) if problem.rule == "sms_encoding")
    assert named in problem.message


def test_signs_that_are_made_plain_before_sending_cost_nothing() -> None:
    assert _rules("siap, GRATIS", "siap – GRATIS") == []


@pytest.mark.parametrize("purpose", ["thanks", "correction"])
def test_a_thank_you_and_an_apology_keep_the_rules_of_a_message_but_need_not_say_free(purpose: str) -> None:
    toml = MESSAGE.replace('"campaign"', f'"{purpose}"').replace('["printed_uncollected"]', "[]")
    assert examine("terima-kasih-1", toml.replace(" GRATIS", "").replace("gratis ", "")) == []
    assert [problem.rule for _, problem in examine("terima-kasih-1", toml.replace("balas STOP", "terima kasih"))] == [
        "how_to_stop", "how_to_stop",
    ]  # fmt: skip


def test_notes_may_say_why_a_channel_is_left_out() -> None:
    toml = "\n".join(line for line in MESSAGE.split("\n") if not line.startswith("sms = ")).replace(', "nomor_wa"', "")
    assert [problem.rule for _, problem in examine("kartu-siap", toml)] == ["channel_missing"]
    assert examine("kartu-siap", toml.replace("dicetak.", "dicetak. Tanpa SMS, karena terlalu panjang.")) == []


def test_the_line_is_that_of_the_offending_words_in_their_own_channel() -> None:
    broken = MESSAGE.replace("Salam dari {kantor}.", "Salam dari {kantor}. Kartu wajib.")
    found = [problem.line for _, problem in examine("kartu-siap", broken) if problem.rule == "threat"]
    assert found == [18, 29]


def test_a_folder_of_messages_alone_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "salah.toml").write_text(MESSAGE.replace("title = ", "judul = ", 1), encoding="utf-8")
    (tmp_path / "rusak.toml").write_bytes(b'title = "\xff"')
    findings = check(tmp_path)
    assert {(finding.file, finding.line, finding.rule) for finding in findings} == {
        ("salah.toml", 1, "unknown_key"),
        ("salah.toml", 1, "missing_key"),
        ("rusak.toml", 1, "utf8"),
    }
    assert all(finding.severity == "error" for finding in findings)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Tidak ada berkas pesan"):
        check(tmp_path)
