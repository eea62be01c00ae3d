"""[io] Whether whoever made a field link could make it still: a link gives no more than its maker may give."""

from __future__ import annotations

from maps.portal import people
from maps.portal.access import NotThere, Person, row_of
from maps.portal.links import Link
from maps.portal.office import Office


def stands(office: Office, link: Link) -> bool:
    """False: the account that made it is disabled, has another role now, or lost the area of one of its cases.

    A link of a name without an account was made on the command line and stands.
    """
    account = people.account_or_none(office.store, link.made_by)
    if account is None:
        return True
    person = Person(account.name, account.role, account.districts)
    if account.disabled or not person.may("links"):
        return False
    return not person.districts or all(_sees(office, person, number) for number in link.cases)


def _sees(office: Office, person: Person, number: str) -> bool:
    try:
        row_of(office, person, number)
    except NotThere:
        return False
    return True


def state(office: Office, link: Link) -> str:
    """ "live", "expired", "revoked"; "refused": live, but its maker may no longer give it."""
    found = link.state(office.clock())
    return "refused" if found == "live" and not stands(office, link) else found
