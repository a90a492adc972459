from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trustme

from narthex.config.sd.hosters import TritonSDConfig
from narthex.config.strict import load
from narthex.discovery.triton import TritonProvider
from unit.discovery.api import FakeApi, MakeProvider, live
from unit.net.servers import serve


@asynccontextmanager
async def tls_api(folder: Path) -> AsyncIterator[tuple[FakeApi, str]]:
    """An API over TLS, and what a section says to reach it."""
    ca, api = trustme.CA(), FakeApi()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    async with serve(api.handle, tls=context) as port:
        common = f"account: a, dns_suffix: triton.example.com, endpoint: 127.0.0.1, port: {port}"
        api.url = f"https://127.0.0.1:{port}"
        yield api, f"{common}, tls_config: {{ca_file: {folder / 'ca.pem'}}}"


def make(text: str) -> MakeProvider:
    section = load(TritonSDConfig, f"{{{text}}}", "f.yml")
    return lambda metrics, clock: TritonProvider(section, "job", metrics, clock)


async def test_containers_live(tmp_path: Path) -> None:
    async with tls_api(tmp_path) as (api, text):
        container = {
            "groups": ["foo", "bar"],
            "server_uuid": "44454c4c",
            "vm_alias": "server01",
            "vm_brand": "lx",
            "vm_image_uuid": "7b27a514",
            "vm_uuid": "ad466fbf",
        }
        labels = {
            "__address__": f"ad466fbf.triton.example.com:{api.url.rpartition(':')[2]}",
            "__meta_triton_groups": ",foo,bar,",
            "__meta_triton_machine_id": "ad466fbf",
            "__meta_triton_machine_alias": "server01",
            "__meta_triton_machine_brand": "lx",
            "__meta_triton_machine_image": "7b27a514",
            "__meta_triton_server_id": "44454c4c",
        }
        plain = {k: v for k, v in labels.items() if k != "__meta_triton_groups"}
        api.routes = {"/v1/discover": {"containers": [container]}}
        changed = {"containers": [{**container, "groups": None}]}
        await live(
            make(f"{text}, groups: [foo, 'b r']"),
            api,
            lambda: api.routes.update({"/v1/discover": changed}),
            [labels],
            [plain],
        )
        assert api.requests[0][0].rel_url.raw_path_qs == "/v1/discover?groups=foo%2Cb+r"


async def test_compute_nodes_live(tmp_path: Path) -> None:
    async with tls_api(tmp_path) as (api, text):
        labels = {
            "__address__": f"44454c4c.triton.example.com:{api.url.rpartition(':')[2]}",
            "__meta_triton_machine_id": "44454c4c",
            "__meta_triton_machine_alias": "server01",
        }
        node = {"server_uuid": "44454c4c", "server_hostname": "server01"}
        api.routes = {"/v1/gz/discover": {"cns": [node]}}
        change = {"/v1/gz/discover": {"cns": []}}
        await live(make(f"{text}, role: cn"), api, lambda: api.routes.update(change), [labels], [])
