from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from aiohttp import web

from narthex.config.sd.cluster import PuppetDBSDConfig
from narthex.config.strict import load
from narthex.discovery.puppetdb import PuppetDBProvider, parameter_labels
from unit.discovery.api import FakeApi, Life, fake_api, live

LABELS = {
    "__address__": "edinburgh.example.com:9100",
    "__meta_puppetdb_query": "vhosts",
    "__meta_puppetdb_certname": "edinburgh.example.com",
    "__meta_puppetdb_environment": "prod",
    "__meta_puppetdb_exported": "false",
    "__meta_puppetdb_file": "/etc/puppetlabs/code/environments/prod/modules/upstream/apache/manifests/init.pp",
    "__meta_puppetdb_resource": "49af83866dc5a1518968b68e58a25319107afe11",
    "__meta_puppetdb_tags": (
        ",roles::hypervisor,apache,apache::vhost,class,default-ssl,profile_hypervisor,vhost,profile_apache,hypervisor,"
        "__node_regexp__edinburgh,roles,node,"
    ),
    "__meta_puppetdb_title": "default-ssl",
    "__meta_puppetdb_type": "Apache::Vhost",
}
PARAMETERS = {
    "__meta_puppetdb_parameter_access_log": "true",
    "__meta_puppetdb_parameter_access_log_file": "ssl_access_log",
    "__meta_puppetdb_parameter_buckets": "0,2,5",
    "__meta_puppetdb_parameter_coordinates": "60.13464726551357,-2.0513768021728893",
    "__meta_puppetdb_parameter_docroot": "/var/www/html",
    "__meta_puppetdb_parameter_ensure": "absent",
    "__meta_puppetdb_parameter_labels_alias": "edinburgh",
    "__meta_puppetdb_parameter_options": "Indexes,FollowSymLinks,MultiViews",
    "__meta_puppetdb_parameter_pi": "3.141592653589793",
    "__meta_puppetdb_parameter_port": "22",
}


def config(api: FakeApi, more: str = "") -> PuppetDBSDConfig:
    return load(PuppetDBSDConfig, f"{{url: '{api.url}/base/', query: vhosts, port: 9100{more}}}", "f.yml")


@pytest.mark.parametrize(("more", "parameters"), [("", {}), (", include_parameters: true", PARAMETERS)])
async def test_resources_live_with_parameters_only_when_asked_for(
    conformance: Path, more: str, parameters: dict[str, str]
) -> None:
    body = (conformance / "discovery" / "puppetdb" / "fixtures" / "vhosts.json").read_bytes()
    async with fake_api() as api:
        api.routes = {"/base/pdb/query/v4": body}
        section = config(api, more)
        await live(
            lambda metrics, clock: PuppetDBProvider(section, "job", metrics, clock),
            api,
            lambda: api.routes.update({"/base/pdb/query/v4": []}),
            [LABELS | parameters],
            [],
        )
        request, asked = api.requests[0]
        assert (request.method, orjson.loads(asked)) == ("POST", {"query": "vhosts"})


async def test_an_answer_that_is_not_json_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="[]", content_type="text/html")

    async with fake_api() as api:
        api.routes = {"/base/pdb/query/v4": page}
        section = config(api)
        async with Life(lambda metrics, clock: PuppetDBProvider(section, "job", metrics, clock)) as life:
            assert life.failures == 1
    assert 'content type "text/html"' in caplog.text


def test_parameters_are_written_as_peers_write_them() -> None:
    assert parameter_labels({"big": 10**6, "none": None, "empty": "", "list": [], "a-b": {"c d": {"e": False}}}) == {
        "big": "1e+06",
        "a_b_c_d_e": "false",
    }
    assert parameter_labels({"mixed": ["x", {"y": 1}, None, True, 1.5]}) == {"mixed": "x,,,true,1.5"}
