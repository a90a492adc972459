"""Recording and alerting rules on time."""
