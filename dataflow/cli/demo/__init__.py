"""`soloface demo`: the whole worker on real servers, from nothing, in one command."""

from dataflow.cli.demo.command import demo

__all__ = ["demo"]
