"""[io] The check of the whole ledger: made on wish, kept, and what it says of the ledger as it is now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from geodata.atomic import write_bytes
from maps.portal.office import Office
from maps.portal.record import Last


@dataclass(frozen=True)
class Standing:
    """intact: True after a check of the ledger as it is now, False after one that found it broken, None else.
    checked_at: of the last check; None before the first."""

    intact: bool | None
    checked_at: datetime | None


def standing(office: Office, last: Last | None) -> Standing:
    """last: the entry that the ledger ends with now; a check that ended before it proves no later entry."""
    checked = last_check(office)
    if checked is None:
        return Standing(None, None)
    fresh = last is not None and checked.head == last.hash
    return Standing(bool(checked.ok) if fresh or not checked.ok else None, checked.at)


def check_now(office: Office) -> Any:
    """Verify the ledger and keep what came of it. Raises: LedgerDamaged where it cannot be read to its end."""
    found = office.ledger.verify()
    held = {
        "ok": found.ok,
        "events": found.events,
        "first_bad": found.first_bad,
        "head": str(found.head or ""),
        "clock_back": list(getattr(found, "clock_back", ()) or ()),
        "at": office.clock().isoformat(),
    }
    path = office.root / "cache" / "verified.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps(held).encode())
    return found


def last_check(office: Office) -> Any:
    """``ledger.Verified`` as it was kept, with ``at``; None before the first."""
    try:
        held: Mapping[str, Any] = json.loads((office.root / "cache" / "verified.json").read_bytes())
        return SimpleNamespace(**{**held, "at": datetime.fromisoformat(held["at"])})
    except (FileNotFoundError, ValueError, KeyError):
        return None
