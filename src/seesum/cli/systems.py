"""The command systems."""

from __future__ import annotations

from seesum.cli.options import Json
from seesum.cli.output import print_json, print_rows


def systems(as_json: Json = False) -> None:
    """List the systems with their parameters, adder and results.

    Examples:
        seesum systems                               # all that are known
        seesum systems --plugin examples/my_nets.py  # and yours
    """
    import seesum

    rows = seesum.systems()
    if as_json:
        print_json({"systems": rows})
        return
    foreign = any(row["from"] != "seesum" for row in rows)
    print_rows(rows, *(name for name in rows[0] if foreign or name != "from"))
