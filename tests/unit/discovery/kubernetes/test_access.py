"""The way to the API server: in-cluster, configured, and through kubeconfig files with their plugins."""

import base64
import json
import sys
from pathlib import Path

import pytest
import yaml

from narthex.config.http_client import Authorization, HTTPClientConfig, ProxyConfig, TLSConfig
from narthex.config.scalars import Secret, Url
from narthex.config.sd.cluster import KubernetesNamespaces
from narthex.discovery.kubernetes.access import access_for
from narthex.discovery.kubernetes.exec_plugin import ExecAccess, ask, parse
from narthex.discovery.kubernetes.kubeconfig import ExecPlugin, read_kubeconfig
from narthex.errors import HTTPClientError
from support.clock import FakeClock
from support.kubernetes_api import FakeKubernetes
from support.kubernetes_discovery import Discovery, section
from support.kubernetes_objects import container, pod

INSIDE = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
async def api():
    async with FakeKubernetes() as fake:
        fake.put("pods", pod("p", container("c"), ip="10.0.0.1"))
        yield fake


@pytest.fixture
def account(tmp_path: Path) -> Path:
    for name, value in (("token", "first\n"), ("namespace", "monitoring")):
        (tmp_path / name).write_text(value)
    return tmp_path


def test_in_a_cluster_the_service_account_is_used(account):
    (account / "ca.crt").write_text("x")
    access = access_for(section("pod"), FakeClock(), environment=INSIDE, service_account=account)
    assert access.server == "https://10.96.0.1:443"
    assert access._client._config == HTTPClientConfig(
        authorization=Authorization(credentials_file=str(account / "token")),
        tls_config=TLSConfig(ca_file=str(account / "ca.crt")),
        proxy_settings=ProxyConfig(proxy_from_environment=True),
    )


def test_the_address_of_the_cluster_may_be_of_the_sixth_version(account):
    environment = {**INSIDE, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    access = access_for(section("pod"), FakeClock(), environment=environment, service_account=account)
    assert access.server == "https://[fd00::1]:443"


def test_the_own_namespace_joins_the_named_ones(account):
    config = section("pod", namespaces=KubernetesNamespaces(own_namespace=True, names=["a"]))
    found = Discovery(
        config,
        access=lambda config, clock: access_for(config, clock, environment=INSIDE, service_account=account),
    )
    assert [reflector.path for reflector in found.provider._reflectors] == [
        "/api/v1/namespaces/a/pods",
        "/api/v1/namespaces/monitoring/pods",
    ]


@pytest.mark.parametrize("missing", ["environment", "token", "namespace"])
def test_outside_a_cluster_discovery_cannot_start_and_says_why(account, missing):
    config = section("pod", namespaces=KubernetesNamespaces(own_namespace=True))
    if missing != "environment":
        (account / missing).unlink()
    with pytest.raises(HTTPClientError, match={"environment": "not in a cluster"}.get(missing, missing)):
        access_for(
            config,
            FakeClock(),
            environment={} if missing == "environment" else INSIDE,
            service_account=account,
        )


async def test_a_token_that_is_changed_in_its_file_is_used_by_the_next_request(api, tmp_path):
    token = tmp_path / "token"
    token.write_text("first")
    api.token = "first"
    config = section(
        "pod", api.url, http_client=HTTPClientConfig(authorization=Authorization(credentials_file=str(token)))
    )
    async with Discovery(config) as found:
        await found.until(lambda: found.groups and api.watches)
        api.token = "second"
        api.end_watches()
        await found.until(lambda: found.metrics.requests.labels("401").read() >= 1)
        assert found.groups
        token.write_text("second")
        api.put("pods", pod("q", container("c"), ip="10.0.0.2"))
        await found.until(lambda: len(found.groups) == 2)


async def test_a_server_behind_a_path_is_asked_below_it(api):
    async with Discovery(section("pod", api.url + "/k8s/clusters/one/")) as found:
        await found.until(lambda: found.groups)
        assert api.requests[0][0] == "/k8s/clusters/one/api/v1/pods"


def kubeconfig(folder: Path, server: str, user: dict, cluster: dict | None = None) -> Path:
    path = folder / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "here",
                "contexts": [
                    {"name": "there", "context": {"cluster": "other", "user": "nobody"}},
                    {"name": "here", "context": {"cluster": "main", "user": "me"}},
                ],
                "clusters": [
                    {"name": "other", "cluster": {"server": "http://nowhere"}},
                    {"name": "main", "cluster": {"server": server, **(cluster or {})}},
                ],
                "users": [{"name": "me", "user": user}],
                "preferences": {},
            }
        )
    )
    return path


def test_the_current_context_of_a_kubeconfig_decides(tmp_path):
    b64 = base64.b64encode(b"PEM").decode()
    cluster = {"certificate-authority-data": b64, "tls-server-name": "k", "proxy-url": "http://proxy:1"}
    user = {"client-certificate": "me.crt", "client-key-data": b64, "token": "t", "as": "root", "as-groups": ["a", "b"]}
    found = read_kubeconfig(kubeconfig(tmp_path, "https://k:6443", user, cluster))
    assert found.server == "https://k:6443"
    client = found.client
    assert client.tls_config == TLSConfig(
        ca="PEM", cert_file=str(tmp_path / "me.crt"), key=Secret("PEM"), server_name="k"
    )
    assert client.authorization == Authorization(credentials=Secret("t"))
    assert client.proxy_settings == ProxyConfig(proxy_url=Url("http://proxy:1"))
    assert {name: header.values for name, header in client.http_headers.items()} == {
        "Impersonate-User": ["root"],
        "Impersonate-Group": ["a", "b"],
    }


def test_a_tokens_file_wins_over_a_token_and_a_password_is_basic_auth(tmp_path):
    user = {"token": "t", "tokenFile": "token"}
    client = read_kubeconfig(kubeconfig(tmp_path, "https://k", user)).client
    assert client.authorization == Authorization(credentials_file=str(tmp_path / "token"))
    client = read_kubeconfig(kubeconfig(tmp_path, "https://k", {"username": "u", "password": "p"})).client
    assert client.basic_auth is not None
    assert client.basic_auth.username == "u"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not YAML"),
        ("[]", "current-context is missing"),
        ("current-context: x", 'contexts has no "x"'),
        ("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]", 'clusters has no "c"'),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
            "server is missing",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_refused_with_the_reason(tmp_path, text, message):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(HTTPClientError, match=message):
        read_kubeconfig(path)


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"auth-provider": {"name": "gcp"}}, "auth-provider"),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}, "command is missing"),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}}, "v1alpha1"),
        (
            {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "x", "interactiveMode": "Always"}},
            "terminal",
        ),
        ({"client-key-data": "%"}, "not base64"),
    ],
)
def test_a_user_that_cannot_be_used_is_refused_with_the_reason(tmp_path, user, message):
    with pytest.raises(HTTPClientError, match=message):
        read_kubeconfig(kubeconfig(tmp_path, "https://k", user))


VERSION = "client.authentication.k8s.io/v1"


def plugin(folder: Path, body: str) -> dict:
    """A plugin that runs Python; `turn` counts its runs, `info` is what it is told."""
    script = folder / "plugin"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib, sys\n"
        f"count = pathlib.Path({str(folder / 'count')!r})\n"
        "turn = int(count.read_text()) + 1 if count.exists() else 1\n"
        "count.write_text(str(turn))\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        f"answer = {{'kind': 'ExecCredential', 'apiVersion': {VERSION!r}}}\n"
        "def say(**status): print(json.dumps({**answer, 'status': status}))\n"
        f"{body}\n"
    )
    script.chmod(0o755)
    return {"apiVersion": VERSION, "command": "./plugin", "args": ["x"], "env": [{"name": "WHO", "value": "me"}]}


def runs(folder: Path) -> int:
    return int((folder / "count").read_text())


async def test_a_plugins_token_is_kept_until_it_runs_out(api, tmp_path):
    described = plugin(
        tmp_path,
        "assert sys.argv[1:] == ['x'] and os.environ['WHO'] == 'me' and info['spec']['interactive'] is False\n"
        "assert info['spec']['cluster']['server'].startswith('http://')\n"
        "say(token=f'token-{turn}', expirationTimestamp='2023-11-14T22:14:20Z' if turn == 1 else None)",
    )
    described["provideClusterInfo"] = True
    path = kubeconfig(tmp_path, api.url, {"exec": described})
    api.token = "token-1"
    async with Discovery(section("pod", kubeconfig_file=str(path))) as found:
        await found.until(lambda: found.groups and api.watches)
        assert runs(tmp_path) == 1
        api.token = "token-2"
        await found.clock.advance(120)  # past the moment at which the first token runs out
        api.end_watches()
        await found.until(lambda: api.asked("watch=true") == 2 and api.watches)
        assert runs(tmp_path) == 2
        assert found.metrics.failures.value == 0


async def test_a_plugin_is_asked_again_when_the_server_refuses_its_token(api, tmp_path):
    path = kubeconfig(tmp_path, api.url, {"exec": plugin(tmp_path, "say(token=f'token-{turn}')")})
    api.token = "token-2"
    async with Discovery(section("pod", kubeconfig_file=str(path))) as found:
        await found.until(lambda: found.groups)
        assert runs(tmp_path) == 2
        assert found.metrics.failures.value == 1


def make(command: str, *arguments: str) -> ExecPlugin:
    return ExecPlugin(VERSION, command, arguments, {}, None, "Install it from example.com")


async def test_a_plugins_certificate_is_used_for_connections(tmp_path):
    clock = FakeClock()
    status = json.dumps(
        {
            "kind": "ExecCredential",
            "apiVersion": VERSION,
            "status": {"clientCertificateData": "C", "clientKeyData": "K"},
        }
    )
    access = ExecAccess("https://k", HTTPClientConfig(), make("echo", status), clock, {"PATH": "/bin:/usr/bin"})
    client, headers = await access.client()
    assert headers == {}
    assert client._config.tls_config == TLSConfig(cert="C", key=Secret("K"))
    assert (await access.client())[0] is client
    await access.close()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("/nowhere/plugin",), "no such file or directory.*Install it"),
        (("false",), "ended with status 1"),
        (("echo", "no"), "does not print JSON"),
        (("yes",), "prints too much"),
    ],
)
async def test_a_plugin_that_fails_is_a_failure_with_words(command, message):
    with pytest.raises(HTTPClientError, match=f"(?i){message}"):
        await ask(make(*command), {"PATH": "/bin:/usr/bin"})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"kind": "Other"}, "does not print an ExecCredential"),
        ({"status": {}}, "no credentials"),
        ({"status": {"clientCertificateData": "C"}}, "without the other"),
        ({"status": {"token": "t", "expirationTimestamp": "soon"}}, "wrong expirationTimestamp"),
    ],
)
def test_an_answer_of_a_plugin_that_makes_no_sense_is_refused(answer, message):
    output = json.dumps({"kind": "ExecCredential", "apiVersion": VERSION, **answer}).encode()
    with pytest.raises(HTTPClientError, match=message):
        parse(output, make("x"))


async def test_reflectors_that_start_together_run_a_plugin_once(api, tmp_path):
    path = kubeconfig(tmp_path, api.url, {"exec": plugin(tmp_path, "say(token='t')")})
    async with Discovery(section("endpoints", kubeconfig_file=str(path))) as found:
        await found.until(lambda: len(api.watches) == 3)
        assert runs(tmp_path) == 1
