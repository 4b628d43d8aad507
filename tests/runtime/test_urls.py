"""The promises of URLs that may hold secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runtime.redact import Redactor
from bot.runtime.urls import PLAIN_SINKS, WEB, burden_of, secrets_in, shown_url

TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=12, max_size=40)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("json://me:pw@127.0.0.1:8080/alerts/x", "json://127.0.0.1:8080/(hidden)"),
        ("tgram://123:abc/42", "tgram://(hidden)"),
        ("https://hc.example/uuid", "https://hc.example/(hidden)"),
        ("http://[::1", "http://(hidden)"),
    ],
)
def test_only_what_is_no_secret_is_shown(url: str, shown: str) -> None:
    """The scheme, and a webhook's host and port."""
    assert shown == shown_url(url)


@pytest.mark.parametrize(
    "url", ["json://127.0.0.1:8080/alerts", "jsons://host.example/v1/trimtab?method=put", "syslog://", "xml://h"]
)
def test_a_plain_webhook_is_free_of_secrets(url: str) -> None:
    """It may stand in the config."""
    assert burden_of(url, PLAIN_SINKS) is None


@given(token=TOKENS)
def test_a_token_anywhere_in_a_url_is_known(token: str) -> None:
    """As host, user, password, path, query or fragment: a redactor that learned the URL lets it pass nowhere."""
    for url in (
        f"slack://{token}/x",
        f"mailto://{token}:pw@h",
        f"json://u:{token}@h/x",
        f"https://h/{token}",
        f"https://h/x?a={token}",
        f"form://h/x#{token}",
    ):
        assert token not in Redactor(secrets_in(url)).text(f"it is {token} here")


@given(text=st.text(max_size=60))
def test_any_text_can_be_asked(text: str) -> None:
    """What is no URL raises nothing, and is not called free of secrets under a scheme that has them."""
    shown_url(text)
    secrets_in(text)
    burden_of(text, WEB)
    assert burden_of(f"tgram://{text}", PLAIN_SINKS) is not None
