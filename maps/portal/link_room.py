"""[io] How many photos and bytes have come through a field link, and how many more it takes.

A ceiling, so that a link in wrong hands fills no disk. What is loaded at the office out of a package is
not counted: there somebody signed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from geodata.words import Text, both
from maps.portal.links import Link
from maps.portal.office import Office
from maps.portal.store import metadata

MB = 1024**2

use = sa.Table(
    "link_use",
    metadata,
    sa.Column("link", sa.Text, primary_key=True),
    sa.Column("photos", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
)


@dataclass(frozen=True)
class Room:
    """What a link still takes, never below 0."""

    photos: int
    bytes: int

    def has(self, size: int) -> bool:
        return self.photos > 0 and self.bytes >= size

    @property
    def told(self) -> dict[str, int]:
        """As JSON for the phone."""
        return {"photos": self.photos, "bytes": self.bytes}


def room(office: Office, link: Link) -> Room:
    with office.store.reading() as connection:
        used = connection.execute(sa.select(use.c.photos, use.c.bytes).where(use.c.link == link.id)).first()
    photos, size = used or (0, 0)
    settings = office.portal
    return Room(max(0, settings.link_photos - photos), max(0, settings.link_mb * MB - size))


def count(office: Office, link: Link, size: int) -> None:
    """One more photo of ``size`` bytes was kept."""
    with office.store.writing() as connection:
        more = {"photos": use.c.photos + 1, "bytes": use.c.bytes + size}
        if not connection.execute(use.update().where(use.c.link == link.id).values(more)).rowcount:
            connection.execute(use.insert().values(link=link.id, photos=1, bytes=size))


def full(office: Office) -> Text:
    return both(
        "This link has brought its {photos} photos or {mb} MB and takes no more. The photo stays on the phone: export"
        " a package for the office, and ask for a new link.",
        photos=office.portal.link_photos,
        mb=office.portal.link_mb,
    )
