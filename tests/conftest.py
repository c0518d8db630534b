"""Loads the fixture plugins."""

pytest_plugins = [
    "tests.fixtures.servers",
    "tests.fixtures.certificates",
    "tests.fixtures.configured_nats",
    "tests.fixtures.crowds",
    "tests.fixtures.environment",
    "tests.fixtures.hosts",
    "tests.fixtures.packs",
    "tests.fixtures.recording",
    "tests.fixtures.worker",
    "tests.fixtures.letters",
    "tests.fixtures.prometheus",
]
