"""Small servers for development, together in one process: schema registry, receiver of telemetry, issuer of tokens."""
