from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import bcrypt
import pytest
import trustme
from aiohttp import web

from narthex.errors import ConfigError, WebConfigError
from narthex.net.server import Listeners, WebConfigFile
from support.clock import FakeClock

CA = trustme.CA()
HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


def application() -> web.Application:
    app = web.Application()
    app.router.add_get("/", hello)
    return app


def write_certificate(folder: Path, *names: str, ca: trustme.CA = CA, stem: str = "server") -> None:
    cert = ca.issue_cert(*(names or ("127.0.0.1",)))
    (folder / f"{stem}.crt").write_bytes(b"".join(b.bytes() for b in cert.cert_chain_pems))
    (folder / f"{stem}.key").write_bytes(cert.private_key_pem.bytes())


@asynccontextmanager
async def running(
    file: Path | None = None, clock: FakeClock | None = None, max_connections: int = 512
) -> AsyncIterator[str]:
    config = WebConfigFile(file, clock) if file is not None else None
    listeners = Listeners(
        application(),
        [("127.0.0.1", 0)],
        web_config=config,
        max_connections=max_connections,
        shutdown_seconds=0.05,
    )
    await listeners.start()
    try:
        scheme = "https" if config is not None and config.uses_tls else "http"
        yield f"{scheme}://127.0.0.1:{listeners.addresses[0][1]}/"
    finally:
        await listeners.stop()


def trusting(client: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    if client is not None:
        client.configure_cert(context)
    return context


async def get(url: str, tls: ssl.SSLContext | None = None, **options: object) -> aiohttp.ClientResponse:
    connector = aiohttp.TCPConnector(ssl=tls or True)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url, **options) as response:
        await response.read()
        return response


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(user, password)}


async def test_without_a_web_configuration_everything_is_open() -> None:
    async with running() as url:
        assert (await get(url)).status == 200


async def test_users_are_let_in_with_their_password_only(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    async with running(file) as url:
        for headers, status in (
            ({}, 401),
            (basic("alice", "secret"), 200),
            (basic("alice", "secret"), 200),
            (basic("alice", "wrong"), 401),
            (basic("bob", "secret"), 401),
            ({"Authorization": "Basic !!!"}, 401),
            ({"Authorization": "Bearer secret"}, 401),
        ):
            response = await get(url, headers=headers)
            assert response.status == status, headers
            assert (response.headers.get("WWW-Authenticate") == "Basic") == (status == 401)


async def test_a_known_password_costs_one_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []
    real = bcrypt.checkpw

    def count(password: bytes, stored: bytes) -> bool:
        checks.append(password)
        return real(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", count)
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    async with running(file) as url:
        for _ in range(3):
            assert (await get(url, headers=basic("alice", "secret"))).status == 200
            assert (await get(url, headers=basic("alice", "x" * 100))).status == 401
    assert len(checks) == 2


async def test_a_changed_file_counts_from_the_next_request_on_and_a_broken_one_closes_the_door(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "web.yml"
    file.write_text("")
    async with running(file) as url:
        assert (await get(url)).status == 200
        file.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
        assert (await get(url)).status == 401
        file.write_text("basic_auth_users: {alice: plain}\n")
        assert (await get(url, headers=basic("alice", "plain"))).status == 500
        assert "must be a bcrypt hash" in caplog.text
        file.write_text("# open again\n")
        assert (await get(url)).status == 200


async def test_headers_are_on_all_answers(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"http_server_config: {{headers: {{X-Frame-Options: deny}}}}\nbasic_auth_users: {{a: {HASH}}}\n")
    async with running(file) as url:
        refused = await get(url)
        missing = await get(url + "nothing", headers=basic("a", "secret"))
    assert (refused.status, missing.status) == (401, 404)
    assert refused.headers["X-Frame-Options"] == missing.headers["X-Frame-Options"] == "deny"


async def test_the_rate_limit_lets_a_burst_through_and_then_one_each_interval(tmp_path: Path) -> None:
    file, clock = tmp_path / "web.yml", FakeClock()
    file.write_text("rate_limit: {interval: 10s, burst: 2}\n")
    async with running(file, clock) as url:
        assert [(await get(url)).status for _ in range(3)] == [200, 200, 429]
        await clock.advance(10)
        assert [(await get(url)).status for _ in range(2)] == [200, 429]


async def test_connections_over_the_limit_are_closed() -> None:
    async with running(max_connections=1) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        _, held = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        held.close()
        await held.wait_closed()
        async with asyncio.timeout(5):
            while True:
                try:
                    assert (await get(url)).status == 200
                    break
                except aiohttp.ClientError:
                    continue


async def test_an_address_in_use_is_named() -> None:
    async with running() as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        with pytest.raises(WebConfigError, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            await Listeners(application(), [("127.0.0.1", port)]).start()


class TestTLS:
    async def test_a_new_certificate_is_used_from_the_next_handshake_on(self, tmp_path: Path) -> None:
        write_certificate(tmp_path, "127.0.0.1")
        file = tmp_path / "web.yml"
        file.write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
        async with running(file) as url:
            assert (await get(url, trusting())).status == 200
            write_certificate(tmp_path, "other.example")
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await get(url, trusting())
            (tmp_path / "server.crt").write_text("broken")
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await get(url, trusting())  # the last good one stays
            write_certificate(tmp_path, "127.0.0.1")
            assert (await get(url, trusting())).status == 200

    async def test_client_certificates_are_asked_for_and_checked(self, tmp_path: Path) -> None:
        clients = trustme.CA()
        write_certificate(tmp_path)
        clients.cert_pem.write_to_path(str(tmp_path / "clients.pem"))
        file = tmp_path / "web.yml"
        file.write_text(
            "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: clients.pem,"
            " client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [one.example]}\n"
        )
        async with running(file) as url:
            assert (await get(url, trusting(clients.issue_cert("one.example")))).status == 200
            assert (await get(url, trusting(clients.issue_cert("two.example")))).status == 403
            with pytest.raises((aiohttp.ClientError, OSError)):
                await get(url, trusting(CA.issue_cert("one.example")))
            with pytest.raises((aiohttp.ClientError, OSError)):
                await get(url, trusting())

    async def test_versions_and_ciphers_are_kept(self, tmp_path: Path) -> None:
        write_certificate(tmp_path)
        file = tmp_path / "web.yml"
        file.write_text(
            "tls_server_config: {cert_file: server.crt, key_file: server.key, max_version: TLS12,"
            " cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]}\n"
        )
        async with running(file) as url:
            assert (await get(url, trusting())).status == 200
            other = trusting()
            other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
            with pytest.raises(aiohttp.ClientError):
                await get(url, other)
            newer = trusting()
            newer.minimum_version = ssl.TLSVersion.TLSv1_3
            with pytest.raises(aiohttp.ClientError):
                await get(url, newer)


# Of the peers' files: ciphers that HTTP/2 forbids, which is not spoken here; and clients that are refused later.
LOADS_HERE = {
    "web_config_noAuth_noHTTP2Cipher.bad.yml",
    "web_config_auth_client_san.bad.yaml",
    "web_config_auth_clientCAs_missing.bad.yml",
}
NOT_AVAILABLE = {"tls_config_noAuth.requireanyclientcert.good.yml"}  # unverified client certificates


def test_the_peers_files_are_taken_or_refused_as_by_the_peer(conformance: Path, tmp_path: Path) -> None:
    write_certificate(tmp_path)
    for stem in ("client_selfsigned.pem", "client2_selfsigned.pem"):
        CA.cert_pem.write_to_path(str(tmp_path / stem))
    files = sorted((conformance / "web-config").iterdir())
    assert len(files) > 30
    for file in files:
        copy = Path(shutil.copy(file, tmp_path / file.name))
        bad = (".bad." in file.name or "junk" in file.name) and file.name not in LOADS_HERE
        if file.name in NOT_AVAILABLE:
            with pytest.raises(WebConfigError, match="RequireAnyClientCert is not available"):
                WebConfigFile(copy)
        elif bad:
            with pytest.raises((ConfigError, WebConfigError)):
                WebConfigFile(copy)
        else:
            WebConfigFile(copy)
