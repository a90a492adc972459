"""Go text/template with Prometheus' functions. In: template text and data. Out: expanded text."""
