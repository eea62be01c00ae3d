"""[io] ``gengxun``: the command line.

Exit codes: 0 done (nothing-to-do included); 1 the work failed; 2 bad input or usage, with one
sentence on standard error. With ``--json`` one document on standard output and nothing else.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import click

from flows.cli import click_words
from geodata import words
from geodata.errors import GengXunError
from geodata.words import tr

COMMANDS = {
    "demo": "work",
    "init": "data",
    "layer": "layers",
    "scene": "data",
    "photo": "photos",
    "ingest": "work",
    "inspect": "work",
    "recheck": "work",
    "sortie": "sorties",
    "detect": "work",
    "train": "train",
    "case": "casework",
    "batch": "batchwork",
    "remind": "office",
    "stats": "office",
    "export": "office",
    "law": "office",
    "verify": "ledgerwork",
    "ledger": "ledgerwork",
    "backup": "ledgerwork",
    "restore": "ledgerwork",
    "publish": "work",
    "serve": "portal",
    "user": "portal",
    "link": "links",
    "schedule": "work",
    "doctor": "doctor",
}
SHORT = {
    "demo": "The whole way on a computed township; prints where the pages are.",
    "init": "A new workspace.",
    "layer": "Survey layers: add, list, remove, export.",
    "scene": "Satellite and drone imagery: add, list, edit, remove.",
    "photo": "Photos of drones: add, list, flights.",
    "ingest": "Take in what lies in the inbox, once.",
    "inspect": "Compare new scenes with earlier ones and flag what touches farmland.",
    "recheck": "Look at ground under rectification, before acceptance or closed, in every later scene.",
    "sortie": "Drone flights for what satellites cannot settle, as waypoint files.",
    "detect": "Compare two image files; no workspace, no layers.",
    "train": "A model of change from labelled pairs, or from verified cases.",
    "case": "Cases: list, show, do, export.",
    "batch": "Clues from outside: add, list, return.",
    "remind": "What is overdue or due soon, by district and person.",
    "stats": "Counts, areas, ages and rates.",
    "export": "The register as a workbook, or as features for a GIS.",
    "law": "The office's own standards: a file to edit.",
    "verify": "Check ledger, signed heads and evidence.",
    "ledger": "Signed heads of the ledger: head, witness, export.",
    "backup": "Ledger and evidence into one file, while others write.",
    "restore": "A workspace from a backup, checked.",
    "publish": "Write the pages to site/.",
    "serve": "The portal: pages, forms and field links for people.",
    "user": "Accounts of the portal: add, list, disable, reset.",
    "link": "Field links: new, list, revoke, rotate.",
    "schedule": "Run the flows on their schedules until stopped.",
    "doctor": "What is missing or wrong on this machine, and the mend.",
}


class Localised:
    """Help in the user's language; click's own words included."""

    def get_help(self, ctx: click.Context) -> str:
        text: str = super().get_help(ctx)  # type: ignore[misc]
        if words.language() == "zh":
            for english, chinese in click_words.HELP.items():
                text = text.replace(english, chinese)
        return text


class Command(Localised, click.Command):
    pass


class Group(Localised, click.Group):
    command_class = Command


Group.group_class = Group


class Lazy(Group):
    """Commands are imported when they are called: the quick ones stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(f"flows.cli.{COMMANDS[name]}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands:"[:-1]):
            formatter.write_dl([(name, tr(text)) for name, text in SHORT.items()])


@click.group(
    cls=Lazy,
    help=tr("耕巡 GengXun patrols farmland from above: scenes and survey layers in, few and explained flags out."),
    epilog=tr("Try it: gengxun demo. Language: GENGXUN_LANG=zh or en."),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="gengxun", prog_name="gengxun")
def cli() -> None:
    pass


def say(text: str) -> None:
    """One line for a person, on standard error (standard output is for results)."""
    click.echo(text, err=True)


def emit(document: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def main(arguments: list[str] | None = None) -> None:
    """The entry point; turns errors into one sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        sys.exit(cli.main(arguments, prog_name="gengxun", standalone_mode=False) or 0)
    except GengXunError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        said = error.format_message()
        if words.language() == "zh":
            say(tr("{message} See: gengxun --help", message=click_words.chinese(said).rstrip("。.") + "。"))
        else:
            say(tr("{message} See: gengxun --help", message=said.rstrip("。.") + ". ").replace("  ", " "))
        sys.exit(2)
    except (click.exceptions.Abort, KeyboardInterrupt):
        say(tr("stopped; what was finished is kept, run it again to go on"))
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
