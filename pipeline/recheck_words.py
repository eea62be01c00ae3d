"""What a re-check says, in words with its figures."""

from __future__ import annotations

from datetime import date, datetime

from geodata.days import BEIJING
from geodata.words import Text, both
from pipeline.compare import LEAST_BLOCKS, LEAST_PX, LEAST_SHARE, Change, Standing
from pipeline.neighbours import View

HIDDEN = {
    "nodata": "outside the image",
    "cloud": "cloud",
    "shadow": "cloud shadow",
    "cirrus": "thin cloud",
    "snow": "snow",
    "saturated": "glare",
}


def day(at: datetime) -> date:
    return at.astimezone(BEIJING).date()


def unusable(one: Standing) -> Text:
    view = one.view
    if one.reason == "misplaced":
        return both("The scene lies too far off the others to be compared; check its georeference.")
    if one.reason == "too_small":
        return both(
            "Too few pixels: {n} of {gsd:g} m lie wholly inside the part, {least} are needed; a finer image or"
            " a flight can tell.",
            n=len(view.part),
            gsd=view.gsd_m,
            least=LEAST_PX,
        )
    if one.reason == "hidden":
        reason = max(view.hidden, key=lambda name: view.hidden[name]) if view.hidden else "nodata"
        return both(
            "Not clear: of {whole} pixels inside {n} are clear ({share:.0f}%, {least:.0f}% are needed), most others lie"
            " under {reason}.",
            whole=len(view.part),
            n=view.pixels,
            share=100 * view.clear_share,
            least=100 * LEAST_SHARE,
            reason=both(HIDDEN[reason]),
        )
    return both(
        "Too few clear fields around to compare with: {n}, {least} are needed.",
        n=int(one.figures.get("fields", 0)),
        least=LEAST_BLOCKS,
    )


def _looks(one: Standing) -> Text:
    f = one.figures
    if "ndvi" in f:
        return both("NDVI {own:.2f}, fields around {theirs:.2f}", own=f["ndvi"], theirs=f["ndvi_fields"])
    if "greenness" in f:
        return both("greenness {own:.2f}, fields around {theirs:.2f}", own=f["greenness"], theirs=f["greenness_fields"])
    return both("brightness {own:.2f} times that of the fields around", own=f.get("brightness", 1.0))


def still_there(one: Standing) -> Text:
    return both(
        "No field: of {fields} pieces of field around, {p:.0f}% are as strange; its spectrum lies {position:.0f}% of"
        " the way from the fields to the occupied state ({looks}).",
        fields=int(one.figures["fields"]),
        p=100 * one.p,
        position=100 * (one.position or 0.0),
        looks=_looks(one),
    )


def frozen(one: Standing, other: Standing, moved: Change) -> Text:
    return both(
        "No field, and nothing happens on it: beside {other} it is the same, while {moved:.0f}% of the fields around"
        " changed ({looks}).",
        other=day(other.view.at),
        moved=100 * moved.moved,
        looks=_looks(one),
    )


def neither(one: Standing) -> Text:
    if one.position is None:
        return both(
            "Not like the fields around: {p:.0f}% of them are as strange ({looks}); no clear scene of this kind shows"
            " the occupied state, so that the two cannot be compared.",
            p=100 * one.p,
            looks=_looks(one),
        )
    return both(
        "No longer like the occupied state, and not like the fields around either: {p:.0f}% of them are as strange"
        " ({looks}).",
        p=100 * one.p,
        looks=_looks(one),
    )


def in_between(one: Standing) -> Text:
    return both(
        "Neither like the fields around nor like the occupied state: {p:.0f}% of the fields are as strange ({looks}).",
        p=100 * one.p,
        looks=_looks(one),
    )


def like_fields(one: Standing) -> Text:
    return both("Like the fields around: {p:.0f}% of them are as strange ({looks}).", p=100 * one.p, looks=_looks(one))


def partly(one: Standing) -> Text:
    return both(
        "Not like the fields around all over: {p:.0f}% of them are as strange as its mean, {worst:.0f}% as its"
        " strangest tenth ({looks}).",
        p=100 * one.p,
        worst=100 * one.worst,
        looks=_looks(one),
    )


def no_contrast(one: Standing) -> Text:
    return both(
        "On this date fields around look like the occupied state ({p:.0f}% of them are as strange as it would be);"
        " a scene of another season can tell.",
        p=100 * (one.occupied_p or 0.0),
    )


def field_again(one: Standing) -> Text:
    return both(
        "A field again: {p:.0f}% of the fields around are as strange ({looks}); what was flagged would not be like"
        " them.",
        p=100 * one.p,
        looks=_looks(one),
    )


def same_season(view: View, after: View, moved: Change) -> Text:
    return both(
        "Suspected seasonal change: on {earlier}, at the same season of an earlier year, the ground looked as on"
        " {after}; {p:.0f}% of the fields around differ as much between the two days.",
        earlier=day(view.at),
        after=day(after.at),
        p=100 * moved.follow,
    )


def otherwise(view: View, after: View, moved: Change) -> Text:
    return both(
        "On {earlier}, at the same season of an earlier year, the ground looked otherwise than on {after}: {p:.0f}% of"
        " the fields around differ as much between the two days.",
        earlier=day(view.at),
        after=day(after.at),
        p=100 * moved.follow,
    )


def other_light(view: View, after: View) -> Text:
    return both(
        "{earlier} and {after} cannot be compared: too little ground around stayed as it is, or was clear on both.",
        earlier=day(view.at),
        after=day(after.at),
    )


def never_seen(one: Standing) -> Text:
    return both(
        "Like the fields around ({p:.0f}% of them are as strange, {looks}); no clear scene of this kind shows what was"
        " flagged, so that the two cannot be compared.",
        p=100 * one.p,
        looks=_looks(one),
    )


def few_bands(one: Standing, least: int) -> Text:
    return both(
        "Like the fields around, but with {n} bands all that is green is alike; {least} are needed.",
        n=len(one.view.bands),
        least=least,
    )


def unlike_before(one: Standing) -> Text:
    return both("Like the fields around, but not like the same ground at this season before it was occupied.")


def does_not_follow(one: Standing, other: Standing, moved: Change) -> Text:
    return both(
        "Like the fields around on this date, but since or until {other} it did not change as they did ({p:.0f}% of"
        " them changed as strangely).",
        other=day(other.view.at),
        p=100 * moved.follow,
    )


def one_date(one: Standing, others: int) -> Text:
    if others:
        return both(
            "Like the fields around ({looks}), but so far on dates between which too little changed: a net or thin soil"
            " would look the same; a scene of another season can tell.",
            looks=_looks(one),
        )
    return both(
        "Like the fields around ({looks}), but on this date only: a net or thin soil may look the same once; a second"
        " date, after the crops have changed, can tell.",
        looks=_looks(one),
    )


def restored(one: Standing, other: Standing, moved: Change) -> Text:
    return both(
        "A field by two dates: like the fields around here and on {other} ({looks}), and between them it changed as"
        " they did; of ground that is no field, {frozen:.1f}% changed as much.",
        other=day(other.view.at),
        looks=_looks(one),
        frozen=100 * moved.frozen,
    )


def crop_seen(one: Standing) -> Text:
    return both(
        "A crop seen from close by: colour and texture are those of the fields around ({p:.0f}% of them are as strange,"
        " {looks}).",
        p=100 * one.p,
        looks=_looks(one),
    )
