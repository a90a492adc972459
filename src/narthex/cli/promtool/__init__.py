"""`narthex promtool`: the commands of Prometheus' promtool. One file a family of subcommands; `main.py` lists them."""
