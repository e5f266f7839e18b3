"""Every setting, read from the environment (and `.env`); `.env.example` lists them all."""

from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.core.clock import Clock, SimulatedClock, SystemClock
from backend.core.errors import InvalidInput


class ModelPrice(BaseModel):
    """What a model costs, in US dollars per million tokens."""

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)


class Settings(BaseSettings):
    """Field names are the names of the environment variables, in lower case."""

    # An empty line in .env or compose means "as if it were not there".
    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    glassbox_home: Path = Field(
        Path("~/.glassbox"), description="Where `glassbox up` keeps its data."
    )
    database_url: str = Field(
        "", description="PostgreSQL, e.g. postgresql+psycopg2://user:password@host/glassbox."
    )
    redis_url: str = Field("", description="Redis, e.g. redis://:password@host:6379/0.")

    simulated_time: SimulatedClock | None = Field(
        None,
        description="Written by `glassbox up --from ... --speed ...`: the time that all parts, the"
        " paper gateway included, take for the present.",
    )

    s3_endpoint: str = Field(
        "", description="host:port of an S3 server; empty keeps files on disk."
    )
    s3_access_key: SecretStr = Field(SecretStr(""), description="Its access key.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Its secret key.")
    s3_bucket: str = Field("glassbox", description="The bucket that holds the artifacts.")
    s3_secure: bool = Field(True, description="Speak HTTPS to the S3 server.")

    ibkr_gateway_url: str = Field(
        "https://127.0.0.1:5000", description="The Client Portal Gateway, real or on paper."
    )
    ibkr_gateway_certificate: Path | None = Field(
        None, description="PEM file to pin; needed for a self-signed gateway beyond loopback."
    )
    ibkr_account: str = Field(
        "", description="The account to trade; empty takes the gateway's selected account."
    )
    live_trading_accounts: Annotated[list[str], NoDecode] = Field(
        [],
        description="Live accounts that orders may go to, separated by commas; see /go-live.",
    )
    ibkr_requests_per_second: float = Field(
        8.0, gt=0, le=10, description="Our share of IBKR's ten a second, over all workers."
    )

    openai_api_key: SecretStr = Field(
        SecretStr(""), description="Empty: the rule-based analyst answers instead of a model."
    )
    openai_base_url: str = Field(
        "https://api.openai.com/v1", description="Any server that speaks the OpenAI protocol."
    )
    openai_model: str = Field("gpt-5-mini", description="The model, unless a strategy names one.")
    openai_timeout_seconds: float = Field(60.0, gt=0, description="For one answer.")
    openai_prices: dict[str, ModelPrice] = Field(
        {
            "gpt-5": ModelPrice(input=Decimal("1.25"), output=Decimal("10")),
            "gpt-5-mini": ModelPrice(input=Decimal("0.25"), output=Decimal("2")),
            "gpt-5-nano": ModelPrice(input=Decimal("0.05"), output=Decimal("0.4")),
        },
        description="US dollars per million tokens, by model; a model without a price is refused.",
    )
    ai_daily_tokens: int = Field(
        2_000_000, ge=0, description="Tokens that all models may use a day."
    )
    ai_daily_usd: Decimal = Field(
        Decimal("5"), ge=0, description="Money that all models may cost a day, in US dollars."
    )

    lease_seconds: float = Field(
        60.0,
        gt=0,
        description="How long a worker may be silent before its execution is taken over.",
    )
    requeue_seconds: float = Field(
        30.0,
        gt=0,
        description="How long a queued execution waits before its message is sent again.",
    )
    worker_threads: int = Field(4, ge=1, le=64, description="Executions at a time in one worker.")
    charts_png: bool = Field(True, description="Render PNGs; needs Chromium.")

    web_host: str = Field("127.0.0.1", description="Address the web process binds to.")
    web_port: int = Field(8000, ge=1, le=65535, description="Port the web process binds to.")
    web_secret: SecretStr = Field(
        SecretStr(""),
        description="Signs sessions; 32 characters or more, the same for every web process.",
    )
    web_allowed_hosts: Annotated[list[str], NoDecode] = Field(
        ["127.0.0.1", "localhost", "[::1]"],
        description="Host names the web process answers to, separated by commas.",
    )
    web_url: str = Field(
        "",
        description="Where people reach the pages, for links in messages; empty means"
        " http://WEB_HOST:WEB_PORT.",
    )
    notify_private_addresses: bool = Field(
        False, description="Let news go to addresses inside the own network, this machine too."
    )
    flower_url: str = Field("", description="Where people reach Flower, the queue's monitor.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("web_allowed_hosts", "live_trading_accounts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]

    @property
    def clock(self) -> Clock:
        """The clock of this process: the machine's, unless all parts live in a simulated time."""
        return self.simulated_time or SystemClock()

    @property
    def home(self) -> Path:
        return self.glassbox_home.expanduser()

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Every secret among the values, the passwords in addresses included; none is empty."""
        values = [getattr(self, name) for name in type(self).model_fields]
        found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        for address in (self.database_url, self.redis_url):
            password = urlsplit(address).password or ""
            found += [password, unquote(password)]
        return tuple(filter(None, found))

    def require(self, *names: str) -> None:
        """Raises `InvalidInput` that names each of these settings that is empty."""
        missing = [name.upper() for name in names if not str(getattr(self, name))]
        if missing:
            raise InvalidInput(
                f"Set {', '.join(missing)} in the environment or in .env;"
                " .env.example says what each one means.",
                code="missing_setting",
            )


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
