from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from narthex.config.cloud_auth import SigV4Config
from narthex.config.http_client import HTTPClientConfig
from narthex.config.strict import load
from narthex.errors import HTTPClientError
from narthex.net import HTTPClient
from narthex.net.aws_credentials import AwsCredentials
from narthex.net.aws_keys import AwsKeys
from narthex.net.aws_signer import SigV4Signer
from narthex.net.aws_sts import sts_endpoint
from support.clock import FakeClock
from unit.net.servers import serve

STS_ANSWER = """<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
<Expiration>2023-11-14T23:13:20Z</Expiration></Credentials></{action}Result></{action}Response>"""


class FakeAws:
    """STS, instance metadata and a container's credentials on one port; `calls` are what was asked."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.status = 200

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = (await request.read()).decode()
        authorization = request.headers.get("Authorization", "")
        self.calls.append({"path": request.path, "authorization": authorization, **dict(parse_qsl(body))})
        if self.status != 200:
            return web.Response(status=self.status, text="<ErrorResponse><Code>AccessDenied</Code></ErrorResponse>")
        match request.path:
            case "/":
                action = self.calls[-1]["Action"]
                return web.Response(text=STS_ANSWER.format(action=action, key=f"ROLE{len(self.calls)}"))
            case "/latest/api/token" if request.method == "PUT":
                return web.Response(text="session")
            case "/container" if authorization == "tok":
                return web.json_response({"AccessKeyId": "C", "SecretAccessKey": "cs", "Token": "ct"})
        if request.headers.get("X-aws-ec2-metadata-token") != "session":
            return web.Response(status=401)
        roles = "/latest/meta-data/iam/security-credentials/"
        if request.path == roles:
            return web.Response(text="my-role\n")
        if request.path == roles + "my-role":
            return web.json_response({"AccessKeyId": "I", "SecretAccessKey": "is", "Token": "it"})
        return web.Response(text="eu-central-1")


async def keys(text: str, environment: dict[str, str]) -> AwsKeys:
    credentials = AwsCredentials(
        load(SigV4Config, text, "f.yml"), FakeClock(), environment={"HOME": "/no", **environment}
    )
    try:
        return await credentials.keys()
    finally:
        await credentials.close()


async def test_keys_of_the_configuration_win_over_those_of_the_environment() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "es", "AWS_SESSION_TOKEN": "et"}
    assert await keys("{access_key: A, secret_key: s}", environment) == AwsKeys("A", "s")
    assert await keys("{region: x}", environment) == AwsKeys("E", "es", "et")


async def test_profiles_give_keys_roles_and_processes(tmp_path: Path) -> None:
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    credentials.write_text("[default]\naws_access_key_id = D\naws_secret_access_key = ds%x\n[p]\naws_access_key_id=P\n"
                           "aws_secret_access_key=ps\naws_session_token=pt\n")  # fmt: skip
    config.write_text(
        "[default]\nregion = eu-west-3\n[profile proc]\n"
        """credential_process = echo '{"AccessKeyId": "X", "SecretAccessKey": "xs", "SessionToken": "xt"}'\n"""
        "[profile fails]\ncredential_process = exit 3\n[profile a]\nrole_arn = arn:r\nsource_profile = b\n"
        "[profile b]\nrole_arn = arn:r\nsource_profile = a\n[profile r]\nrole_arn = arn:of-r\nsource_profile = p\n"
        "external_id = e\n"
    )
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_CONFIG_FILE": str(config), "PATH": "/bin"}
    assert await keys("{region: x}", files) == AwsKeys("D", "ds%x")
    assert await keys("{profile: p}", files) == AwsKeys("P", "ps", "pt")
    assert await keys("{profile: proc}", files) == AwsKeys("X", "xs", "xt")
    for profile, words in (("none", "no AWS profile"), ("fails", "ended with 3"), ("a", "more than 10")):
        with pytest.raises(HTTPClientError, match=words):
            await keys(f"{{profile: {profile}}}", files)
    fake = FakeAws()
    async with serve(fake.handle) as port:
        assert (
            await keys(
                "{profile: r, region: eu-west-3}", {**files, "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{port}/"}
            )
        ).access_key
    assert fake.calls[0]["RoleArn"] == "arn:of-r"
    assert fake.calls[0]["ExternalId"] == "e"
    assert "Credential=P/20231114/eu-west-3/sts/aws4_request" in fake.calls[0]["authorization"]


async def test_a_role_is_taken_on_with_the_keys_that_were_found_and_taken_on_again_before_it_ends() -> None:
    fake, clock = FakeAws(), FakeClock()  # the fake's keys end an hour after the clock's start
    config = load(
        SigV4Config, "{region: eu-west-1, access_key: A, secret_key: s, role_arn: 'arn:x', external_id: ext}", "f"
    )
    async with serve(fake.handle) as port:
        credentials = AwsCredentials(config, clock, environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
        first = await credentials.keys()
        await clock.advance(3000)
        assert await credentials.keys() is first
        await clock.advance(301)
        assert (await credentials.keys()).access_key == "ROLE2"
        await credentials.close()
    assert first == AwsKeys("ROLE1", "role-secret", "role-token", 1_700_003_600.0)
    call = fake.calls[0]
    assert (call["Action"], call["RoleArn"], call["ExternalId"]) == ("AssumeRole", "arn:x", "ext")
    assert "Credential=A/20231114/eu-west-1/sts/aws4_request" in call["authorization"]


async def test_a_web_identity_is_exchanged_without_a_signature(tmp_path: Path) -> None:
    token, fake = tmp_path / "token", FakeAws()
    token.write_text("jwt\n")
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": "arn:w", "AWS_ROLE_SESSION_NAME": "me"}
    async with serve(fake.handle) as port:
        found = await keys("{region: r}", environment | {"AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{port}"})
    assert found.access_key == "ROLE1"
    call = fake.calls[0]
    assert (call["WebIdentityToken"], call["RoleArn"], call["RoleSessionName"]) == ("jwt", "arn:w", "me")
    assert call["authorization"] == ""


async def test_the_instance_and_the_container_give_keys_and_the_instance_its_region() -> None:
    fake = FakeAws()
    async with serve(fake.handle) as port:
        base = f"http://127.0.0.1:{port}"
        instance = {"HOME": "/no", "AWS_EC2_METADATA_SERVICE_ENDPOINT": base}
        assert await keys("{region: r}", instance) == AwsKeys("I", "is", "it")
        credentials = AwsCredentials(SigV4Config(), FakeClock(), environment=instance)
        assert await credentials.region() == "eu-central-1"
        await credentials.close()
        container = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{base}/container",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "tok",
        }
        assert await keys("{region: r}", container) == AwsKeys("C", "cs", "ct")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AWS_EC2_METADATA_DISABLED": "true"}, "is disabled"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.org/keys"}, "neither https nor a local address"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, "connection refused"),
    ],
)
async def test_what_gives_no_keys_is_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(HTTPClientError, match=words):
        await keys("{region: r}", environment)


async def test_a_refusal_of_sts_is_told_with_its_code_and_without_secrets() -> None:
    fake = FakeAws()
    fake.status = 403
    async with serve(fake.handle) as port:
        with pytest.raises(HTTPClientError) as e:
            await keys(
                "{region: r, access_key: A, secret_key: hidden, role_arn: x}",
                {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
            )
    assert str(e.value) == "AWS STS answered 403 to AssumeRole AccessDenied"


def test_sts_is_asked_in_the_region_and_in_its_fips_form_if_wanted() -> None:
    assert sts_endpoint("us-east-1", fips=False) == "https://sts.us-east-1.amazonaws.com/"
    assert sts_endpoint("us-east-1", fips=True) == "https://sts-fips.us-east-1.amazonaws.com/"
    assert sts_endpoint("cn-north-1", fips=False) == "https://sts.cn-north-1.amazonaws.com.cn/"


async def test_a_client_signs_what_goes_to_the_site_it_was_asked_for_and_nothing_else() -> None:
    seen: dict[str, list[str]] = {}

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.setdefault(request.path, []).append(request.headers.get("Authorization", ""))
        if request.path == "/same":
            raise web.HTTPTemporaryRedirect("/next")
        if request.path == "/next":
            raise web.HTTPTemporaryRedirect(f"http://localhost:{port}/other")
        return web.Response()

    config = load(SigV4Config, "{region: eu-west-1, access_key: A, secret_key: s}", "f")
    async with serve(handler) as port:
        signer = SigV4Signer(config, FakeClock(), environment={})
        async with HTTPClient(HTTPClientConfig(), signer=signer) as client:
            url = f"http://127.0.0.1:{port}/same"
            async with await client.request("POST", url, timeout_seconds=10, body=b"x") as response:
                assert response.status == 200
    (first,), (second,) = seen["/same"], seen["/next"]
    assert first.startswith("AWS4-HMAC-SHA256 Credential=A/20231114/eu-west-1/aps/aws4_request")
    assert second.startswith("AWS4-HMAC-SHA256") and second != first
    assert seen["/other"] == [""]
