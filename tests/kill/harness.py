"""The kill harness: `python -m tests.kill.harness --database sqlite --kills 1000`. docs/kill-harness.md says how to read it.

A run is made of rounds, each with an installation of its own. With `--state FILE` every finished round is kept, and the same
command goes on after the last one.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests import postgres
from tests.kill.account import FAULTS_OF_OURS, WITH_AN_ANSWER
from tests.kill.round import Plan, run_round

ROUND = 100  # kills


def main(arguments: list[str] | None = None) -> int:
    """0 when nothing was sent twice, nothing was lost and every unknown is explained; 1 otherwise."""
    wanted = _parser().parse_args(arguments)
    workers = wanted.workers or (1 if wanted.database == "sqlite" else 4)
    if wanted.database == "sqlite" and workers > 1:
        _parser().error("one data folder has one sending process: --workers needs --database postgresql")
    key = {
        "database": wanted.database, "kills": wanted.kills, "workers": workers, "seed": wanted.seed,
        "receipts": wanted.receipts,
    }  # fmt: skip
    done = _read(wanted.state, key)
    gc.freeze()  # what is imported is shared with every fork as long as nobody touches it
    with ExitStack() as stack:
        url = stack.enter_context(postgres.server()) if wanted.database == "postgresql" else ""
        sizes = [min(ROUND, wanted.kills - start) for start in range(0, wanted.kills, ROUND)]
        for number, kills in list(enumerate(sizes, start=1))[len(done) :]:
            plan = Plan(wanted.database, kills, workers, f"{wanted.seed}-{number}", wanted.receipts, url)
            done.append(run_round(plan, lambda text, number=number: _say(f"round {number}/{len(sizes)}: {text}")))
            _write(wanted.state, key, done)
    total = add_up(done)
    print(table(key, total))
    return 1 if bad(total) else 0


def add_up(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers are added, by name; lists are joined."""
    total: dict[str, Any] = {}
    for one in rounds:
        _add(total, one)
    return total


def _add(total: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict):
            _add(total.setdefault(name, {}), value)
        elif isinstance(value, list):
            total[name] = total.get(name, []) + value
        else:
            total[name] = total.get(name, 0) + value


def bad(total: dict[str, Any]) -> list[str]:
    """What must not be; empty is good."""
    found = [
        f"{when} settling, {fault}: {total[when]['ours'][fault]}"
        for when in ("before", "after")
        for fault in FAULTS_OF_OURS
        if total[when]["ours"].get(fault)
    ]
    counted, bound = _bounded(total["before"])
    if counted > bound:
        found.append(f"unknown {counted} is more than in flight and ambiguous, {bound}")
    if total["settled"].get("could_be_known"):
        found.append(f"unknown after settling although Twilio knows: {total['settled']['could_be_known']}")
    return found


def _bounded(before: dict[str, Any]) -> tuple[int, int]:
    """Unknown attempts and what bounds them. Not bounded by deaths and faults: what a code calls unknown, and intents that
    grew too old when the clock went on under a living process; both have an answer of their own."""
    unknown = before["unknown"]
    counted = sum(unknown.values()) - sum(unknown.get(cause, 0) for cause in WITH_AN_ANSWER)
    return counted, before["in_flight"] + before["ambiguous"]


def table(key: dict[str, Any], total: dict[str, Any]) -> str:
    """What was done and what was found."""
    before, after = total["before"], total["after"]
    unknown = before["unknown"]
    counted, bound = _bounded(before)
    kills = Counter(total["kills"])
    lines = [
        ("database, workers", f"{key['database']}, {key['workers']}"),
        ("receipts by, seed", f"{key['receipts']}, {key['seed']}"),
        ("SIGKILLs", str(kills.total())),
        ("  at a random moment", str(kills.pop("random", 0))),
        *((f"  at step {step}", str(number)) for step, number in sorted(kills.items())),
        ("seconds, of which killing", f"{total['seconds']['all']:.0f}, {total['seconds']['killing']:.0f}"),
        ("faults of the providers", _list(total["faults"])),
        ("receipts", _list(total["receipts"])),
        ("people wrote", _list(total["inbound"])),
        ("texts the providers accepted", _list(before["provider"])),
        ("texts the providers refused", _list(total["refused"])),
        ("messages planned", str(sum(before["messages"].values()))),
        ("  by state", _list(before["messages"])),
        ("  not sent, failed, unknown: why", _list(before["reasons"])),
        ("attempts by state", _list(before["attempts"])),
        ("written again after a reported failure", str(before["again"])),
        *((fault.replace("_", " "), str(before["ours"].get(fault, 0) + after["ours"].get(fault, 0)))
          for fault in FAULTS_OF_OURS),
        ("attempts unknown before settling", f"{sum(unknown.values())}: {_list(unknown)}"),
        ("  in flight at the kills + ambiguous faults", f"{before['in_flight']} + {before['ambiguous']} = {bound}"),
        ("  the bound", f"{counted} <= {bound}"),
        ("settling", _list(total["settled"]) or "not run"),
        ("attempts unknown after settling", f"{sum(after['unknown'].values())}: {_list(after['unknown'])}"),
        ("errors in the senders' log", _list(total["errors"]) or "none"),
        ("verdict", "; ".join(bad(total)) or "nothing twice, nothing lost"),
    ]  # fmt: skip
    width = max(len(name) for name, _ in lines)
    found = [f"{name:<{width}}  {value}" for name, value in lines]
    return "\n".join([*found, *(f"  {example}" for example in before["examples"] + after["examples"])])


def _list(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(numbers.items(), key=lambda pair: -pair[1]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.kill.harness", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--workers", type=int, default=0, help="sending processes at once; 1 on SQLite, else 4")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--receipts", choices=("hooks", "polling"), default="hooks")
    parser.add_argument("--state", type=Path, help="finished rounds are kept here, and not done again")
    return parser


def _read(state: Path | None, key: dict[str, Any]) -> list[dict[str, Any]]:
    if state is None or not state.exists():
        return []
    kept = json.loads(state.read_text())
    if kept["run"] != key:
        sys.exit(f"{state} belongs to another run: {kept['run']}")
    return list(kept["rounds"])


def _write(state: Path | None, key: dict[str, Any], rounds: list[dict[str, Any]]) -> None:
    if state is None:
        return
    new = state.with_suffix(".new")
    new.write_text(json.dumps({"run": key, "rounds": rounds}))
    new.replace(state)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
