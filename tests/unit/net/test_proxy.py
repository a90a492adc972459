from __future__ import annotations

import pytest
from yarl import URL

from narthex.config.http_client import ProxyConfig
from narthex.config.scalars import Secret, Url
from narthex.errors import HTTPClientError
from narthex.net.proxy import ProxyChoice

PROXY = "http://proxy:3128"


def choice(no_proxy: str = "") -> ProxyChoice:
    return ProxyChoice(ProxyConfig(proxy_url=Url(PROXY), no_proxy=no_proxy), {})


@pytest.mark.parametrize(
    ("rule", "url", "direct"),
    [
        ("example.com", "http://example.com/", True),
        ("example.com", "http://a.example.com/", True),
        ("example.com", "http://badexample.com/", False),
        (".example.com", "http://example.com/", False),
        (".example.com", "http://a.example.com/", True),
        ("*.example.com", "http://a.example.com/", True),
        ("*.example.com", "http://example.com/", False),
        ("example.com:8080", "http://example.com:8080/", True),
        ("example.com:8080", "http://example.com/", False),
        ("example.com:443", "https://example.com/", True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.1.2.3", "http://10.1.2.3:9100/", True),
        ("10.1.2.3:80", "http://10.1.2.3:9100/", False),
        ("[::1:2]:80", "http://[::1:2]/", True),
        ("fd00::/8", "http://[fd00::1]:9100/", True),
        ("*", "http://anything/", True),
        ("A.com, b.com", "http://B.com/", True),
        ("x.com", "http://localhost/", True),
        ("x.com", "http://127.0.0.1/", True),
        ("x.com", "http://other/", False),
    ],
)
def test_no_proxy_rules(rule: str, url: str, direct: bool) -> None:
    assert (choice(rule).of(URL(url)) is None) is direct


def test_a_bare_proxy_url_holds_for_this_machine_too() -> None:
    assert choice().of(URL("http://localhost:9090/")) == URL(PROXY)


def test_the_environment_chooses_by_scheme_and_excepts_this_machine() -> None:
    environment = {"HTTP_PROXY": "http://one:1", "https_proxy": "two:2", "no_proxy": "skip.me"}
    proxies = ProxyChoice(ProxyConfig(proxy_from_environment=True), environment)
    assert proxies.of(URL("http://a/")) == URL("http://one:1")
    assert proxies.of(URL("https://a/")) == URL("http://two:2")
    assert proxies.of(URL("https://skip.me/")) is None
    assert proxies.of(URL("http://127.0.0.1/")) is None


def test_inside_cgi_the_http_proxy_variable_is_not_trusted() -> None:
    environment = {"HTTP_PROXY": "http://one:1", "REQUEST_METHOD": "GET"}
    assert ProxyChoice(ProxyConfig(proxy_from_environment=True), environment).of(URL("http://a/")) is None


def test_credentials_of_the_proxy_become_a_header() -> None:
    config = ProxyConfig(proxy_url=Url("http://u:p@proxy:1"), proxy_connect_header={"X-A": [Secret("b")]})
    proxies = ProxyChoice(config, {})
    proxy = proxies.of(URL("https://a/"))
    assert proxy is not None
    assert proxies.connect_headers == [("X-A", "b")]
    assert proxies.authorization(proxy) == [("Proxy-Authorization", "Basic dTpw")]


def test_proxies_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(HTTPClientError, match="scheme socks5"):
        ProxyChoice(ProxyConfig(proxy_url=Url("socks5://p:1")), {})
