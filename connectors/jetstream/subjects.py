"""NATS subjects and their wildcards."""

from __future__ import annotations


def covers(pattern: str, subject: str) -> bool:
    """Whether a subject with wildcards takes in a plain one."""
    want, have = pattern.split("."), subject.split(".")
    for index, part in enumerate(want):
        if part == ">":
            return len(have) > index
        if index >= len(have) or part not in {"*", have[index]}:
            return False
    return len(want) == len(have)
