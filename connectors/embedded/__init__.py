"""Real servers from wheels, as child processes: NATS, PostgreSQL with pgvector, an S3 store.

They are for development, the demo and the tests. Each listens on 127.0.0.1 only, asks for a
password, and ends when the process that started it ends, however that happens.
"""

from connectors.embedded.nats_server import NatsServer
from connectors.embedded.object_server import ObjectServer
from connectors.embedded.postgres_server import PostgresServer
from connectors.embedded.server import Server
from connectors.embedded.stack import Servers

__all__ = ["NatsServer", "ObjectServer", "PostgresServer", "Server", "Servers"]
