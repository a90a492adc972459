"""Templates in labels and annotations of alerting rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from narthex.errors import PromQLError, QueryError, StorageError, TemplateError
from narthex.rules.contract import Evaluate
from narthex.template import Struct, TemplateSet
from narthex.template.functions import QuerySample, prometheus_functions

VARIABLES = ("$labels", "$externalLabels", "$externalURL", "$value")


@dataclass(frozen=True)
class AlertData(Struct):
    """What `.` is in a template of an alert."""

    labels: Mapping[str, str]
    external_labels: Mapping[str, str]
    external_url: str
    value: float
    go_type: ClassVar[str] = (
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }"
    )
    go_fields: ClassVar[Mapping[str, str]] = {
        "Labels": "labels",
        "ExternalLabels": "external_labels",
        "ExternalURL": "external_url",
        "Value": "value",
    }

    def variables(self) -> dict[str, object]:
        values = (self.labels, self.external_labels, self.external_url, self.value)
        return dict(zip(VARIABLES, values, strict=True))


class Expander:
    """Expands the templates of one evaluation. Each distinct text is parsed once."""

    def __init__(self, name: str, evaluate: Evaluate, time_ms: int, external_url: str) -> None:
        self._name = f"__alert_{name}"
        self._evaluate, self._time_ms = evaluate, time_ms
        self._base = TemplateSet(prometheus_functions(self._query, time_ms / 1000, external_url))
        self._parsed: dict[str, TemplateSet] = {}

    def _query(self, text: str) -> Sequence[QuerySample]:
        try:
            return [QuerySample(dict(s.labels), s.value) for s in self._evaluate(text, self._time_ms)]
        except (PromQLError, QueryError, StorageError) as e:
            raise TemplateError(str(e)) from None

    def expand(self, text: str, data: AlertData) -> str:
        """The expanded text; a failure becomes the text, so that the alert still goes out."""
        if "{{" not in text:
            return text
        try:
            templates = self._parsed.get(text)
            if templates is None:
                templates = self._base.clone()
                templates.parse(self._name, text, VARIABLES)
                self._parsed[text] = templates
            return templates.execute(self._name, data, data.variables())
        except TemplateError as e:
            return f"<error expanding template: error executing template {self._name}: {e}>"


def check_template(name: str, text: str) -> None:
    """Raises TemplateError when a template does not parse.

    It is not executed: what it does with empty data says little about what it does with an alert, and a file that
    Prometheus loads must load here.
    """
    functions = prometheus_functions(lambda _query: [], 0.0, "")
    TemplateSet(functions).parse(f"__alert_{name}", text, VARIABLES)
