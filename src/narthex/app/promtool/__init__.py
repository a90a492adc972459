"""What the commands of `narthex promtool` do. Each function prints, and gives the exit code: 0 fine, 1 failed."""
