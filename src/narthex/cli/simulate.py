"""`narthex simulate`."""

from __future__ import annotations

import sys

import click

from narthex.errors import FlagError
from narthex.llm.simulator.faults import FAULTS
from narthex.model.duration import parse_duration


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value)) / 1000
        except ValueError as e:
            self.fail(f"{e} (write for example 90s or 5m)", param, ctx)


@click.group()
def simulate() -> None:
    """Things to monitor when there is nothing to monitor."""


@simulate.command()
@click.option("--models", default="llama-3-70b,qwen-2-72b", show_default=True, help="Models, separated by commas.")
@click.option("--instances", default=1, show_default=True, type=click.IntRange(1, 100), help="Servers for each model.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--base-port", default=8000, show_default=True, type=click.IntRange(0, 65_535), help="Port of the first.")
@click.option("--listen-address", metavar="HOST:PORT", help="Address and first port in one, instead of the two above.")
@click.option("--rate", default=4.0, show_default=True, type=click.FloatRange(0.0, 1000.0), help="Requests a second.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same requests.")
@click.option("--fault", type=click.Choice(tuple(FAULTS)), help="Let something go wrong.")
@click.option("--fault-after", default="45s", show_default=True, type=_Duration(), help="When it begins.")
@click.option("--fault-duration", default="1m", show_default=True, type=_Duration(), help="How long it lasts.")
@click.option("--truth", is_flag=True, help="Print at the end what really happened, as JSON.")
def llm(
    models: str,
    instances: int,
    host: str,
    base_port: int,
    listen_address: str | None,
    rate: float,
    seed: int,
    fault: str | None,
    fault_after: float,
    fault_duration: float,
    truth: bool,
) -> None:
    """Fake vLLM servers with a real queueing model.

    Each listens on a port of its own: /metrics is what vLLM, a gateway, cAdvisor and DCGM would expose, /truth is
    what really happened, POST /-/fault?name=NAME&duration=1m lets something go wrong at run time.
    """
    from narthex.app.simulate import SimulateOptions, run

    names = tuple(dict.fromkeys(name.strip() for name in models.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("name at least one model", param_hint="--models")
    if listen_address is not None:
        host, base_port = _address(listen_address)
    options = SimulateOptions(
        models=names,
        instances=instances,
        host=host,
        base_port=base_port,
        rate=rate,
        seed=seed,
        fault=fault or "",
        fault_after=fault_after,
        fault_duration=fault_duration,
        truth=truth,
    )
    try:
        sys.exit(run(options))
    except FlagError as e:
        click.echo(f"narthex simulate llm: {e}", err=True)
        sys.exit(2)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter(f'"{text}" is not host:port', param_hint="--listen-address")
    return host.strip("[]") or "0.0.0.0", int(port)
