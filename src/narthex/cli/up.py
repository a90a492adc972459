"""`narthex up`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from narthex.errors import FlagError

FAULTS = ("queue-burst", "kv-full", "error-storm", "slow-decode")


@click.command(name="up")
@click.option("--data", default="narthex-data", show_default=True, help="Folder for data and configuration files.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address on which everything listens.")
@click.option("--server-port", default=9090, show_default=True, help="Port of the server's UI and API.")
@click.option("--alertmanager-port", default=9093, show_default=True)
@click.option("--node-port", default=9100, show_default=True, help="Port of the host exporter.")
@click.option(
    "--receiver-port", default=9099, show_default=True, help="Port of the webhook receiver that prints alerts."
)
@click.option("--llm-port", default=8000, show_default=True, help="First port of the simulated LLM servers.")
@click.option("--models", default="llama-3-70b,qwen-2-72b", show_default=True, help="Models that are simulated.")
@click.option("--fault", type=click.Choice(FAULTS), help="Let the simulator fail in this way.")
@click.option("--fault-after", default="45s", show_default=True, help="When the fault begins.")
@click.option("--fault-duration", default="60s", show_default=True, help="How long the fault lasts.")
@click.option("--verbose", is_flag=True, help="Print everything that the parts log, not only warnings and errors.")
def up(
    data: str,
    host: str,
    server_port: int,
    alertmanager_port: int,
    node_port: int,
    receiver_port: int,
    llm_port: int,
    models: str,
    fault: str | None,
    fault_after: str,
    fault_duration: str,
    verbose: bool,
) -> None:
    """Run the whole stack on this machine.

    Starts the server, the Alertmanager, a host exporter, simulated LLM servers and a webhook receiver that prints
    the alerts it gets. Configuration files are written to the data folder once and never overwritten.
    """
    from narthex.app.up.main import UpOptions, run

    names = tuple(name.strip() for name in models.split(",") if name.strip())
    if not names:
        raise click.BadParameter("name at least one model", param_hint="--models")
    options = UpOptions(
        data=Path(data),
        host=host,
        server_port=server_port,
        alertmanager_port=alertmanager_port,
        node_port=node_port,
        receiver_port=receiver_port,
        llm_port=llm_port,
        models=names,
        fault=fault or "",
        fault_after=fault_after,
        fault_duration=fault_duration,
        verbose=verbose,
    )
    try:
        sys.exit(run(options))
    except FlagError as e:
        click.echo(f"narthex up: {e}", err=True)
        sys.exit(2)
