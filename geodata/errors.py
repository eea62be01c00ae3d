"""The tree of errors.

    GengXunError
    ├── InputError              bad input or usage; exit code 2
    │   ├── UnreadableFile      not there, not readable, damaged, or of a kind that is not opened
    │   ├── CRSMissing          no coordinate system, and none was given
    │   ├── CRSContradiction    file, coordinates and declaration disagree
    │   ├── EmptyData           nothing in it to work with
    │   ├── NoOverlap           two things that should cover the same ground do not
    │   ├── UnknownCodes        the code system is ambiguous or unknown
    │   ├── MissingOption       something has to be said by an option
    │   └── InUse               asked to remove what others still refer to
    └── WorkError               the work failed; exit code 1
        └── LedgerDamaged       a hash does not fit

A message is one sentence: which file, which record, what is wrong, what to do.
It is given as a msgid with named fields and rendered in the user's language.
"""

from __future__ import annotations

import re

from geodata.words import tr

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


class GengXunError(Exception):
    """Base of all errors a user can meet; ``str()`` is the sentence in the user's language."""

    exit_code = 1

    def __init__(self, msgid: str, **fields: object) -> None:
        super().__init__(msgid, fields)
        self.msgid = msgid
        self.fields = fields

    def __str__(self) -> str:
        return _CONTROL.sub(" ", tr(self.msgid, None, **self.fields))  # a name from outside may hold a line break

    def __reduce__(self):  # keyword fields survive the way back from a child process
        return _rebuild, (type(self), self.msgid, self.fields)


def _rebuild(kind: type[GengXunError], msgid: str, fields: dict[str, object]) -> GengXunError:
    return kind(msgid, **fields)


class InputError(GengXunError):
    exit_code = 2


class UnreadableFile(InputError):
    pass


class CRSMissing(InputError):
    pass


class CRSContradiction(InputError):
    pass


class EmptyData(InputError):
    pass


class NoOverlap(InputError):
    pass


class UnknownCodes(InputError):
    pass


class MissingOption(InputError):
    pass


class InUse(InputError):
    pass


class WorkError(GengXunError):
    exit_code = 1


class LedgerDamaged(WorkError):
    pass
