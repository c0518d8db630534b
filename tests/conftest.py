"""Loads the fixture plugins."""

import signal

# A shell's background job ignores SIGINT, and so would every program that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.fixtures.environment",
    "tests.fixtures.servers",
    "tests.fixtures.certificates",
    "tests.fixtures.configured_nats",
    "tests.fixtures.crowds",
    "tests.fixtures.hosts",
    "tests.fixtures.packs",
    "tests.fixtures.recording",
    "tests.fixtures.rematching",
    "tests.fixtures.memories",
    "tests.fixtures.worker",
    "tests.fixtures.refusals",
    "tests.fixtures.open_stores",
    "tests.fixtures.examined",
    "tests.fixtures.letters",
    "tests.fixtures.prometheus",
    "tests.fixtures.pgbouncer",
    "tests.fixtures.platforms",
    "tests.fixtures.past",
    "tests.fixtures.web",
    "tests.fixtures.browser",
    "tests.fixtures.benchmarks",
]
