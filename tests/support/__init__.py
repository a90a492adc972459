"""What several tests need: a clock that jumps, free ports, running processes."""
