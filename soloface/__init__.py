"""The program: the commands, and the worker put together."""
