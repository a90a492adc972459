"""`python -m narthex` is the command `narthex`."""

from narthex.cli.main import main

main(prog_name="narthex")
