"""`narthex up`: the whole stack on this machine, watched in one terminal. `main.py` starts and stops it."""
