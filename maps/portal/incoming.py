"""Bodies of requests, bounded: read to be used, or read so that the answer is heard."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from maps.portal.arriving import MB

MOST_BODY = 64_000


async def drain(request: Request, most: int = 64 * MB) -> None:
    """Read what is on its way, so that the answer is heard."""
    got = 0
    try:
        async for chunk in request.stream():
            got += len(chunk)
            if got > most:
                return
    except ClientDisconnect:
        return


async def json_body(request: Request) -> Any:
    """JSON of at most ``MOST_BODY`` bytes; None for anything else."""
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BODY:
                return None
        return json.loads(content)
    except (ClientDisconnect, ValueError, RecursionError):
        return None
