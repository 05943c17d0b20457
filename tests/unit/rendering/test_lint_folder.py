"""What only the whole folder shows: wordings to compare, answers nobody asks for, files nobody reads, the catalogue."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from broadcaster.rendering.lint import check
from broadcaster.rendering.source import ANSWERS
from broadcaster.shipped import content_dir

GOOD = (Path(__file__).parent / "good" / "messages" / "kartu-siap.toml").read_text(encoding="utf-8")
#: Another wording of the good message.
OTHER = GOOD.replace("sudah jadi.", "sudah selesai.").replace("\npurpose", '\nvariant_of = "kartu-siap"\npurpose')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what ships, with one more message."""
    copy = tmp_path / "content"
    shutil.copytree(content_dir(), copy)
    _put(copy, "kartu-siap", GOOD)
    return copy


def _put(folder: Path, key: str, toml: str) -> None:
    (folder / "messages" / f"{key}.toml").write_text(toml, encoding="utf-8")


def _found(folder: Path) -> list[tuple[str, int, str, str]]:
    return [(finding.file, finding.line, finding.rule, finding.severity) for finding in check(folder)]


def test_a_variant_beside_its_message_is_well(folder: Path) -> None:
    _put(folder, "kartu-siap-b", OTHER)
    assert _found(folder) == []


@pytest.mark.parametrize(
    ("key", "old", "new", "line", "rule", "severity"),
    [
        ("kartu-lain-b", '"kartu-siap"', '"kartu-lain"', 3, "variant", "error"),
        ("kartu-siap-b", '"printed_uncollected"', '"expired_at_five"', 6, "variant", "error"),
        (
            "kartu-siap-b",
            '["printed_uncollected"]',
            '["printed_uncollected", "expired_at_five"]',
            6,
            "variant",
            "error",
        ),
        ("kartu-siap-b", '"campaign"', '"thanks"', 4, "variant", "error"),
        ("kartu-siap-b", '"utility"', '"marketing"', 5, "variant_drift", "warning"),
        ("kartu-siap-b", '"already_collected"', '"will_collect"', 9, "variant_drift", "warning"),
    ],
)
def test_a_variant_that_cannot_be_compared_is_found(
    folder: Path, key: str, old: str, new: str, line: int, rule: str, severity: str
) -> None:
    assert old in OTHER
    _put(folder, key, OTHER.replace(old, new))
    assert _found(folder) == [(f"messages/{key}.toml", line, rule, severity)]


def test_a_variant_of_a_variant_names_the_first_message(folder: Path) -> None:
    _put(folder, "kartu-siap-b", OTHER)
    _put(folder, "kartu-siap-b-b", OTHER.replace('"kartu-siap"', '"kartu-siap-b"').replace("selesai.", "siap."))
    finding = next(iter(check(folder)))
    assert (finding.file, finding.line, finding.rule) == ("messages/kartu-siap-b-b.toml", 3, "variant")
    assert 'variant_of = "kartu-siap"' in finding.message


def test_the_same_whatsapp_text_twice_is_refused_by_meta(folder: Path) -> None:
    _put(folder, "kartu-siap-2", GOOD)
    assert _found(folder) == [("messages/kartu-siap.toml", 28, "duplicate", "error")]


def test_an_answer_to_nothing_and_a_missing_answer_are_found(folder: Path) -> None:
    (folder / "answers" / "greeting.toml").rename(folder / "answers" / "greetings.toml")
    findings = check(folder)
    assert [(finding.file, finding.rule) for finding in findings] == [
        ("answers/greeting.toml", "missing_answer"),
        ("answers/greetings.toml", "unknown_answer"),
    ]
    assert 'maksudnya "greeting"?' in findings[1].message


@pytest.mark.parametrize(
    "name",
    ["messages/kartu.txt", "messages/lama/kartu-1.toml", "words/intent.toml", "gambar.png", "answers/stop.toml.bak"],
)
def test_a_file_that_nothing_reads_is_found(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x", encoding="utf-8")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "README.md").write_text("Untuk petugas.", encoding="utf-8")
    assert _found(folder) == [(name, 1, "unused_file", "warning")]


def test_a_mistake_in_the_catalogue_is_found_and_the_shipped_one_stands_in(folder: Path) -> None:
    path = folder / "variables.toml"
    toml = path.read_text(encoding="utf-8")
    line = toml[: toml.index('fact = "tempat_ambil"')].count("\n") + 1
    path.write_text(toml.replace("tempat_ambil", "tempat_ambl"), encoding="utf-8")
    assert _found(folder) == [("variables.toml", line, "value", "error")]
    path.write_bytes(b"\xff")
    assert _found(folder) == [("variables.toml", 1, "utf8", "error")]


def test_the_folder_s_own_catalogue_counts(folder: Path) -> None:
    path = folder / "variables.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("[syarat_ktp]", "[syarat_rekam]"), encoding="utf-8"
    )  # fmt: skip
    _put(folder, "kartu-siap", GOOD.replace("{syarat}", "{syarat_ktp}").replace('"syarat"', '"syarat_ktp"'))
    assert {(rule, severity) for _, _, rule, severity in _found(folder)} >= {("placeholder", "error")}


def test_the_answers_that_are_checked_for_are_those_that_ship() -> None:
    assert {path.stem for path in (content_dir() / "answers").glob("*.toml")} == ANSWERS
