from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from archive.audit.types import Asker
from archive.errors import ArchiveError
from inference.bundles.registry import all_versions, register_bundle, set_state
from inference.similarity.spaces.lifecycle import promote_space, retire_space, rollback_space
from inference.similarity.spaces.overview import describe_spaces, space_of_model

_ASKER = Asker(door="command", name="models")


class Command(BaseCommand):
    help = "List, install, register, promote and retire models."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="every version with its state and routing rules")
        acts.add_parser("install", help="the models of the distribution; quick when they are there")
        register = acts.add_parser("register", help="take a MONAI bundle in; nothing runs by that")
        register.add_argument("bundle", type=Path, help="folder of the bundle")
        register.add_argument("--name", help="how the archive calls it; default: the folder's name")
        register.add_argument(
            "--trust",
            metavar="DIGEST",
            default="",
            help="let this bundle's scripts and expressions run: its digest, as printed",
        )
        for act, what in (
            ("promote", "let a version run on new series; search its embedding space by default"),
            ("retire", "let it run no more; its embedding space is cleared away"),
        ):
            change = acts.add_parser(act, help=what)
            change.add_argument("name")
            change.add_argument("version", nargs="?", default="")
            if act == "promote":
                change.add_argument("--reason", default="", help="of a space, for the record")
                change.add_argument(
                    "--force", action="store_true", help="a space that is still being filled"
                )
        acts.add_parser("spaces", help="embedding spaces: what they come from, how far they are")
        back = acts.add_parser("rollback", help="search the space again that was before")
        back.add_argument("--reason", default="", help="for the record")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            getattr(self, options["act"])(**options)
        except ArchiveError as error:
            raise CommandError(error.message) from error

    def list(self, **_options: Any) -> None:
        for version in all_versions():
            self.stdout.write(
                f"{version.name} {version.version}  {version.task}  {version.state}"
                f"{'  trusted' if version.is_trusted else ''}  {version.digest}"
            )
            for rule in version.routing_rules.all():
                self.stdout.write(f"    runs on {', '.join(rule.modalities) or 'any modality'}")

    def install(self, **_options: Any) -> None:
        # The export of the embedder needs torch; listing models doesn't.
        from inference.runs.defaults import install_defaults  # noqa: PLC0415

        for name in install_defaults():
            self.stdout.write(name)

    def register(self, *, bundle: Path, name: str | None, trust: str, **_options: Any) -> None:
        version = register_bundle(
            asker=Asker(door="command"),
            bundle_dir=bundle,
            models_dir=Path(settings.TWINSIGHT_MODELS_DIR),
            name=name or bundle.resolve().name,
            trust_digest=trust,
        )
        trusted = "trusted" if version.is_trusted else "not trusted"
        self.stdout.write(f"{version}  {version.digest}  {trusted}, {version.state}")

    def promote(
        self, *, name: str, version: str, reason: str, force: bool, **_options: Any
    ) -> None:
        space = space_of_model(name, version)
        if not space:
            promoted = set_state(name=name, version=version, state="active")
            self.stdout.write(f"{promoted} promoted")
            return
        promotion = promote_space(_ASKER, space, reason, is_forced=force)
        former = promotion.previous_space
        self.stdout.write(f"{space} is searched by default{f', {former} before' if former else ''}")

    def rollback(self, *, reason: str, **_options: Any) -> None:
        promotion = rollback_space(_ASKER, reason)
        self.stdout.write(f"{promotion.space} is searched by default again")

    def retire(self, *, name: str, version: str, **_options: Any) -> None:
        space = space_of_model(name, version)
        if space:
            self.stdout.write(f"{retire_space(_ASKER, space)} retired")
            return
        self.stdout.write(f"{set_state(name=name, version=version, state='retired')} retired")

    def spaces(self, **_options: Any) -> None:
        for space in describe_spaces():
            mark = "  default" if space.is_default else ""
            self.stdout.write(f"{space.name}  {space.state}{mark}  {space.vectors} images")
            if space.progress is not None and space.state == "filling":
                done = space.progress
                paused = ", paused" if done.is_paused else ""
                self.stdout.write(
                    f"    {done.images_done} of {done.images} images ({done.percent} %){paused}"
                )
            stated = (f"{key} {value}" for key, value in space.provenance.items() if value)
            self.stdout.write(f"    {', '.join(stated)}")
