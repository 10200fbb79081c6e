"""The command line: each command calls the function of its name and writes what it returns."""

from phonoscope.cli.app import main

__all__ = ["main"]
