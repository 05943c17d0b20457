"""Checks the office's texts: what makes a message trusted, understood, lawful and cheap enough.

`check` reads a folder of content (or only a folder of messages) and returns everything at once; nothing is written.
`examine` is the same for one file that is about to be saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from broadcaster.errors import BadInput
from broadcaster.rendering import source as sources
from broadcaster.rendering.catalogue import FILE, Catalogue, read_catalogue, variables
from broadcaster.rendering.form import Problem, line_of, nearest
from broadcaster.rendering.lint import channels, drift, trust, wording
from broadcaster.rendering.lint.base import Hit, Severity, SourceRule, Text, TextRule
from broadcaster.rendering.source import ANNOUNCEMENT_PREFIX, ANSWER_PREFIX, ANSWERS, Source

TEXT_RULES: tuple[TextRule, ...] = (*trust.RULES, *wording.RULES, *channels.RULES)
SOURCE_RULES: tuple[SourceRule, ...] = (*channels.SOURCE_RULES, *drift.RULES)
#: What only a whole folder shows.
FOLDER_RULES: Mapping[str, Severity] = {
    "variant": "error",
    "variant_drift": "warning",
    "duplicate": "error",
    "unknown_answer": "error",
    "missing_answer": "error",
    "unused_file": "warning",
}
#: What the reading of a file finds before any rule looks at its texts.
FORM_RULES = ("utf8", "toml", "key", "unknown_key", "missing_key", "value", "channel", "variables", "variant")
NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(
        [*FORM_RULES, *(rule.name for rule in TEXT_RULES), *(rule.name for rule in SOURCE_RULES), *FOLDER_RULES]
    )
)

#: Every file of a content folder that is read, apart from the texts.
_READ = frozenset(
    {
        FILE, "calendar/default.toml", "codes/telegram.toml", "codes/twilio.toml", "places/bengkulu_utara.csv",
        "posters/gabung.toml", "telegram/bot.toml", "words/examples.toml", "words/headers.toml", "words/intents.toml",
        "words/opt_out.toml", "words/requirements.toml", "words/spellings.toml",
    }
)  # fmt: skip
_FOLDERS = {"messages": "", "answers": ANSWER_PREFIX, "announcements": ANNOUNCEMENT_PREFIX}


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    rule: str
    severity: Severity
    message: str


def check(folder: Path) -> list[Finding]:
    """Every finding in `folder`, file by file: a content folder (messages/, answers/, ...) or one with message files only.

    Raises `BadInput` when there is no message file in it.
    """
    whole = (folder / "messages").is_dir()
    files = _files(folder) if whole else {path.name: path.stem for path in sorted(folder.glob("*.toml"))}
    files.pop(FILE, None)
    if not any(_is_message(key) for key in files.values()):
        where = folder / "messages" if whole else folder
        raise BadInput(f"Tidak ada berkas pesan (*.toml) di {where}", code="no_messages")
    catalogue, findings = _catalogue(folder)
    texts: dict[str, str] = {}
    for file, key in files.items():
        toml = _read(folder / file)
        if toml is None:
            findings.append(Finding(file, 1, "utf8", "error", "Berkas bukan teks UTF-8; simpan ulang sebagai UTF-8"))
            continue
        texts[key] = toml
        findings += [_finding(file, severity, problem) for severity, problem in examine(key, toml, catalogue)]
    findings += _across({key: (file, texts[key]) for file, key in files.items() if key in texts})
    if whole:
        findings += _answers(files) + _unused(folder, files)
    return sorted(findings, key=lambda finding: (finding.file, finding.line))


def examine(key: str, toml: str, catalogue: Catalogue | None = None) -> list[tuple[Severity, Problem]]:
    """Every problem of one file, of form and of wording, by line; without `catalogue` the shipped one counts."""
    source, problems = sources.read(key, toml)
    found: list[tuple[Severity, Problem]] = [("error", problem) for problem in problems]
    if source is not None:
        found += _of_source(source, toml, variables() if catalogue is None else catalogue)
    return sorted(found, key=lambda item: item[1].line)


def _of_source(source: Source, toml: str, catalogue: Catalogue) -> list[tuple[Severity, Problem]]:
    found: list[tuple[Severity, Problem]] = []
    for whole in SOURCE_RULES:
        if source.purpose in whole.kinds:
            found += [(whole.severity, _placed(toml, whole.name, hit)) for hit in whole.finds(source, catalogue)]
    one_text = source.purpose == "answer"  # for both channels
    seen: set[tuple[str, str]] = set()
    for channel, body in source.texts.items():
        text = Text(channel, body, source.purpose, source.key, catalogue)
        for rule in TEXT_RULES:
            if channel not in rule.channels or source.purpose not in rule.kinds:
                continue
            for hit in rule.finds(text):
                if one_text and (rule.name, hit.message) in seen:
                    continue
                seen.add((rule.name, hit.message))
                message = hit.message if one_text else f"[{channel}] {hit.message}"
                place = hit._replace(after="text" if one_text else channel, message=message)
                found.append((rule.severity, _placed(toml, rule.name, place)))
    return found


def _placed(toml: str, rule: str, hit: Hit) -> Problem:
    return Problem(line_of(toml, hit.piece, hit.after, hit.nth), rule, hit.message)


def _finding(file: str, severity: Severity, problem: Problem) -> Finding:
    return Finding(file, problem.line, problem.rule, severity, problem.message)


def _files(folder: Path) -> dict[str, str]:
    """Path inside the folder -> key, of every text."""
    return {
        path.relative_to(folder).as_posix(): prefix + path.stem
        for name, prefix in _FOLDERS.items()
        for path in sorted((folder / name).glob("*.toml"))
    }


def _is_message(key: str) -> bool:
    return not key.startswith((ANSWER_PREFIX, ANNOUNCEMENT_PREFIX))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _catalogue(folder: Path) -> tuple[Catalogue, list[Finding]]:
    """The folder's own catalogue; the shipped one where it has none, or one that cannot be used."""
    if not (folder / FILE).is_file():
        return variables(), []
    toml = _read(folder / FILE)
    if toml is None:
        return variables(), [Finding(FILE, 1, "utf8", "error", "Berkas bukan teks UTF-8; simpan ulang sebagai UTF-8")]
    catalogue, problems = read_catalogue(toml)
    return catalogue or variables(), [_finding(FILE, "error", problem) for problem in problems]


def _across(files: Mapping[str, tuple[str, str]]) -> Iterable[Finding]:
    """Messages beside each other."""
    read = {key: sources.read_message(key, toml)[0] for key, (_, toml) in files.items() if _is_message(key)}
    for key, rule, hit in drift.across({key: source for key, source in read.items() if source is not None}):
        file, toml = files[key]
        yield _finding(file, FOLDER_RULES[rule], _placed(toml, rule, hit))


def _answers(files: Mapping[str, str]) -> list[Finding]:
    have = {key.removeprefix(ANSWER_PREFIX): file for file, key in files.items() if key.startswith(ANSWER_PREFIX)}
    unknown = [
        Finding(
            file, 1, "unknown_answer", FOLDER_RULES["unknown_answer"],
            f'Tidak ada maksud "{name}", jadi jawaban ini tidak pernah dikirim{nearest(name, ANSWERS)}; betulkan namanya',
        )
        for name, file in have.items()
        if name not in ANSWERS
    ]  # fmt: skip
    missing = [
        Finding(
            f"answers/{name}.toml", 1, "missing_answer", FOLDER_RULES["missing_answer"],
            "Jawaban ini dipakai program tetapi berkasnya tidak ada; buat berkasnya",
        )
        for name in sorted(ANSWERS - have.keys())
    ]  # fmt: skip
    return unknown + missing


def _unused(folder: Path, files: Mapping[str, str]) -> list[Finding]:
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [
        Finding(
            path.as_posix(), 1, "unused_file", FOLDER_RULES["unused_file"],
            "Berkas ini tidak dibaca program; hapus, atau pindahkan ke folder yang benar dengan akhiran .toml",
        )
        for path in found
        if path.as_posix() not in files and path.as_posix() not in _READ and not _for_people(path)
    ]  # fmt: skip


def _for_people(path: PurePath) -> bool:
    return path.name == "README.md" or any(part.startswith(".") for part in path.parts)
