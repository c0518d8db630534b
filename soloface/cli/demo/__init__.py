"""`soloface demo`: the whole worker on real servers, from nothing, in one command."""

from soloface.cli.demo.command import demo

__all__ = ["demo"]
