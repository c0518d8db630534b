"""Whether a job is still on its stream: somebody may settle one by hand that a worker holds."""

from __future__ import annotations

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from dataflow.jobs.delivery import Delivery
from dataflow.settings import NatsSettings

_NO_MESSAGE = 10037


async def is_there(js: JetStreamContext, settings: NatsSettings, delivery: Delivery) -> bool:
    """Whether it is; also where the server does not say, or does not let us ask."""
    try:
        await js.get_msg(settings.stream, delivery.stream_seq)
    except NotFoundError as error:
        return error.err_code != _NO_MESSAGE
    except (NatsError, TimeoutError):
        return True
    return True
