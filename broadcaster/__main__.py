"""`python -m broadcaster` and the `broadcaster` command."""

from __future__ import annotations

import sys


def main() -> None:
    from broadcaster.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
