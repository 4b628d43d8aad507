"""The promises of where settings come from: a document, and nothing that happens to lie around."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from bot.runtime.document import read_document
from bot.runtime.environment import PREFIX, SEPARATOR
from bot.runtime.settings import Settings
from bot.runtime.settings_source import DocumentSource
from tests.runtime.configs import RIGHT, loaded


def test_the_model_says_what_it_reads() -> None:
    """Prefix and delimiter of the variables stand in the model's own config, the same that the overlay goes by."""
    assert issubclass(Settings, BaseSettings)
    assert (PREFIX, SEPARATOR) == (Settings.model_config["env_prefix"], Settings.model_config["env_nested_delimiter"])


def test_the_surroundings_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a variable that is not handed over nor a .env file changes what a document says."""
    (tmp_path / ".env").write_text("TRIMTAB_LOG__LEVEL=error\nLOG__LEVEL=error\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIMTAB_LOG", '{"level": "error"}')
    monkeypatch.setenv("TRIMTAB_PORTFOLIO", "other")
    monkeypatch.setenv("PORTFOLIO", "other")

    assert ("main", "info") == (loaded().settings.portfolio, loaded().settings.log.level)


def test_a_document_is_handed_over_as_it_is() -> None:
    """Unknown keys too: a source that dropped them would make a misspelt limit a silence."""
    document = read_document(RIGHT + "limitz: {a: 1}\n", "c.yaml")

    assert document.value == DocumentSource(Settings, document)()
    with pytest.raises(ValidationError, match="limitz"):
        Settings(document)


def test_a_key_of_the_document_is_never_an_option_of_the_library() -> None:
    """What a file says cannot make the settings be read from elsewhere."""
    document = read_document(RIGHT + "_env_file: /etc/environment\ndocument: x\n", "c.yaml")
    with pytest.raises(ValidationError) as raised:
        Settings(document)

    assert [("_env_file",), ("document",)] == [error["loc"] for error in raised.value.errors()]


def test_settings_are_copied_with_a_change_and_never_changed() -> None:
    """A verb's own state directory stands in for the config's, in a copy."""
    settings = loaded().settings

    assert Path("/x") == settings.model_copy(update={"state_dir": Path("/x")}).state_dir
    with pytest.raises(ValidationError, match="frozen"):
        settings.state_dir = Path("/x")  # type: ignore[misc]
