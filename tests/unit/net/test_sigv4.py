from __future__ import annotations

import pytest
from yarl import URL

from narthex.net.aws_keys import AwsKeys
from narthex.net.sigv4 import Scope, sign

# Keys, time and signatures are those of the test suite that AWS publishes for Signature Version 4.
KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOW = 1440938160.0  # 2015-08-30 12:36:00 UTC
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "signature"),
    [
        ("GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            {},
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "POST",
            "/",
            FORM,
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
    ids=["get-vanilla", "post-vanilla", "get-vanilla-query-order-key-case", "post-x-www-form-urlencoded"],
)
def test_signatures_are_those_of_the_published_vectors(
    method: str, url: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    at = URL(f"https://example.amazonaws.com{url}", encoded=True)
    added = sign(method, at, headers, body, KEYS, Scope("us-east-1", "service"), NOW)
    names = "content-type;host;x-amz-date" if headers else "host;x-amz-date"
    assert added == {
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}",
    }


def test_the_example_of_the_user_guide_with_its_query_and_content_type() -> None:
    added = sign(
        "GET",
        URL("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"),
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": "not signed"},
        b"",
        KEYS,
        Scope("us-east-1", "iam"),
        NOW,
    )
    assert added["Authorization"].endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_a_session_token_goes_along_and_is_signed() -> None:
    keys = AwsKeys("AKIDEXAMPLE", "secret", "the token")
    added = sign("GET", URL("https://example.org/"), {}, b"", keys, Scope("r", "s"), NOW)
    assert added["X-Amz-Security-Token"] == "the token"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in added["Authorization"]
    assert "secret" not in repr(keys) and "the token" not in repr(keys)


def test_ports_paths_and_queries_are_signed_as_they_are_sent() -> None:
    def of(url: str) -> str:
        return sign("GET", URL(url, encoded=True), {}, b"", KEYS, Scope("r", "s"), NOW)["Authorization"]

    assert of("https://a/x") == of("https://a:443/x") != of("https://a:8443/x")
    assert of("https://a/b%20c") != of("https://a/b+c")
    assert of("https://a/?b=c%20d") == of("https://a/?b=c+d")
