"""How a script ends: with one sentence for what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from seesum.base.errors import InputError, JobError
from seesum.base.interrupts import INTERRUPTED


def run_to_end(main: Callable[[], None], resumed: str) -> None:
    """Run the main function of a script that goes on where it was stopped.

    Bad input ends it with exit code 2, a job that fails with 1. ``resumed`` says what the same command goes on with.
    """
    name = Path(sys.argv[0]).name
    try:
        main()
    except (InputError, JobError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None
    except KeyboardInterrupt:
        print(f"{name}: stopped; the same command goes on with {resumed}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
