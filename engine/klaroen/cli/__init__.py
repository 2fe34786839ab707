"""The command line. Each command imports what it runs when it runs, so that `klaroen --help` is quick."""

from klaroen.cli.app import main

__all__ = ["main"]
