from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import orjson
import pytest
import trustme
from aiohttp import web
from yarl import URL

from narthex.config.http_client import HTTPClientConfig
from narthex.config.strict import load
from narthex.errors import HTTPClientError
from narthex.net import HTTPClient, explain
from support.clock import FakeClock
from unit.net.servers import serve


def client(text: str = "", **options: object) -> HTTPClient:
    return HTTPClient(load(HTTPClientConfig, text, "f.yml"), **options)


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    """The request as the server saw it."""
    seen = {
        "method": request.method,
        "path": request.path_qs,
        "headers": [[k.lower(), v] for k, v in request.headers.items()],
        "body": (await request.read()).decode(),
        "url": str(request.rel_url),
    }
    return web.json_response(seen)


async def fetch(http: HTTPClient, url: str, **options: object) -> dict[str, object]:
    async with http, await http.get(url, timeout_seconds=10, **options) as response:
        answer: dict[str, object] = orjson.loads(await response.read())
        return answer


def header(seen: dict[str, object], name: str) -> list[str]:
    return [v for k, v in seen["headers"] if k == name.lower()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("basic_auth: {username: u, password: p}", ["Basic dTpw"]),
        ("basic_auth: {username: u}", ["Basic dTo="]),
        ("authorization: {credentials: tok}", ["Bearer tok"]),
        ("authorization: {type: Token, credentials: tok}", ["Token tok"]),
        ("bearer_token: tok", ["Bearer tok"]),
    ],
)
async def test_authorization_header(text: str, expected: list[str]) -> None:
    async with serve(echo) as port:
        seen = await fetch(client(text), f"http://127.0.0.1:{port}/metrics?a=b")
        assert header(seen, "Authorization") == expected
        assert seen["path"] == "/metrics?a=b"


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("authorization: {credentials_file: F}", "Bearer one", "Bearer two"),
        ("bearer_token_file: F", "Bearer one", "Bearer two"),
        ("basic_auth: {username: u, password_file: F}", "Basic dTpvbmU=", "Basic dTp0d28="),
        ("basic_auth: {username_file: F, password: p}", "Basic b25lOnA=", "Basic dHdvOnA="),
    ],
)
async def test_credential_files_are_read_anew_for_each_request(
    text: str, first: str, second: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    http = client(text.replace("F", str(file)))
    async with serve(echo) as port, http:
        for content, expected in (("one\n", first), (" two \n", second)):
            file.write_text(content)
            async with await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=10) as response:
                assert header(orjson.loads(await response.read()), "Authorization") == [expected]
        file.unlink()
        with pytest.raises(HTTPClientError, match=r"unable to read .* file .*secret: No such file"):
            await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=10)


async def test_configured_headers_are_sent_in_full(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("from file\n")
    text = f"http_headers: {{X-A: {{values: [1, two], secrets: [three], files: [{tmp_path}/h]}}}}"
    async with serve(echo) as port:
        seen = await fetch(client(text), f"http://127.0.0.1:{port}/", headers={"Accept": "text/plain"})
        assert header(seen, "X-A") == ["1", "two", "three", "from file"]
        assert header(seen, "Accept") == ["text/plain"]


@pytest.mark.parametrize(
    "text", ["http_headers: {X-A: {values: [one]}}", "http_headers: {X-A: {files: [F]}}", "authorization: {type: one}"]
)
async def test_a_prepared_request_is_sent_like_any_other_each_time(text: str, tmp_path: Path) -> None:
    (tmp_path / "h").write_text("one")

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return await echo(request) if request.path == "/end" else web.Response(status=302, headers={"Location": "/end"})

    async with serve(handler) as port, client(text.replace("F", f"{tmp_path}/h")) as http:
        get = http.prepare_get(URL(f"http://127.0.0.1:{port}/start"), 10, {"Accept": "text/plain"})
        for _ in range(2):
            seen = orjson.loads((await get.fetch()).body)
            async with await http.get(f"http://127.0.0.1:{port}/end", timeout_seconds=10) as response:
                same = orjson.loads(await response.read())
            assert header(seen, "Accept") == ["text/plain"]
            assert [h for h in seen["headers"] if h[0] != "accept"] == [h for h in same["headers"] if h[0] != "accept"]


async def test_a_prepared_request_reads_credential_files_anew(tmp_path: Path) -> None:
    async with serve(echo) as port, client(f"authorization: {{credentials_file: {tmp_path}/secret}}") as http:
        get = http.prepare_get(URL(f"http://127.0.0.1:{port}/"), 10, {})
        for content in ("one", "two"):
            (tmp_path / "secret").write_text(content)
            assert header(orjson.loads((await get.fetch()).body), "Authorization") == [f"Bearer {content}"]


@pytest.mark.parametrize("hops", [10, 11])
async def test_ten_redirects_are_followed_and_no_more(hops: int) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        number = int(request.path[1:])
        return web.Response(status=302, headers={"Location": f"/{number - 1}"}) if number else await echo(request)

    async with serve(handler) as port, client() as http:
        if hops == 10:
            assert (await fetch(http, f"http://127.0.0.1:{port}/{hops}"))["path"] == "/0"
        else:
            with pytest.raises(HTTPClientError, match="stopped after 10 redirects"):
                await http.get(f"http://127.0.0.1:{port}/{hops}", timeout_seconds=5)


async def test_redirects_are_followed_and_keep_credentials_on_the_same_host() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return await echo(request) if request.path == "/end" else web.Response(status=302, headers={"Location": "/end"})

    async with serve(handler) as port:
        seen = await fetch(client("basic_auth: {username: u, password: p}"), f"http://127.0.0.1:{port}/start")
        assert (seen["path"], header(seen, "Authorization")) == ("/end", ["Basic dTpw"])


async def test_credentials_and_configured_headers_do_not_follow_to_another_host_nor_come_back() -> None:
    requests: list[tuple[str, list[str]]] = []

    async def other(request: web.BaseRequest) -> web.StreamResponse:
        requests.append((request.path, [k for k in request.headers if k in ("Authorization", "X-Key", "Accept")]))
        return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{ports[0]}/end"})

    async def first(request: web.BaseRequest) -> web.StreamResponse:
        requests.append((request.path, [k for k in request.headers if k in ("Authorization", "X-Key", "Accept")]))
        if request.path == "/end":
            return web.Response(text="{}")
        return web.Response(status=307, headers={"Location": f"http://localhost:{ports[1]}/other"})

    ports: list[int] = []
    text = "basic_auth: {username: u, password: p}\nhttp_headers: {X-Key: {secrets: [k]}}"
    async with serve(first) as one, serve(other) as two:
        ports += [one, two]
        await fetch(client(text), f"http://127.0.0.1:{one}/start", headers={"Accept": "x"})
    assert requests == [
        ("/start", ["X-Key", "Authorization", "Accept"]),
        ("/other", ["Accept"]),
        ("/end", ["Accept"]),
    ]


async def test_a_redirect_is_the_answer_when_following_is_off() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=301, headers={"Location": "/x"})

    async with serve(handler) as port, client("follow_redirects: false") as http:
        response = await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=5)
        response.release()
        assert response.status == 301


@pytest.mark.parametrize("location", ["/again", "ftp://x/", "http://[/"])
async def test_redirects_without_end_or_sense_are_errors(location: str) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location})

    async with serve(handler) as port, client() as http:
        with pytest.raises(HTTPClientError, match="redirect"):
            await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=5)


@pytest.mark.parametrize(("status", "method", "body"), [(307, "POST", "data"), (308, "POST", "data"), (302, "GET", "")])
async def test_a_post_keeps_its_body_only_where_the_status_says_so(status: int, method: str, body: str) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/end":
            return await echo(request)
        return web.Response(status=status, headers={"Location": "/end"})

    async with serve(handler) as port, client() as http:
        url = f"http://127.0.0.1:{port}/"
        async with await http.request("POST", url, timeout_seconds=5, body=b"data") as response:
            seen = orjson.loads(await response.read())
    assert (seen["method"], seen["body"]) == (method, body)


async def test_connections_are_kept_alive() -> None:
    peers: set[object] = set()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(text="x")

    async with serve(handler) as port, client() as http:
        for _ in range(3):
            async with await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=5) as response:
                await response.read()
    assert len(peers) == 1


async def test_the_timeout_covers_the_body() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.Event().wait()
        return response

    async with serve(handler) as port, client() as http:
        response = await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=0.2)
        with pytest.raises(TimeoutError) as caught:
            async with response:
                await response.read()
    assert explain(caught.value) == "context deadline exceeded"


async def test_failures_are_put_into_words(unused_tcp_port: int) -> None:
    async with client() as http:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await http.get(f"http://127.0.0.1:{unused_tcp_port}/", timeout_seconds=5)
        assert explain(refused.value) == f"dial 127.0.0.1:{unused_tcp_port}: connection refused"
        with pytest.raises(aiohttp.ClientConnectorError) as unknown:
            await http.get("http://no-such-host.invalid/", timeout_seconds=5)
        assert explain(unknown.value) == "lookup no-such-host.invalid: no such host"


@pytest.mark.parametrize(
    "text",
    ["basic_auth: {username: u, password_ref: x}", "authorization: {credentials_ref: x}", "tls_config: {ca_ref: x}"],
)
def test_secrets_by_reference_are_refused_rather_than_empty(text: str) -> None:
    with pytest.raises(HTTPClientError, match="_ref needs a secret manager"):
        client(text)


async def test_a_request_can_go_through_a_unix_socket(tmp_path: Path) -> None:
    runner = web.ServerRunner(web.Server(echo))
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    try:
        seen = await fetch(client(unix_socket=str(tmp_path / "s")), "http://target:9100/metrics")
        assert header(seen, "Host") == ["target:9100"]
    finally:
        await runner.cleanup()


class TestTLS:
    ca = trustme.CA()

    @classmethod
    def server(cls, *names: str, clients: trustme.CA | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.ca.issue_cert(*names).configure_cert(context)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            clients.configure_trust(context)
        return context

    @classmethod
    def ca_pem(cls) -> str:
        return orjson.dumps(cls.ca.cert_pem.bytes().decode()).decode()

    async def test_a_configured_ca_is_trusted_inline_and_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_bytes(self.ca.cert_pem.bytes())
        async with serve(echo, self.server("127.0.0.1")) as port:
            for text in (f"ca: {self.ca_pem()}", f"ca_file: {tmp_path}/ca.pem"):
                seen = await fetch(client(f"tls_config: {{{text}}}"), f"https://127.0.0.1:{port}/x")
                assert seen["path"] == "/x"

    async def test_an_unknown_ca_is_refused_unless_told_to_skip(self) -> None:
        async with serve(echo, self.server("127.0.0.1")) as port:
            async with client() as http:
                with pytest.raises(aiohttp.ClientConnectorError) as caught:
                    await http.get(f"https://127.0.0.1:{port}/", timeout_seconds=5)
                assert explain(caught.value).startswith("tls: failed to verify certificate: ")
            await fetch(client("tls_config: {insecure_skip_verify: true}"), f"https://127.0.0.1:{port}/")

    async def test_server_name_is_what_the_certificate_must_hold(self) -> None:
        async with serve(echo, self.server("inside.example")) as port:
            good = f"tls_config: {{ca: {self.ca_pem()}, server_name: inside.example}}"
            await fetch(client(good), f"https://127.0.0.1:{port}/")
            async with client(f"tls_config: {{ca: {self.ca_pem()}}}") as http:
                with pytest.raises(aiohttp.ClientConnectorCertificateError) as caught:
                    await http.get(f"https://127.0.0.1:{port}/", timeout_seconds=5)
            assert "IP address mismatch" in explain(caught.value)

    async def test_client_certificates_are_shown_and_followed_when_their_files_change(self, tmp_path: Path) -> None:
        clients = trustme.CA()
        seen: list[str] = []

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            names = request.transport.get_extra_info("peercert")["subjectAltName"]
            seen.append(names[0][1])
            return web.Response(text="{}", headers={"Connection": "close"})

        def issue(name: str) -> None:
            cert = clients.issue_cert(name)
            (tmp_path / "key.pem").write_bytes(cert.private_key_pem.bytes())
            (tmp_path / "cert.pem").write_bytes(b"".join(b.bytes() for b in cert.cert_chain_pems))

        text = f"tls_config: {{ca: {self.ca_pem()}, cert_file: {tmp_path}/cert.pem, key_file: {tmp_path}/key.pem}}"
        async with serve(handler, self.server("127.0.0.1", clients=clients)) as port, client(text) as http:
            for name in ("one.example", "two.example"):
                issue(name)
                async with await http.get(f"https://127.0.0.1:{port}/", timeout_seconds=5) as response:
                    await response.read()
        assert seen == ["one.example", "two.example"]

    async def test_inline_client_certificates_work(self) -> None:
        clients = trustme.CA()
        cert = clients.issue_cert("me.example")
        pem = orjson.dumps(b"".join(b.bytes() for b in cert.cert_chain_pems).decode()).decode()
        key = orjson.dumps(cert.private_key_pem.bytes().decode()).decode()
        text = f"tls_config: {{ca: {self.ca_pem()}, cert: {pem}, key: {key}}}"
        async with serve(echo, self.server("127.0.0.1", clients=clients)) as port:
            await fetch(client(text), f"https://127.0.0.1:{port}/")

    async def test_version_limits_are_kept(self) -> None:
        context = self.server("127.0.0.1")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with serve(echo, context) as port:
            await fetch(
                client(f"tls_config: {{ca: {self.ca_pem()}, max_version: TLS12}}"), f"https://127.0.0.1:{port}/"
            )
            async with client(f"tls_config: {{ca: {self.ca_pem()}, min_version: TLS13}}") as http:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await http.get(f"https://127.0.0.1:{port}/", timeout_seconds=5)

    @pytest.mark.parametrize("content", ["", "not a certificate", None])
    async def test_a_ca_file_that_cannot_be_used_is_named(self, content: str | None, tmp_path: Path) -> None:
        if content is not None:
            (tmp_path / "ca.pem").write_text(content)
        async with client(f"tls_config: {{ca_file: {tmp_path}/ca.pem}}") as http:
            with pytest.raises(HTTPClientError, match=r"unable to use CA certificate .*/ca\.pem"):
                await http.get("https://127.0.0.1:1/", timeout_seconds=5)


class TestOAuth2:
    async def test_a_token_is_fetched_once_and_renewed_before_it_expires(self) -> None:
        asked: list[tuple[str | None, str]] = []

        async def tokens(request: web.BaseRequest) -> web.StreamResponse:
            asked.append((request.headers.get("Authorization"), (await request.read()).decode()))
            answer = {"access_token": f"t{len(asked)}", "token_type": "bearer", "expires_in": 60}
            return web.json_response(answer)

        clock = FakeClock()
        async with serve(tokens) as token_port, serve(echo) as port:
            text = (
                f"oauth2: {{client_id: a b, client_secret: s, token_url: 'http://127.0.0.1:{token_port}/t',"
                " scopes: [x, y], endpoint_params: {audience: z}}"
            )
            async with client(text, clock=clock) as http:
                got = []
                for seconds in (0.0, 49.0, 2.0):
                    await clock.advance(seconds)
                    async with await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=5) as response:
                        got += header(orjson.loads(await response.read()), "Authorization")
        assert got == ["Bearer t1", "Bearer t1", "Bearer t2"]
        assert asked[0] == ("Basic YStiOnM=", "grant_type=client_credentials&audience=z&scope=x+y")

    async def test_a_server_that_wants_the_secret_in_the_form_gets_it_there(self) -> None:
        async def tokens(request: web.BaseRequest) -> web.StreamResponse:
            if request.headers.get("Authorization"):
                return web.json_response({"error": "invalid_client"}, status=401)
            form = (await request.read()).decode()
            return web.json_response({"access_token": "ok"} if "client_secret=s" in form else {})

        async with serve(tokens) as token_port, serve(echo) as port:
            text = f"oauth2: {{client_id: a, client_secret: s, token_url: 'http://127.0.0.1:{token_port}/t'}}"
            seen = await fetch(client(text), f"http://127.0.0.1:{port}/")
        assert header(seen, "Authorization") == ["Bearer ok"]

    async def test_a_refusal_names_server_and_reason_but_no_secret(self) -> None:
        async def tokens(request: web.BaseRequest) -> web.StreamResponse:
            return web.json_response({"error": "invalid_client", "echo": "hunter2"}, status=401)

        async with serve(tokens) as port:
            text = f"oauth2: {{client_id: a, client_secret: hunter2, token_url: 'http://127.0.0.1:{port}/t'}}"
            async with client(text) as http:
                with pytest.raises(HTTPClientError, match=r"answered 401 \(invalid_client\)") as caught:
                    await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=5)
        assert "hunter2" not in str(caught.value)


class TestProxy:
    async def test_plain_http_goes_through_the_proxy_with_its_credentials(self) -> None:
        async with serve(echo) as port:
            text = f"proxy_url: http://u:p@127.0.0.1:{port}\nproxy_connect_header: {{X-Tunnel: [secret]}}"
            seen = await fetch(client(text), "http://target.invalid:9100/metrics")
        assert header(seen, "Host") == ["target.invalid:9100"]
        assert header(seen, "Proxy-Authorization") == ["Basic dTpw"]
        assert header(seen, "X-Tunnel") == []

    async def test_a_proxy_over_tls_is_trusted_by_the_clients_own_certificates(self) -> None:
        async with serve(echo, TestTLS.server("127.0.0.1")) as port:
            text = f"proxy_url: https://127.0.0.1:{port}\ntls_config: {{ca: {TestTLS.ca_pem()}}}"
            seen = await fetch(client(text), "http://target.invalid:9100/metrics")
            assert header(seen, "Host") == ["target.invalid:9100"]
            async with client(f"proxy_url: https://127.0.0.1:{port}") as http:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await http.get("http://target.invalid:9100/metrics", timeout_seconds=5)

    async def test_https_is_tunnelled_and_the_proxy_sees_the_connect_headers(self) -> None:
        heads: list[bytes] = []

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            upstream = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    sink.write(data)
                sink.close()

            await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer), return_exceptions=True)

        async with serve(echo, TestTLS.server("target.example")) as port:
            server = await asyncio.start_server(proxy, "127.0.0.1", 0)
            proxy_port = server.sockets[0].getsockname()[1]
            text = (
                f"proxy_url: http://u:p@127.0.0.1:{proxy_port}\nproxy_connect_header: {{X-Tunnel: [secret]}}\n"
                f"tls_config: {{ca: {TestTLS.ca_pem()}}}"
            )
            seen = await fetch(client(text), "https://target.example:9100/metrics")
            server.close()
            await server.wait_closed()
        assert header(seen, "X-Tunnel") == header(seen, "Proxy-Authorization") == []
        head = heads[0].decode()
        assert head.startswith("CONNECT target.example:9100 HTTP/1.1")
        assert "X-Tunnel: secret" in head
        assert "Proxy-Authorization: Basic dTpw" in head
