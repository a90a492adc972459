"""Host, GPU, container and blackbox exporters."""
