"""What the sessions of the two official SDKs share."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

from story import Story


def proxy_of(story: Story) -> dict[str, Any]:
    """The proxy as the SDK's configurations want it."""
    parts = urlsplit(story.proxy)
    return {"protocol": parts.scheme, "host": parts.hostname, "port": parts.port}


async def heard_by(subscribing: Awaitable[Any]) -> list[Any]:
    """A list that grows by what a stream tells from now on."""
    heard: list[Any] = []
    (await subscribing).on("message", heard.append)
    return heard
