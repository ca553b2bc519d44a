from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.access.projects import find_project
from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.errors import ArchiveError


class Command(BaseCommand):
    help = "Make an API token; it is printed alone on the last line, once, and kept nowhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="its account; made, without a password, where missing")
        parser.add_argument(
            "--scope",
            action="extend",
            nargs="+",
            required=True,
            help="read, write, admin, metrics; one or more",
        )
        parser.add_argument("--role", help="role to hold in the projects (viewer)")
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--project",
            action="extend",
            nargs="+",
            default=[],
            help="name or slug; what the token stores goes to the first",
        )
        where.add_argument("--all-projects", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["role"] and not (options["project"] or options["all_projects"]):
            message = "--role needs --project or --all-projects."
            raise CommandError(message)
        try:
            projects = [find_project(name) for name in options["project"]]
            secret = create_api_token(
                asker=Asker(door="command", name="create_api_token"),
                username=options["user"],
                scopes=options["scope"],
                role=options["role"],
                projects=[None] if options["all_projects"] else projects,
            )
        except ArchiveError as error:
            raise CommandError(error.message) from error
        self.stdout.write(secret)
