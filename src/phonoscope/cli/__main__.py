"""``python -m phonoscope.cli``."""

from phonoscope.cli import main

main()
