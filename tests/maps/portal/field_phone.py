"""A phone for tests: opens a link, makes photos, sends them as the page does."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import Image

from maps.portal import link_keys, links
from maps.portal.links import Link
from maps.portal.office import Office

VIOLATION = {
    "verdict": "violation", "sub": "industry_mining_commerce", "use": "hardening", "built": "2026-05",
    "party": "某建材公司", "text": "场地已硬化",
}  # fmt: skip


def new_link(office: Office, *cases: str, to: str = "李外业", days: float = 7) -> tuple[Link, str]:
    keys = link_keys.keys_of(office.ledger, office.root)
    assert keys is not None
    return links.make(office.store, keys, cases=cases, to=to, by="王复核", days=days, at=office.clock())


def jpeg(seed: int = 0, size: int = 64, least: int = 0) -> bytes:
    """A computed picture; of ``least`` bytes or more."""
    rng = np.random.default_rng(seed)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (size, size, 3), np.uint8)).save(stream, "JPEG", quality=90)
    content = stream.getvalue()
    return content + rng.bytes(max(0, least - len(content)))  # readers stop at the end mark


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def record(content: bytes, case: str, shot: str = "overview", **more: Any) -> dict[str, Any]:
    return {
        "id": sha(content), "case": case, "part": "", "shot": shot, "size": len(content), "type": "image/jpeg",
        "taken_at": datetime(2026, 11, 24, 2, 1, tzinfo=UTC).isoformat(), "lon": 112.5101, "lat": 27.8701,
        "accuracy_m": 6.0, "heading_deg": 41.5, "position_source": "phone",
        "clock": {"phone_at": "2026-11-24T02:01:00Z", "server_seen_at": "2026-11-24T02:00:00Z", "monotonic_ms": 60000},
        **more,
    }  # fmt: skip


def header(values: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


class Phone:
    """client: of httpx or starlette, its address the portal's. Holds its cookies."""

    def __init__(self, client: Any, link: str) -> None:
        self.client, self.base = client, f"/l/{link}/"

    def open(self, secret: str) -> Any:
        return self.client.post(self.base + "open", json={"secret": secret})

    def get(self, path: str = "", **more: Any) -> Any:
        return self.client.get(self.base + path, **more)

    def head(self, values: Mapping[str, Any]) -> Any:
        return self.client.head(self.base + f"up/{values['id']}", headers={"X-Gx-Record": header(values)})

    def put(self, content: bytes, values: Mapping[str, Any], first: int | None = None, last: int | None = None) -> Any:
        headers = {"X-Gx-Record": header(values), "Content-Type": "image/jpeg"}
        piece = content
        if first is not None:
            last = len(content) if last is None else last
            piece = content[first:last]
            span = f"{first}-{last - 1}" if piece else "*"
            headers["Content-Range"] = f"bytes {span}/{len(content)}"
        return self.client.put(self.base + f"up/{values['id']}", content=piece, headers=headers)

    def verdict(self, case: str, payload: Mapping[str, Any], version: int, **more: Any) -> Any:
        body = {"id": str(uuid.uuid4()), "case": case, "part": "", "version": version, "payload": payload,
                "taken_at": "2026-11-24T02:02:00Z", "clock": {}, **more}  # fmt: skip
        return self.client.post(self.base + "verdict", json=body)


def opened(office: Office, client: Any, *cases: str) -> Phone:
    """A phone that has opened a new link to these cases."""
    link, secret = new_link(office, *cases)
    phone = Phone(client, link.id)
    assert phone.open(secret).status_code == 204
    return phone
