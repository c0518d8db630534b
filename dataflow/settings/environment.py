"""Where the settings come from."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import EnvSettingsSource

from dataflow.jobs.errors import ConfigurationError


class Environment(EnvSettingsSource):
    """The environment, where ``X_FILE`` stands for ``X`` with the file's content."""

    def _load_env_vars(self) -> dict[str, str | None]:
        found = dict(super()._load_env_vars())
        suffix = "_FILE" if self.case_sensitive else "_file"
        prefix = self.env_prefix if self.case_sensitive else self.env_prefix.lower()
        for name in [n for n in found if n.startswith(prefix) and n.endswith(suffix)]:
            path = found.pop(name)
            if name.removesuffix(suffix) in found:
                raise ConfigurationError(
                    f"{name.upper()} and {name.upper().removesuffix('_FILE')} are both set"
                )
            try:
                found[name.removesuffix(suffix)] = Path(path or "").read_text().rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is not text"
                raise ConfigurationError(
                    f"{name.upper()} names a file that cannot be read: {why}"
                ) from None
        return found
