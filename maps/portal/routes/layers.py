"""Layer editions and scenes as they are held: what every comparison rests on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from maps.case_story import layer_names
from maps.portal.access import Person, allowed, office_of, wants_json
from maps.portal.imagery import area_of, footprint
from maps.portal.office import Office
from maps.portal.pages import render
from pipeline.plain import to_plain

router = APIRouter()
LISTED = 300


@router.get("/layers")
def layers(request: Request, person: Annotated[Person, Depends(allowed("layers"))]) -> Response:
    office = office_of(request)
    area = area_of(office, person)
    held = editions_of(office)
    scenes = [s for s in reversed(office.catalog.scenes()) if area is None or area.intersects(footprint(s))]
    if wants_json(request):
        return JSONResponse({"layers": to_plain(held), "scenes": [_scene(one) for one in scenes]})
    return render(
        request,
        "layers.html.j2",
        person=person,
        nav="layers",
        layers=held,
        scenes=scenes[:LISTED],
        more=len(scenes[LISTED:]),
    )


def editions_of(office: Office) -> list[dict[str, Any]]:
    """One row a part of an edition; ``holds``: it is the edition of its kind that holds today."""
    now = office.editions.on(office.today).editions
    rows = []
    for one in sorted(
        office.editions.layers(),
        key=lambda held: (held.kind, -held.valid_from.toordinal(), held.edition, held.source_name),
    ):
        ((name, _),) = layer_names({str(one.kind): [one.edition]})
        rows.append(
            {
                "kind": str(one.kind),
                "name": dict(name),
                "edition": one.edition,
                "valid_from": one.valid_from,
                "holds": now.get(one.kind) == one.edition,
                "code_system": one.code_system,
                "crs": one.crs,
                "source_name": one.source_name,
                "source_sha256": one.source_sha256,
                "features": one.features,
                "delivered": one.delivered,
                "area_m2": one.area_m2,
                "repaired": dict(one.repaired),
                "unknown_codes": dict(one.unknown_codes),
                "dropped_columns": list(one.dropped_columns),
                "warnings": [dict(w) for w in one.warnings],
            }
        )
    return rows


def _scene(scene: Any) -> dict[str, Any]:
    rows, columns = scene.geobox.shape
    return {
        "id": scene.id,
        "platform": scene.platform,
        "acquired_at": scene.acquired_at.isoformat(),
        "gsd_m": scene.gsd_m,
        "bands": list(scene.bands),
        "crs": str(scene.geobox.crs),
        "width": columns,
        "height": rows,
        "cloud_cover": scene.cloud_cover,
        "files": list(scene.provenance),
        "warnings": [dict(w) for w in scene.warnings],
    }
