from pathlib import Path

from alembic import command
from alembic.config import Config

CONFIG = Path(__file__).parents[2] / "database" / "alembic.ini"


def test_migrations_make_exactly_the_tables_that_the_models_describe(database_url: str) -> None:
    command.check(Config(CONFIG))
