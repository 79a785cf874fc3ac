"""``python -m seesum`` is the command ``seesum``."""

from seesum.cli.app import main

if __name__ == "__main__":
    main()
