"""[io] Evidence, byte for byte as it was received; every opening stands in the journal."""

from __future__ import annotations

import json
import re
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, Response

from geodata.atomic import write_bytes
from geodata.errors import UnreadableFile
from geodata.mediatype import HEAD_BYTES, ZIP, media_type
from geodata.photothumb import thumbnail
from maps.portal.access import NotThere, Person, address_of, allowed, office_of
from maps.portal.office import Office
from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.events import Kind

router = APIRouter()

SHOWN = ("image/jpeg", "image/png", "image/webp", "video/mp4")
"""What a browser shows by itself without running anything; all else is handed over to be saved."""
ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/tiff": "tif", "image/heic": "heic",
    "image/avif": "avif", "application/pdf": "pdf", "application/ofd": "ofd", "video/mp4": "mp4",
    "video/quicktime": "mov", "video/3gpp": "3gp",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip
SEALED = {
    "content-security-policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; "
    "style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}
THUMB_PX, THUMB_BYTES = 240, 5_000
Opens = Annotated[Person, Depends(allowed("files"))]


@router.get("/files/{sha256}")
def file(request: Request, sha256: str, person: Opens) -> Response:
    office = office_of(request)
    number, media = held(office, person, sha256)
    try:
        path = office.evidence.path(sha256)
    except UnreadableFile:
        raise NotThere from None
    with path.open("rb") as stream:
        seen = media_type(stream.read(HEAD_BYTES))
    media = media if seen == ZIP and media in ENDINGS else seen or "application/octet-stream"
    office.store.note(office.clock(), "file_opened", person.name, f"{number} {sha256}", address_of(request))
    how = "inline" if media in SHOWN else "attachment"
    name = f"{number}-{sha256[:8]}.{ENDINGS.get(media, 'bin')}"
    headers = {**SEALED, "content-disposition": f'{how}; filename="{name}"', "cache-control": "private, no-store"}
    return FileResponse(path, media_type=media, headers=headers)


@router.get("/files/{sha256}/thumb.webp")
def thumb(request: Request, sha256: str, person: Opens) -> Response:
    """A small picture of a photo; none of what cannot be decoded here."""
    office = office_of(request)
    held(office, person, sha256)
    kept = office.root / "cache" / "thumbs" / f"{sha256}.webp"
    if not kept.is_file():
        try:
            made = thumbnail(office.evidence.path(sha256), THUMB_PX, THUMB_BYTES)
        except UnreadableFile:
            raise NotThere from None
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, made)
    headers = {"cache-control": "private, max-age=86400"}
    return Response(kept.read_bytes(), media_type="image/webp", headers=headers)


def held(office: Office, person: Person, sha256: str) -> tuple[str, str]:
    """(case, media type as recorded) of a file that belongs to a case the person may see. Raises: NotThere."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise NotThere
    evidence, cases, events = tables.evidence.c, tables.cases.c, tables.events.c
    query = (
        sa.select(cases.number, cases.district_code, cases.township_code, events.payload)
        .join_from(tables.evidence, tables.cases, evidence.case == cases.number)
        .join(tables.events, events.seq == evidence.seq)
        .where(evidence.sha256 == sha256, events.kind == Kind.EVIDENCE)
        .order_by(evidence.seq)
    )
    with reading(office.ledger.engine) as connection:
        for row in connection.execute(query).mappings():
            if person.sees(row):
                return row["number"], str(json.loads(row["payload"]).get("media_type") or "")
    raise NotThere
