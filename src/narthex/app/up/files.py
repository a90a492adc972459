"""The configuration files of `narthex up`: written once into the data folder, then the user's to change."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

_SERVER = """\
# Made by `narthex up`. Change it as you like; it is not overwritten. Reload with: kill -HUP <pid of the server>
global:
  scrape_interval: 5s
  evaluation_interval: 5s
rule_files:
  - rules/*.yml
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["{alertmanager}"]
scrape_configs:
  - job_name: narthex
    static_configs:
      - targets: ["{server}"]
  - job_name: alertmanager
    static_configs:
      - targets: ["{alertmanager}"]
  - job_name: node
    static_configs:
      - targets: ["{node}"]
  - job_name: llm
    static_configs:
      - targets: [{llm}]
"""

_ALERTMANAGER = """\
# Made by `narthex up`. Change it as you like; it is not overwritten.
route:
  receiver: printer
  group_by: [alertname, model]
  group_wait: 5s
  group_interval: 10s
  repeat_interval: 4h
receivers:
  - name: printer
    webhook_configs:
      - url: http://{receiver}/
"""


@dataclass(frozen=True)
class Addresses:
    """host:port of each part."""

    server: str
    alertmanager: str
    node: str
    receiver: str
    llm: tuple[str, ...]


def write_files(folder: Path, addresses: Addresses) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Writes the files that are not there yet and keeps the others.

    Gives the files that were written, and those kept that lack an address they would have now. Raises OSError.
    """
    written, stale = [], []
    for name, text, needed in _texts(addresses):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            kept = path.read_text()
            stale += [(path, address) for address in needed if address not in kept]
        else:
            path.write_text(text)
            written.append(path)
    return written, stale


def _texts(a: Addresses) -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, text and the addresses that must stand in each file."""
    llm = ", ".join(f'"{target}"' for target in a.llm)
    server = _SERVER.format(server=a.server, alertmanager=a.alertmanager, node=a.node, llm=llm)
    texts: list[tuple[str, str, tuple[str, ...]]] = [
        ("prometheus.yml", server, (a.server, a.alertmanager, a.node, *a.llm)),
        ("alertmanager.yml", _ALERTMANAGER.format(receiver=a.receiver), (a.receiver,)),
    ]
    rules = (resources.files("narthex.llm") / "rules").iterdir()
    return texts + [(f"rules/{r.name}", r.read_text(), ()) for r in rules if r.name.endswith(".rules.yml")]
