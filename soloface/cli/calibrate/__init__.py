"""`soloface calibrate`: what a pack's distances mean among people whose names are known."""

from soloface.cli.calibrate.command import calibrate

__all__ = ["calibrate"]
