"""`python -m soloface` is `soloface`."""

from soloface.cli import main

main()
