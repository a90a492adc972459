"""Service discovery sections, one class a mechanism. First file to open: base.py; `..discovery` lists all keys."""
