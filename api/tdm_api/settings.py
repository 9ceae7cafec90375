"""The settings of the service: `TDM_*` environment variables, checked before anything else happens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

PREFIX = "TDM_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HASH = re.compile(r"[0-9a-f]{64}")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_NEEDS_KEYS = (
    "TDM_HOST (--host) is not this machine's own address; to serve others, make an API key with `tdm api-key` and set "
    "TDM_API_KEY_HASHES."
)


class SettingsError(ValueError):
    """Raised for a setting that is unknown or cannot be used; its text is one sentence and repeats no value."""


def _parts(value: Any) -> Any:
    """A comma-separated text as its parts."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _all_like(pattern: re.Pattern[str]) -> BeforeValidator:
    def read(value: Any) -> Any:
        parts = _parts(value)
        if not all(isinstance(part, str) and pattern.fullmatch(part) for part in parts):
            raise PydanticCustomError("pattern", "not accepted")
        return parts

    return BeforeValidator(read)


class Settings(BaseModel):
    """Where the service listens, who may use it, and how much it does at once; the defaults need no set-up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1)] = Field(
        default="127.0.0.1",
        description="the address to listen on; any but this machine's own needs API keys",
        json_schema_extra={"accepted": "an address or a host name"},
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8000,
        description="the port to listen on; 0 takes a free one, which the log names",
        json_schema_extra={"accepted": "a whole number from 0 to 65535"},
    )
    api_key_hashes: Annotated[tuple[str, ...], _all_like(_HASH)] = Field(
        default=(),
        description="the SHA-256 of each API key in hex, separated by commas; `tdm api-key` makes a key and its hash",
        json_schema_extra={"accepted": "SHA-256 hashes of 64 small hexadecimal digits, separated by commas"},
    )
    cors_origins: Annotated[tuple[str, ...], _all_like(_ORIGIN)] = Field(
        default=(),
        description="the origins whose pages may call the service, such as `https://ward.example`, separated by commas",
        json_schema_extra={"accepted": "origins such as https://ward.example, separated by commas"},
    )
    compute_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2,
        description="how many cases are computed at once",
        json_schema_extra={"accepted": "a whole number from 1 to 64"},
    )
    shutdown_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=30,
        description="how long requests in flight may take to finish after SIGTERM",
        json_schema_extra={"accepted": "a whole number from 1 to 3600"},
    )

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.host not in LOOPBACK and not self.api_key_hashes:
            raise PydanticCustomError("needs_keys", "needs keys")
        return self


def variable(field: str) -> str:
    """Return the name of the environment variable of a field of `Settings`."""
    return PREFIX + field.upper()


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Return the settings that the `TDM_*` variables give; raise `SettingsError` for an unknown or unusable one."""
    given = {name: value.strip() for name, value in environ.items() if name.startswith(PREFIX)}
    fields = {variable(field): field for field in Settings.model_fields}
    for name in sorted(given.keys() - fields.keys()):
        raise SettingsError(f"{name} is not a setting; known are {', '.join(fields)}.")
    try:
        return Settings.model_validate({fields[name]: value for name, value in given.items()})
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    """What is wrong with the first unusable setting; its value may be a secret and is not repeated."""
    location = error.errors(include_input=False)[0]["loc"]
    if not location:
        return _NEEDS_KEYS
    extra = Settings.model_fields[str(location[0])].json_schema_extra
    assert isinstance(extra, dict)
    return f"{variable(str(location[0]))} must be {extra['accepted']}."
