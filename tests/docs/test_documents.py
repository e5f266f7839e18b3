"""The documents against the code: settings, commands, steps, links and specifications."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel, SecretStr

from backend.cli import COMMANDS, PASSES_ARGUMENTS_ON, app
from backend.core.settings import Settings
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES

ROOT = Path(__file__).parents[2]
GUIDES = ("README.md", "QUICKSTART.md", "CONTRIBUTING.md")
ROOMS = ("backend", "benchmarks", "database", "docker", "docs", "frontend", "openspec", "tests")
README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
FOR_COMPOSE = EXAMPLE.partition("# --- Only for docker-compose.yml")[2]

every_guide = pytest.mark.parametrize("guide", GUIDES)


def written(value: Any) -> str:
    """A default as it is written in `.env`."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, dict):
        return json.dumps({key: as_plain(item) for key, item in value.items()})
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def as_plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


SETTINGS = [
    (name.upper(), written(field.default), field.description)
    for name, field in Settings.model_fields.items()
]


# --- settings ------------------------------------------------------------------------------------


def test_the_example_lists_every_setting_with_its_default_and_meaning() -> None:
    ours = EXAMPLE.removesuffix(FOR_COMPOSE)
    listed = re.findall(r"^# (.+)\n# ([A-Z0-9_]+)=(.*)$", ours, re.MULTILINE)
    assert [(name, default, meaning) for meaning, name, default in listed] == SETTINGS


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    table = README.partition("| Setting | Default | Meaning |")[2]
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", table, re.MULTILINE)
    expected = [(name, f"`{value}`" if value else "empty", why) for name, value, why in SETTINGS]
    assert rows == expected


def test_an_untouched_copy_of_the_example_sets_nothing() -> None:
    read, without = Settings(_env_file=ROOT / ".env.example"), Settings(_env_file=None)
    assert read.model_fields_set == without.model_fields_set


def test_every_default_of_the_example_is_read_back_as_that_default(tmp_path: Path) -> None:
    lines = re.findall(r"^# ([A-Z0-9_]+=.+)$", EXAMPLE.removesuffix(FOR_COMPOSE), re.MULTILINE)
    env = tmp_path / ".env"
    env.write_text("\n".join(lines))
    # Of the environment that the tests run in, only what it sets elsewhere may differ.
    here = Settings(_env_file=None).model_fields_set
    read, default = Settings(_env_file=env), Settings.model_construct()
    wrong = [
        name
        for name in Settings.model_fields
        if name not in here and getattr(read, name) != getattr(default, name)
    ]
    assert wrong == []


def test_the_example_names_what_compose_asks_for_and_nothing_else() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", COMPOSE))
    listed = set(re.findall(r"^# ([A-Z0-9_]+)=", FOR_COMPOSE, re.MULTILINE))
    assert listed == asked - {name for name, _, _ in SETTINGS}


def test_compose_hands_our_processes_only_settings_that_exist() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    handed = {
        name
        for part in ("web", "worker", "beat", "tracker", "migrate", "paper-gateway")
        for name in services[part]["environment"]
    }
    assert handed - {name for name, _, _ in SETTINGS} == set()


# --- commands and steps --------------------------------------------------------------------------


def commands_in(text: str) -> set[str]:
    """Whatever stands behind `glassbox` in code, up to what ends a command in the shell."""
    code = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    code += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = re.findall(r"(?:^|[\s(])(?:\./)?glassbox ([^\n#|)]+)", "\n".join(code), re.MULTILINE)
    return {command.strip() for command in found}


@every_guide
def test_every_command_that_a_guide_names_exists_with_its_options(guide: str) -> None:
    group: Any = typer.main.get_command(app)
    commands = commands_in((ROOT / guide).read_text())
    for command in commands:
        name, *words = command.split()
        found = group.get_command(None, name)
        assert found is not None, f"{guide}: glassbox {command}"
        if words and hasattr(found, "commands"):
            found = found.commands.get(words.pop(0))
            assert found is not None, f"{guide}: glassbox {command}"
        given = {word for word in words if word.startswith("-")}
        known = {
            option
            for each in found.params
            for option in (*each.opts, *each.secondary_opts, "--help")
        }
        if name not in PASSES_ARGUMENTS_ON:
            assert given <= known, f"{guide}: glassbox {command}"
    assert commands


def test_the_readme_tells_of_every_command_for_people() -> None:
    table = README.partition("| Command | What it does |")[2]
    told = re.findall(r"^\| `\./glassbox ([a-z-]+)", table, re.MULTILINE)
    assert sorted(told) == sorted(set(COMMANDS) - {"attend"})


def test_options_that_stand_alone_in_the_readme_belong_to_the_command_of_their_row() -> None:
    group: Any = typer.main.get_command(app)
    rows = re.findall(r"^\| `\./glassbox ([a-z-]+).*?` \| (.+) \|$", README, re.MULTILINE)
    for name, text in rows:
        params = group.get_command(None, name).params
        known = {option for each in params for option in (*each.opts, *each.secondary_opts)}
        assert set(re.findall(r"`(--[a-z-]+)", text)) <= known, name


def test_the_readme_tells_the_thirteen_steps_in_their_order() -> None:
    assert tuple(re.findall(r"^\| \d+ \| `([a-z_]+)` \|", README, re.MULTILINE)) == STEP_NAMES


def test_the_readme_tells_every_outcome() -> None:
    table = README.partition("| Outcome | Meaning |")[2].partition("\n\n")[0]
    told = set(re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE))
    assert told == {each.value for each in Outcome}


def test_the_quickstart_shows_the_thirteen_lines_of_an_execution() -> None:
    text = (ROOT / "QUICKSTART.md").read_text()
    block = text.partition("started it once:")[2].partition("```")[0]
    assert tuple(re.findall(r"^ +\d+ ([a-z_]+) ", block, re.MULTILINE)) == STEP_NAMES


# --- links and paths -----------------------------------------------------------------------------


@every_guide
def test_links_point_to_files_and_headings_that_exist(guide: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / guide).read_text()):
        if target.startswith("https://"):
            continue
        path, _, heading = target.partition("#")
        file = ROOT / (path or guide)
        assert file.exists(), f"{guide}: {target}"
        assert not heading or heading in headings(file), f"{guide}: {target}"


def headings(file: Path) -> set[str]:
    """As GitHub makes them into anchors."""
    titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@every_guide
def test_files_that_a_guide_names_in_code_exist(guide: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / guide).read_text(), flags=re.DOTALL)
    named = re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w./-]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def texts() -> list[Path]:
    files = [path for path in ROOT.iterdir() if path.is_file()]
    files += [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    binary = {".png", ".pyc", ".parquet"}
    return [path for path in files if path.suffix not in binary and path.name != ".env"]


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    # A checkout at the root of a disk, such as /app, is named by Dockerfiles with good reason.
    here = [re.escape(str(ROOT))] if len(ROOT.parts) > 2 else []
    pattern = re.compile("|".join([*here, r"(?<![\w.])/(?:home|Users)/[a-z]\w*/"]))
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in texts()
        if (match := pattern.search(path.read_text(errors="replace")))
    ]
    assert found == []


# --- specifications ------------------------------------------------------------------------------

SPECS = sorted((ROOT / "openspec" / "specs").glob("*/spec.md"))
every_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.parent.name)


@every_spec
def test_a_specification_has_the_form_that_openspec_asks_for(spec: Path) -> None:
    title, _, rest = spec.read_text().partition("\n")
    purpose, _, body = rest.partition("## Requirements")
    assert title == f"# {spec.parent.name} Specification"
    assert len(purpose.partition("## Purpose")[2].strip()) >= 50
    requirements = body.split("### Requirement: ")[1:]
    assert requirements
    for requirement in requirements:
        text, *scenarios = requirement.split("#### Scenario: ")
        assert re.search(r"\b(SHALL|MUST)\b", text.partition("\n")[2]), text
        assert scenarios, text
        for scenario in scenarios:
            steps = re.findall(r"^- \*\*(GIVEN|WHEN|THEN|AND)\*\* ", scenario, re.MULTILINE)
            assert steps[0] == "GIVEN"
            assert {"WHEN", "THEN"} <= set(steps), scenario


@every_spec
def test_a_specification_names_no_library(spec: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=~ ]", each)[0].lower() for each in project["dependencies"]}
    names.discard("limits")  # also what a strategy has
    assert set(re.findall(r"[a-z0-9-]+", spec.read_text().lower())) & names == set()
