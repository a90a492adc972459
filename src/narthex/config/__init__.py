"""Configuration files, read strictly. In: YAML. Out: typed models, or a ConfigError that names file, line and key."""
