"""The command line: groups of commands over the same services as the console."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from broadcaster.cli import (
    campaign,
    consent,
    content,
    demo,
    inbox,
    office,
    officer,
    poster,
    register,
    sending,
    show,
    telegram,
    tries,
    unknown,
)
from broadcaster.cli.common import refused, set_up_logging
from broadcaster.errors import Refused

app = typer.Typer(
    name="broadcaster",
    help="Sosialisasi kartu identitas anak: pesan yang tepat untuk keluarga yang tepat, dan hasil yang jujur.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for group in (
    demo, office, register, campaign, sending, content, inbox, show, officer, unknown, consent, telegram, poster, tries,
):  # fmt: skip
    group.add_to(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status: 0 done, 1 refused with a reason, 2 wrong usage."""
    set_up_logging()
    try:
        app(args=list(arguments), prog_name="broadcaster")
    except Refused as error:
        return refused(error, as_json="--json" in arguments)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    return 0
