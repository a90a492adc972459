"""Composition roots: the only place where parts meet and real clocks, disks and sockets are chosen."""
