"""What the portal is handed over by the floor above: one workspace with its doors open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from geodata.catalog import Catalog
from geodata.days import day_of
from geodata.editions import Editions
from maps.features import Park
from maps.portal.store import Store
from pipeline.cases.evidence_store import EvidenceStore
from pipeline.cases.ledger import Ledger
from pipeline.cases.standards import Standards


@dataclass(frozen=True)
class PortalSettings:
    """public_url: what people type, where a proxy stands before the portal ("https://…"). proxy: one
    that sets X-Forwarded-For and X-Forwarded-Proto does. link_photos, link_mb: most that comes through
    one field link. navigation: the field page may hand a rounded point to a navigation app.
    declination_deg: magnetic, of the area, east positive."""

    host: str = "127.0.0.1"
    port: int = 8600
    public_url: str = ""
    workers: int = 1
    idle_minutes: int = 30
    session_hours: int = 12
    link_days: int = 7
    link_photos: int = 1000
    link_mb: int = 8000
    navigation: bool = False
    declination_deg: float = -4.4
    proxy: bool = False


@dataclass(frozen=True, eq=False)
class Office:
    """parts_from: (case, part, path, *, crs, layer) → parts of a split. notify: (title, text) to the
    channels that the settings name; does nothing where none is named. notifies: one is named.
    visits_week: ground checks that the office manages, 0: not said."""

    root: Path
    name: str
    ledger: Ledger
    evidence: EvidenceStore
    catalog: Catalog
    editions: Editions
    rules: Callable[[date], Standards]
    portal: PortalSettings
    store: Store
    clock: Callable[[], datetime]
    parts_from: Callable[..., Any]
    notify: Callable[[str, str], None]
    version: str
    parks: tuple[Park, ...] = ()
    notifies: bool = False
    visits_week: int = 0

    @property
    def today(self) -> date:
        """The day in Beijing."""
        return day_of(self.clock())
