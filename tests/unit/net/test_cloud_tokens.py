"""Access tokens of Google and Azure from token servers and metadata services that are servers on loopback."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
import trustme
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_der_x509_certificate

from narthex.config.cloud_auth import AzureADConfig
from narthex.config.http_client import GRANT_JWT, HTTPClientConfig
from narthex.config.strict import load
from narthex.errors import HTTPClientError
from narthex.net import HTTPClient
from narthex.net.azure_auth import AzureSigner, cloud_of
from narthex.net.bearer import BearerSigner
from narthex.net.google_auth import GoogleSigner
from support.clock import FakeClock
from unit.net.servers import serve

ID = "5fd6f4e6-39b4-4a0e-8d54-6f4cba9e2f0e"
TENANT = "11111111-2222-3333-4444-555555555555"


class TokenServer:
    """Gives tokens t1, t2, ... for an hour; `asked` are path, query, headers and form of each request."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: tuple[int, bytes] | None = None
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode()))
        self.asked.append(
            {"path": request.path, "query": dict(request.query), "headers": request.headers, "form": form}
        )
        if self.answer is not None:
            return web.Response(status=self.answer[0], body=self.answer[1])
        return web.json_response({"access_token": f"t{len(self.asked)}", "expires_in": "3600", "token_type": "Bearer"})


@asynccontextmanager
async def token_server() -> AsyncIterator[TokenServer]:
    server = TokenServer()
    async with serve(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server


async def once(signer: BearerSigner) -> str:
    try:
        return await signer.token()
    finally:
        await signer.close()


def azure(text: str, server: TokenServer, **environment: str) -> AzureSigner:
    section = load(AzureADConfig, text, "f.yml")
    return AzureSigner(section, FakeClock(), environment={"AZURE_AUTHORITY_HOST": f"{server.url}/", **environment})


def private_key() -> tuple[rsa.RSAPrivateKey, str]:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key, pem.decode()


def verified(token: str, key: rsa.RSAPublicKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT whose signature is checked."""
    header, claims, signature = token.split(".")
    key.verify(_decoded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return orjson.loads(_decoded(header)), orjson.loads(_decoded(claims))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class TestAzure:
    async def test_a_client_secret_is_exchanged_for_a_token_of_the_clouds_scope(self) -> None:
        async with token_server() as server:
            text = f"oauth: {{client_id: {ID}, client_secret: s, tenant_id: {TENANT}}}"
            assert await once(azure(text, server)) == "t1"
            assert await once(azure(f"{text}\ncloud: AzureChina\nscope: 'https://x/.default'", server)) == "t2"
        first, second = server.asked
        assert first["path"] == f"/{TENANT}/oauth2/v2.0/token"
        assert first["form"] == {
            "grant_type": "client_credentials",
            "client_id": ID,
            "client_secret": "s",
            "scope": "https://monitor.azure.com//.default",
        }
        assert second["form"]["scope"] == "https://x/.default"

    async def test_a_workload_identity_sends_the_token_of_its_file(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("federated\n")
        async with token_server() as server:
            text = f"workload_identity: {{client_id: {ID}, tenant_id: {TENANT}}}"
            assert await once(azure(text, server, AZURE_FEDERATED_TOKEN_FILE=str(file))) == "t1"
        form = server.asked[0]["form"]
        assert form["client_assertion"] == "federated"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    async def test_a_managed_identity_asks_the_machine_or_the_app_service(self) -> None:
        async with token_server() as server:
            text = f"managed_identity: {{client_id: {ID}}}"
            machine = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": server.url}
            assert await once(azure(text, server, **machine)) == "t1"
            service = {"IDENTITY_ENDPOINT": f"{server.url}/msi", "IDENTITY_HEADER": "h"}
            assert await once(azure("sdk: {tenant_id: x}", server, **service)) == "t2"
        first, second = server.asked
        assert first["path"] == "/metadata/identity/oauth2/token"
        assert first["query"] == {
            "api-version": "2018-02-01",
            "resource": "https://monitor.azure.com/",
            "client_id": ID,
        }
        assert first["headers"]["Metadata"] == "true"
        assert (second["path"], second["headers"]["X-IDENTITY-HEADER"]) == ("/msi", "h")

    async def test_a_certificate_signs_an_assertion_that_names_it(self, tmp_path: Path) -> None:
        issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("x", key_type=trustme.KeyType.RSA)
        file = tmp_path / "c.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(str(file))
        async with token_server() as server:
            section = f"client_id: {ID}, tenant_id: {TENANT}, certificate_path: {file}, send_certificate_chain: true"
            assert await once(azure(f"certificate: {{{section}}}", server)) == "t1"
            header_of = server.asked[0]["form"]["client_assertion"]
            chain = orjson.loads(_decoded(header_of.split(".")[0]))["x5c"]
            der = base64.b64decode(chain[0])
            certificate = load_der_x509_certificate(der)
            header, claims = verified(header_of, certificate.public_key())
            assert _decoded(header["x5t"]) == hashlib.sha1(der).digest()
            assert claims["aud"] == f"{server.url}/{TENANT}/oauth2/v2.0/token"
            assert (claims["iss"], claims["sub"], claims["nbf"]) == (ID, ID, 1_700_000_000)

    async def test_a_certificate_without_its_key_is_refused(self, tmp_path: Path) -> None:
        issued = trustme.CA().issue_cert("x")
        file = tmp_path / "c.pem"
        issued.cert_chain_pems[0].write_to_path(str(file))
        async with token_server() as server:
            section = f"client_id: {ID}, tenant_id: {TENANT}, certificate_path: {file}"
            with pytest.raises(HTTPClientError, match="cannot be read"):
                await once(azure(f"certificate: {{{section}}}", server))
        assert server.asked == []

    def test_older_environment_names_stand_for_clouds(self) -> None:
        assert cloud_of("AzurePublicCloud") == "AzurePublic"
        assert cloud_of("azureusgovernment") == "AzureGovernment"
        with pytest.raises(HTTPClientError, match="no Azure cloud"):
            cloud_of("Elsewhere")


class TestGoogle:
    async def test_a_service_account_signs_for_its_token(self, tmp_path: Path) -> None:
        key, pem = private_key()
        file = tmp_path / "account.json"
        async with token_server() as server:
            account = {
                "type": "service_account",
                "client_email": "me@project",
                "private_key": pem,
                "private_key_id": "k1",
                "token_uri": f"{server.url}/token",
            }
            file.write_bytes(orjson.dumps(account))
            assert await once(GoogleSigner(FakeClock(), credentials_file=str(file), environment={})) == "t1"
        form = server.asked[0]["form"]
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        header, claims = verified(form["assertion"], key.public_key())
        assert header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        assert claims == {
            "iss": "me@project",
            "scope": "https://www.googleapis.com/auth/monitoring.write",
            "aud": f"{server.url}/token",
            "iat": 1_700_000_000,
            "exp": 1_700_003_600,
        }

    async def test_without_files_the_metadata_server_is_asked(self) -> None:
        async with token_server() as server:
            environment = {"GCE_METADATA_HOST": server.url.removeprefix("http://"), "HOME": "/no"}
            assert await once(GoogleSigner(FakeClock(), environment=environment)) == "t1"
        assert server.asked[0]["path"] == "/computeMetadata/v1/instance/service-accounts/default/token"
        assert server.asked[0]["headers"]["Metadata-Flavor"] == "Google"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{", "is not JSON"),
            ('{"type": "authorized_user"}', "is of type authorized_user, not service_account"),
            ('{"type": "service_account", "private_key": "no key"}', "is not an RSA key"),
        ],
    )
    async def test_a_file_that_cannot_be_used_is_named(self, text: str, words: str, tmp_path: Path) -> None:
        file = tmp_path / "account.json"
        file.write_text(text)
        with pytest.raises(HTTPClientError, match=words):
            await once(GoogleSigner(FakeClock(), credentials_file=str(file), environment={}))


async def test_the_jwt_grant_of_oauth2_signs_an_assertion_with_the_sections_claims(tmp_path: Path) -> None:
    key, pem = private_key()
    file = tmp_path / "key.pem"
    file.write_text(pem)
    async with token_server() as server:
        section = (
            f"grant_type: '{GRANT_JWT}', client_id: me, client_certificate_key_file: {file}, scopes: [a, b], "
            f"client_certificate_key_id: k, token_url: '{server.url}/t', claims: {{team: x, level: 3}}, "
            "endpoint_params: {audience: other}"
        )
        config = load(HTTPClientConfig, f"oauth2: {{{section}}}", "f.yml")
        async with HTTPClient(config, clock=FakeClock()) as client:
            await (await client.get(f"{server.url}/api", timeout_seconds=10)).read()
    token, api = server.asked
    assert api["headers"]["Authorization"] == "Bearer t1"
    assert (token["form"]["grant_type"], token["form"]["audience"]) == (GRANT_JWT, "other")
    header, claims = verified(token["form"]["assertion"], key.public_key())
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k"}
    assert claims.pop("jti")
    assert claims == {
        "iss": "me",
        "sub": "me",
        "aud": f"{server.url}/t",
        "iat": 1_700_000_000,
        "exp": 1_700_003_600,
        "scope": "a b",
        "team": "x",
        "level": 3,
    }


class TestLife:
    async def test_a_token_is_kept_for_half_its_life_and_outlives_a_failed_renewal(self) -> None:
        async with token_server() as server:
            clock, section = FakeClock(), load(AzureADConfig, "managed_identity: {}", "f")
            environment = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": server.url}
            signer = AzureSigner(section, clock, environment=environment)
            assert await signer.token() == "t1"
            await clock.advance(1799)
            assert await signer.token() == "t1"
            await clock.advance(2)
            assert await signer.token() == "t2"
            server.answer = (500, b"")
            await clock.advance(3599)
            assert await signer.token() == "t2"
            await clock.advance(2)
            with pytest.raises(HTTPClientError, match="the Azure managed identity answered 500"):
                await signer.token()
            server.answer = None
            assert await signer.token() == f"t{len(server.asked)}"
            await signer.close()

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ((400, b'{"error": "invalid_client", "error_description": "s3cret"}'), r"answered 400 \(invalid_client\)"),
            ((200, b"[]"), "gave no usable access token"),
            ((200, b'{"access_token": "a\\nb", "expires_in": 5}'), "gave no usable access token"),
            ((200, b'{"access_token": "a", "expires_in": "soon"}'), "gave no usable access token"),
            ((200, b'{"access_token": "a"}'), "gave no usable access token"),
        ],
    )
    async def test_what_is_no_token_is_told_without_the_answer(self, answer: tuple[int, bytes], words: str) -> None:
        async with token_server() as server:
            server.answer = answer
            with pytest.raises(HTTPClientError, match=words) as e:
                await once(azure("managed_identity: {}", server, AZURE_POD_IDENTITY_AUTHORITY_HOST=server.url))
        assert "s3cret" not in str(e.value)
