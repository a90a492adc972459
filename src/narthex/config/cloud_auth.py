"""Authentication schemes of cloud vendors, beside the HTTP client's own."""

from __future__ import annotations

from pydantic import model_validator

from narthex.config.scalars import Bool, Secret, Text
from narthex.config.strict import Section, wrong


class SigV4Config(Section):
    region: Text = ""
    access_key: Text = ""
    secret_key: Secret = Secret("")
    profile: Text = ""
    role_arn: Text = ""
    external_id: Text = ""
    use_fips_sts_endpoint: Bool = False
    service_name: Text = ""

    @model_validator(mode="after")
    def _check(self) -> SigV4Config:
        if bool(self.access_key) != bool(self.secret_key):
            raise wrong("access_key and secret_key must be set together", "access_key")
        return self
