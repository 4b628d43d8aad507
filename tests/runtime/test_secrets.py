"""The promises of how a key is found and read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.runtime.redact import REDACTED, Redactor
from bot.runtime.secrets import CREDENTIAL_NAMES, CredentialError, Credentials, NoCredentials, load_credentials
from bot.runtime.settings import CredentialSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "K3yK3yK3yAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
SECRET = "S3cr3tZyXwVuTsRqPoNmLkJiHgFeDcBa9876543210S3c"
PEM = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n{SECRET[::-1]}\n-----END PRIVATE KEY-----\n"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with this text and mode."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def found(environ: Mapping[str, str], settings: CredentialSettings | None = None) -> Credentials:
    """What is loaded in this environment."""
    return load_credentials(settings or CredentialSettings(), Redactor(), environ)


def in_config(key: Path, secret: Path) -> CredentialSettings:
    """A config that names these files."""
    return CredentialSettings(api_key_file=str(key), api_secret_file=str(secret))


def values(credentials: Credentials) -> tuple[str, str]:
    """Key and secret in the clear."""
    return credentials.api_key.get_secret_value(), credentials.api_secret.get_secret_value()


@pytest.fixture
def everywhere(tmp_path: Path) -> tuple[dict[str, str], CredentialSettings]:
    """Every source at once, each with values of its own."""
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "TRIMTAB_API_KEY": KEY + "-env",
        "TRIMTAB_API_SECRET": SECRET + "-env",
    }
    for name, text in zip(CREDENTIAL_NAMES, (KEY, SECRET), strict=True):
        written(tmp_path / name, f"{text}-systemd\n", 0o400)
    for name, text in (("TRIMTAB_API_KEY_FILE", KEY), ("TRIMTAB_API_SECRET_FILE", SECRET)):
        environ[name] = str(written(tmp_path / name, f"{text}-file\n", 0o444))
    key, secret = written(tmp_path / "key", f"{KEY}-config"), written(tmp_path / "secret", f"{SECRET}-config")
    return environ, in_config(key, secret)


def test_the_sources_have_an_order(everywhere: tuple[dict[str, str], CredentialSettings]) -> None:
    """systemd's credentials, then files of the environment, then the config's files, then plain variables."""
    environ, settings = everywhere
    order = []
    for dropped in (("CREDENTIALS_DIRECTORY",), ("TRIMTAB_API_KEY_FILE", "TRIMTAB_API_SECRET_FILE"), ()):
        order.append(values(found(environ, settings))[0].rpartition("-")[2])
        for name in dropped:
            del environ[name]
    order.append(values(found(environ))[0].rpartition("-")[2])

    assert ["systemd", "file", "config", "env"] == order


def test_no_key_says_where_it_was_looked_for() -> None:
    """Without a key one line names every place that could hold it."""
    with pytest.raises(NoCredentials, match=r"^no API key: looked at .*DIRECTORY, .*_FILE, .*key_file.*API_SECRET$"):
        found({})


def test_an_empty_folder_of_systemd_does_not_stop_the_search(tmp_path: Path) -> None:
    """A unit may hand over other credentials than ours."""
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "TRIMTAB_API_KEY": KEY, "TRIMTAB_API_SECRET": SECRET}

    assert (KEY, SECRET) == values(found(environ))


@pytest.mark.parametrize("name", ["TRIMTAB_API_KEY", "TRIMTAB_API_SECRET"])
def test_half_a_pair_is_an_error(name: str) -> None:
    """A key is never paired with a secret from somewhere else."""
    with pytest.raises(CredentialError, match=f"{name} is there but TRIMTAB_API_.* is not"):
        found({name: KEY})


@pytest.mark.parametrize(
    ("mode", "part"), [(0o640, "may be read by others"), (0o604, "chmod 600"), (0o620, "mode 0620"), (0o700, None)]
)
def test_a_file_of_the_config_is_private(tmp_path: Path, mode: int, part: str | None) -> None:
    """A key that others may read is not used, and the line says how to mend it."""
    settings = in_config(written(tmp_path / "k", KEY, mode), written(tmp_path / "s", SECRET))
    if part is None:
        assert (KEY, SECRET) == values(found({}, settings))
        return
    with pytest.raises(CredentialError, match=part):
        found({}, settings)


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that another user could exchange is not used."""
    settings = in_config(written(tmp_path / "k", KEY), written(tmp_path / "s", SECRET))
    owner = (tmp_path / "k").stat().st_uid
    monkeypatch.setattr("bot.runtime.secrets.os.geteuid", lambda: owner + 1)

    with pytest.raises(CredentialError, match=f"belongs to uid {owner}, not to {owner + 1}"):
        found({}, settings)


def test_a_container_secret_must_not_be_writable_by_others(tmp_path: Path) -> None:
    """Container secrets are readable by convention, but nobody else may change them."""
    environ = {
        "TRIMTAB_API_KEY_FILE": str(written(tmp_path / "k", KEY, 0o666)),
        "TRIMTAB_API_SECRET_FILE": str(written(tmp_path / "s", SECRET, 0o444)),
    }

    with pytest.raises(CredentialError, match="may be changed by others"):
        found(environ)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "holds 0 characters"),
        ("short", "holds 5 characters"),
        ("two words of text", "blanks"),
        ("line\nbreak-in-it", "blanks"),
        ("caf\u00e9-not-plain-text", "not plain text"),
        ("x" * 9_000, "larger than"),
    ],
)
def test_what_cannot_be_a_key_is_refused_unsaid(tmp_path: Path, text: str, part: str) -> None:
    """A wrong paste is found before the venue sees it, and is not repeated."""
    settings = in_config(written(tmp_path / "k", text), written(tmp_path / "s", SECRET))

    with pytest.raises(CredentialError, match=part) as caught:
        found({}, settings)

    assert len(text) < 6 or text not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    """A wrong path is one line."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(CredentialError, match=str(tmp_path)):
            found({"TRIMTAB_API_KEY_FILE": str(path), "TRIMTAB_API_SECRET_FILE": str(path)})


def test_a_private_key_keeps_its_lines(tmp_path: Path) -> None:
    """An Ed25519 key in PEM form is a secret of several lines."""
    settings = in_config(written(tmp_path / "k", KEY), written(tmp_path / "s", PEM))

    assert PEM.strip() == values(found({}, settings))[1]


def test_a_found_key_is_known_to_the_redactor() -> None:
    """From the moment a key is loaded no text of ours shows it."""
    redactor = Redactor()
    credentials = load_credentials(
        CredentialSettings(), redactor, {"TRIMTAB_API_KEY": KEY, "TRIMTAB_API_SECRET": SECRET}
    )

    assert f"a{REDACTED}b{REDACTED}" == redactor.text(f"a{KEY}b{SECRET}")
    assert KEY not in repr(credentials)
    assert SECRET not in str(credentials)
