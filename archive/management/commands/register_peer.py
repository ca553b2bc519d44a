from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.access.projects import find_project
from archive.access.selectors import find_account
from archive.access.services import register_peer
from archive.access.types import PeerOptions
from archive.errors import ArchiveError


class Command(BaseCommand):
    help = "Let a DICOM application entity in: its AE title and the address it calls from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ae_title")
        parser.add_argument("address", help="IP address that it calls from")
        parser.add_argument("--port", type=int, help="where it listens itself")
        parser.add_argument("--host", help="name or address it listens at, if another")
        parser.add_argument("--project", help="what it stores goes there; else to Unassigned")
        parser.add_argument("--description", default="")
        parser.add_argument(
            "--account",
            help="user with whose rights it queries and retrieves; else it sees nothing",
        )
        for name, text in (
            ("store", "it may store"),
            ("query", "it may query (C-FIND, modality worklist)"),
            ("retrieve", "it may retrieve (C-GET, C-MOVE)"),
            ("destination", "others may have instances sent to it (C-MOVE)"),
            ("tls", "it is called by TLS, and must come by it"),
        ):
            parser.add_argument(f"--{name}", action=BooleanOptionalAction, default=None, help=text)
        parser.add_argument(
            "--transfer-syntax", action="append", help="UID to send to it in; the best first"
        )
        parser.add_argument("--authority", type=Path, help="PEM file its certificate is checked by")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            project = find_project(options["project"]) if options["project"] else None
            register_peer(
                ae_title=options["ae_title"],
                address=options["address"],
                port=options["port"],
                project=project,
                description=options["description"],
                **_options(options),
            )
        except ArchiveError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"The certificate can't be read: {error.strerror}.") from error
        self.stdout.write(f"{options['ae_title']} may call from {options['address']}.")


def _options(given: dict[str, Any]) -> PeerOptions:
    """Take what was given; what was left out stays as it is."""
    wanted: PeerOptions = {}
    if given["account"]:
        wanted["account"] = find_account(given["account"])
    if given["host"] is not None:
        wanted["host"] = given["host"]
    if given["store"] is not None:
        wanted["may_store"] = given["store"]
    if given["query"] is not None:
        wanted["may_query"] = given["query"]
    if given["retrieve"] is not None:
        wanted["may_retrieve"] = given["retrieve"]
    if given["destination"] is not None:
        wanted["is_move_destination"] = given["destination"]
    if given["tls"] is not None:
        wanted["uses_tls"] = given["tls"]
    if given["transfer_syntax"]:
        wanted["transfer_syntaxes"] = given["transfer_syntax"]
    if given["authority"] is not None:
        wanted["certificate_authority"] = given["authority"].read_text(encoding="ascii")
    return wanted
