"""`python -m gateway` is `passerelle`."""

from gateway.cli import main

main()
