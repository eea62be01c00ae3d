"""A route of a drone as KMZ (DJI's WPML 1.0.2 in OGC KML 2.2), made by an XML writer of the standard library.

``wpmz/waylines.wpml`` is what an aircraft executes, ``wpmz/template.kml`` what the remote control shows and edits; both
hold the same points. Longitude before latitude, WGS 84 (CGCS2000 agrees with it to decimetres); heights above take-off.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

KML, WPML = "http://www.opengis.net/kml/2.2", "http://www.dji.com/wpmz/1.0.2"
STAMP = (1980, 1, 1, 0, 0, 0)
"""Of members of the archive: the same route is the same file."""


@dataclass(frozen=True)
class Drone:
    """Numbers of DJI's list of aircraft and payloads."""

    kind: int
    sub: int
    payload: int


DRONES = {
    "m3e": Drone(77, 0, 66),
    "m3t": Drone(77, 1, 67),
    "m3m": Drone(77, 2, 68),
    "m30": Drone(67, 0, 52),
    "m30t": Drone(67, 1, 53),
    "m3d": Drone(91, 0, 80),
    "m3td": Drone(91, 1, 81),
}


@dataclass(frozen=True)
class Waypoint:
    """lon, lat: degrees. name: of the photo taken straight down here; "" = none is."""

    lon: float
    lat: float
    name: str = ""


@dataclass(frozen=True)
class Route:
    """height_m: above take-off, of all points. metres, seconds: of the whole."""

    waypoints: Sequence[Waypoint]
    height_m: float
    speed_mps: float
    metres: float
    seconds: float
    drone: Drone


def kmz(route: Route, made_at: datetime) -> bytes:
    """The file. Where the signal is lost the aircraft goes on along the route, which keeps off what it keeps off;
    going home it is at home already."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, root in (("wpmz/template.kml", _template(route, made_at)), ("wpmz/waylines.wpml", _waylines(route))):
            member = zipfile.ZipInfo(name, STAMP)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, ET.tostring(root, encoding="UTF-8", xml_declaration=True))
    return out.getvalue()


def _document() -> tuple[ET.Element, ET.Element]:
    ET.register_namespace("", KML)
    ET.register_namespace("wpml", WPML)
    root = ET.Element(f"{{{KML}}}kml")
    return root, ET.SubElement(root, f"{{{KML}}}Document")


def _add(parent: ET.Element, **values: object) -> None:
    for name, value in values.items():
        ET.SubElement(parent, f"{{{WPML}}}{name}").text = str(value)


def _inside(parent: ET.Element, name: str, **values: object) -> ET.Element:
    child = ET.SubElement(parent, f"{{{WPML}}}{name}")
    _add(child, **values)
    return child


def _config(document: ET.Element, route: Route) -> None:
    config = _inside(
        document,
        "missionConfig",
        flyToWaylineMode="safely",
        finishAction="goHome",
        exitOnRCLost="goContinue",
        executeRCLostAction="goBack",
        takeOffSecurityHeight=_number(route.height_m),
        globalTransitionalSpeed=_number(route.speed_mps),
        globalRTHHeight=_number(route.height_m),
    )
    _inside(config, "droneInfo", droneEnumValue=route.drone.kind, droneSubEnumValue=route.drone.sub)
    _inside(config, "payloadInfo", payloadEnumValue=route.drone.payload, payloadPositionIndex=0)


def _template(route: Route, made_at: datetime) -> ET.Element:
    root, document = _document()
    stamp = int(made_at.timestamp() * 1000)
    _add(document, author="gengxun", createTime=stamp, updateTime=stamp)
    _config(document, route)
    folder = ET.SubElement(document, f"{{{KML}}}Folder")
    _add(folder, templateType="waypoint", templateId=0)
    _inside(folder, "waylineCoordinateSysParam", coordinateMode="WGS84", heightMode="relativeToStartPoint")
    _add(folder, autoFlightSpeed=_number(route.speed_mps), globalHeight=_number(route.height_m),
         gimbalPitchMode="manual", globalWaypointTurnMode=STOPPING, globalUseStraightLine=1)  # fmt: skip
    _inside(folder, "globalWaypointHeadingParam", **HEADING)
    for n, point in enumerate(route.waypoints):
        mark = _placemark(folder, n, point)
        _add(mark, height=_number(route.height_m), ellipsoidHeight=_number(route.height_m), useGlobalHeight=1,
             useGlobalSpeed=1, useGlobalHeadingParam=1, useGlobalTurnParam=1, useStraightLine=1)  # fmt: skip
        _photo(mark, n, point)
    return root


STOPPING = "toPointAndStopWithDiscontinuityCurvature"
"""Straight from point to point: a curve would leave the way that was looked for."""
HEADING = {
    "waypointHeadingMode": "followWayline",
    "waypointHeadingAngle": 0,
    "waypointPoiPoint": "0.000000,0.000000,0.000000",
    "waypointHeadingPathMode": "followBadArc",
}


def _waylines(route: Route) -> ET.Element:
    root, document = _document()
    _config(document, route)
    folder = ET.SubElement(document, f"{{{KML}}}Folder")
    _add(folder, templateId=0, executeHeightMode="relativeToStartPoint", waylineId=0, distance=_number(route.metres),
         duration=_number(route.seconds), autoFlightSpeed=_number(route.speed_mps))  # fmt: skip
    for n, point in enumerate(route.waypoints):
        mark = _placemark(folder, n, point)
        _add(mark, executeHeight=_number(route.height_m), waypointSpeed=_number(route.speed_mps))
        _inside(mark, "waypointHeadingParam", **HEADING)
        _inside(mark, "waypointTurnParam", waypointTurnMode=STOPPING, waypointTurnDampingDist=0)
        _add(mark, useStraightLine=1)
        _photo(mark, n, point)
    return root


def _placemark(folder: ET.Element, n: int, point: Waypoint) -> ET.Element:
    mark = ET.SubElement(folder, f"{{{KML}}}Placemark")
    place = ET.SubElement(mark, f"{{{KML}}}Point")
    ET.SubElement(place, f"{{{KML}}}coordinates").text = f"{point.lon:.8f},{point.lat:.8f}"
    _add(mark, index=n)
    return mark


def _photo(mark: ET.Element, n: int, point: Waypoint) -> None:
    """Look straight down, then take the photo."""
    if not point.name:
        return
    group = _inside(mark, "actionGroup", actionGroupId=n, actionGroupStartIndex=n, actionGroupEndIndex=n,
                    actionGroupMode="sequence")  # fmt: skip
    _inside(group, "actionTrigger", actionTriggerType="reachPoint")
    turn = _inside(group, "action", actionId=0, actionActuatorFunc="gimbalRotate")
    _inside(
        turn,
        "actionActuatorFuncParam",
        gimbalHeadingYawBase="north",
        gimbalRotateMode="absoluteAngle",
        gimbalPitchRotateEnable=1,
        gimbalPitchRotateAngle=-90,
        gimbalRollRotateEnable=0,
        gimbalRollRotateAngle=0,
        gimbalYawRotateEnable=0,
        gimbalYawRotateAngle=0,
        gimbalRotateTimeEnable=0,
        gimbalRotateTime=0,
        payloadPositionIndex=0,
    )
    shoot = _inside(group, "action", actionId=1, actionActuatorFunc="takePhoto")
    _inside(
        shoot, "actionActuatorFuncParam", payloadPositionIndex=0, fileSuffix=point.name, useGlobalPayloadLensIndex=1
    )


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
