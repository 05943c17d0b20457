"""Every rule of the lint fails a text that breaks it, and only that one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broadcaster.errors import BadInput
from broadcaster.rendering.lint import RULES, check, examine
from broadcaster.shipped import content_dir

KEY = "ambil-kartu-1"
FILE = content_dir() / "messages" / f"{KEY}.toml"
GOOD = FILE.read_text(encoding="utf-8")

# rule, what is replaced in the shipped message, by what
BROKEN = [
    ("placeholder", "{jam}", "{jam}}"),
    ("honorific", "Yth. {ortu}", "Yth. Bapak/Ibu {ortu}"),
    ("office_first", "Salam dari {kantor}.", "Selamat pagi, kami ingin memberi tahu kabar dari {kantor}."),
    ("office_first", "Dukcapil Bengkulu Utara: Kartu", "Ibu dan Bapak, ini kabar baik untuk semua: Kartu"),
    ("spelled_out", "Kartu Identitas Anak (KIA)", "KIA"),
    ("spelled_out", "Kartu Identitas Anak (KIA) atas nama", "KIA, yaitu Kartu Identitas Anak, atas nama"),
    ("free", "GRATIS", "tanpa biaya"),
    ("how_to_check", "Bila ragu, tanyakan ke kantor desa atau ke nomor layanan kami", "Nomor layanan kami"),
    ("how_to_check", "Ragu? Tanya desa.", ""),
    ("how_to_stop", "balas STOP", "beri tahu kami"),
    ("how_to_stop", "Stop: WA STOP {nomor_wa}", "Stop: WA STOP"),
    ("stop_button", 'intent = "opt_out"', 'intent = "will_collect"'),
    ("service_number", "WhatsApp {nomor_layanan}", "WhatsApp {nomor_wa}"),
    ("never_asks", "Kami tidak pernah meminta NIK, kode OTP, foto, atau uang", "Kami sopan"),
    ("asks_for_data", "Mohon membawa {syarat}.", "Mohon kirim NIK anak dan {syarat}."),
    ("asks_for_data", "Mohon membawa {syarat}.", "Silakan balas dengan foto KK dan {syarat}."),
    ("asks_for_data", "Mohon membawa {syarat}.", "Biaya transfer Rp 20.000 dan {syarat}."),
    ("link", "Mohon membawa", "Lihat https://dukcapil.example. Mohon membawa"),
    ("link", "Mohon membawa", "Lihat wa.me/62811. Mohon membawa"),
    ("attachment", "Mohon membawa", "Silakan unduh formulir. Mohon membawa"),
    ("digital_id", "Mohon membawa", "Sekalian aktivasi IKD. Mohon membawa"),
    ("threat", "Mohon membawa", "Kartu akan hangus. Mohon membawa"),
    ("threat", "Mohon membawa", "Wajib membawa"),
    ("capitals", "Mohon membawa", "PENTING, mohon membawa"),
    ("punctuation", "Tempatnya jauh?", "Tempatnya jauh??"),
    ("place", "di {tempat}, pada", "di Arga Makmur, {tempat}, pada"),
    ("sms_reply", "Ragu? Tanya desa.", "Ragu? Tanya desa atau balas SMS ini."),
    ("sms_length", "Ragu? Tanya desa.", "Ragu? Tanya desa atau petugas registrasi di tempat Bapak/Ibu."),
    ("sms_length", "Ragu? Tanya desa.", "Ragu? Tanya desa…"),
    ("whatsapp_placeholders", "Salam dari {kantor}.", "{kantor} menyampaikan salam."),
    ("whatsapp_placeholders", "Untuk berhenti menerima pesan, balas STOP.", "STOP? Balas STOP. {nomor_wa}"),
    ("whatsapp_placeholders", "di {tempat}, pada {jam}", "di {tempat}, {jam}"),
    ("whatsapp_placeholders", "Kartunya dapat", "\n\n\nKartunya dapat"),
    ("whatsapp_length", "Kartunya dapat", "Kartunya bagus sekali. " * 20 + "Kartunya dapat"),
    ("telegram_length", "Kartunya dapat", "Kartunya bagus sekali. " * 160 + "Kartunya dapat"),
    ("button_title", '"Bantu saya"', '"Tolong bantu kami semua"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "old", "new"), BROKEN, ids=[f"{rule}-{number}" for number, (rule, _, _) in enumerate(BROKEN)]
)
def test_a_broken_rule_is_found_by_name(rule: str, old: str, new: str) -> None:
    assert old in GOOD
    broken = GOOD.replace(old, new)
    # what a text no longer uses must leave the list of variables too, or that mistake is found first
    for name in re.findall(r'"(\w+)"', re.search(r"variables = .*", broken).group()):
        if f"{{{name}}}" not in broken:
            broken = broken.replace(f', "{name}"', "")
    assert rule in [problem.rule for _, problem in examine(KEY, broken)]


def test_an_unknown_placeholder_names_the_nearest_known_one() -> None:
    broken = GOOD.replace("{jam}", "{jams}").replace('"jam"', '"jams"')
    problem = next(problem for _, problem in examine(KEY, broken) if problem.rule == "placeholder")
    assert 'maksudnya "jam"?' in problem.message


def test_every_rule_has_a_text_that_breaks_it() -> None:
    assert {rule.name for rule in RULES} <= {rule for rule, _, _ in BROKEN}


def test_the_line_of_the_offending_words_is_named() -> None:
    broken = GOOD.replace("Mohon membawa {syarat}.", "Wajib membawa {syarat}.")
    line = 1 + next(number for number, text in enumerate(broken.split("\n")) if "Wajib" in text)
    problem = next(problem for _, problem in examine(KEY, broken) if problem.rule == "threat")
    assert problem.line == line
    assert '"Wajib"' in problem.message


def test_a_sentence_that_denies_asking_is_no_request() -> None:
    assert "asks_for_data" not in [problem.rule for _, problem in examine(KEY, GOOD)]
    assert "tidak pernah meminta NIK" in GOOD


def test_a_folder_of_messages_alone_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "salah.toml").write_text(GOOD.replace("title", "judul"), encoding="utf-8")
    (tmp_path / "rusak.toml").write_bytes(b'title = "\xff"')
    findings = check(tmp_path)
    assert {(finding.file, finding.rule) for finding in findings} >= {
        ("salah.toml", "unknown_key"),
        ("rusak.toml", "utf8"),
    }
    assert all(finding.severity == "error" and finding.line >= 1 for finding in findings)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Tidak ada berkas pesan"):
        check(tmp_path)
