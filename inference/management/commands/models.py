from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from archive.audit.types import Asker
from archive.errors import ArchiveError
from inference.bundles.external import register_external
from inference.bundles.fetching import fetched
from inference.bundles.registry import register_bundle
from inference.bundles.selectors import all_versions
from inference.bundles.states import set_state, trust_version
from inference.runs.embedders import give_space
from inference.similarity.spaces.lifecycle import promote_space, retire_space, rollback_space
from inference.similarity.spaces.overview import describe_spaces, space_of_model

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from inference.models import ModelVersion

_ASKER = Asker(door="command", name="models")


class Command(BaseCommand):
    help = "List, install, register, promote and retire models."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="every version with its state and routing rules")
        install = acts.add_parser(
            "install", help="the models of the distribution, or one by name from elsewhere"
        )
        install.add_argument("name", nargs="?", default="", help="of a bundle of MONAI's Model Zoo")
        install.add_argument(
            "--source", default="", help="folder, zip or https address; default: the Model Zoo"
        )
        install.add_argument("--zoo-version", default="", help="default: the newest")
        _add_digests(install)
        register = acts.add_parser("register", help="take a MONAI bundle in; nothing runs by that")
        register.add_argument("bundle", type=Path, help="folder or zip of the bundle")
        register.add_argument("--name", help="how the archive calls it; default: the folder's name")
        _add_digests(register)
        trust = acts.add_parser("trust", help="let an installed bundle's code run, having read it")
        trust.add_argument("name")
        trust.add_argument("digest", help="of the files you read, as printed")
        trust.add_argument("--version", default="", dest="model_version", help="default: newest")
        _add_external(acts.add_parser("external", help="a model that somebody outside runs"))
        for act, what in (
            ("promote", "let a version run on new series; search its embedding space by default"),
            ("shadow", "let a version run on new series, its results seen by reviewers only"),
            ("retire", "let it run no more; its embedding space is cleared away"),
        ):
            change = acts.add_parser(act, help=what)
            change.add_argument("name")
            change.add_argument("version", nargs="?", default="")
            change.add_argument("--reason", default="", help="for the record")
            if act == "promote":
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
                f"{_trust_of(version)}  {version.digest}"
            )
            for rule in version.routing_rules.all():
                self.stdout.write(f"    runs on {', '.join(rule.modalities) or 'any modality'}")

    def install(
        self, *, name: str, source: str, zoo_version: str, trust: str, sha256: str, **_options: Any
    ) -> None:
        if name:
            with fetched(name, source, version=zoo_version) as (bundle, origin):
                self._register(bundle, name, trust=trust, sha256=sha256, source=origin)
            return
        # The export of the embedder needs torch; listing models doesn't.
        from inference.runs.defaults import install_defaults  # noqa: PLC0415

        for default in install_defaults():
            self.stdout.write(default)

    def register(
        self, *, bundle: Path, name: str | None, trust: str, sha256: str, **_options: Any
    ) -> None:
        source = str(bundle.resolve())
        known_as = name or bundle.resolve().name.removesuffix(".zip")
        self._register(bundle, known_as, trust=trust, sha256=sha256, source=source)

    def _register(self, bundle: Path, name: str, *, trust: str, sha256: str, source: str) -> None:
        version = register_bundle(
            asker=_ASKER,
            bundle_dir=bundle,
            models_dir=Path(settings.TWINSIGHT_MODELS_DIR),
            name=name,
            trust_digest=trust,
            source=source,
            pinned_digest=sha256,
        )
        space = give_space(version)
        trusted = "trusted" if version.is_trusted else "not trusted"
        self.stdout.write(f"{version}  {version.digest}  {trusted}, {version.state}")
        self._tell_checks(version.checks, is_trusted=version.is_trusted)
        if space is not None:
            self.stdout.write(f"    space {space.name}, {space.dimension} dimensions; fill it by:")
            self.stdout.write(f"    manage.py embed --space {space.name}")
        if version.checks["trust_needed"] and not version.is_trusted:
            self.stdout.write("It may not run until its code is trusted. Read it, then:")
            self.stdout.write(f"    manage.py models trust {name} {version.digest}")

    def _tell_checks(self, checks: dict[str, Any], *, is_trusted: bool) -> None:
        for reason in checks["trust_needed"]:
            self.stdout.write(f"    {'code, trusted' if is_trusted else 'needs trust'}: {reason}")
        if checks["passed"]:
            shapes = f"{checks.get('input_shape', '')} to {checks.get('output_shape', '')}"
            self.stdout.write(
                f"    tried on a phantom: {shapes}, {checks['seconds']:.1f} s,"
                f" {checks['memory_mb']:.0f} MiB"
            )

    def external(self, *, name: str, version: str, task: str, **options: Any) -> None:
        said = {key: options[key] for key in ("station", "modalities", "body_parts", "description")}
        row = register_external(asker=_ASKER, name=name, version=version, task=task, **said)
        self.stdout.write(f"{row}  {row.digest}  performed outside, {row.state}")

    def trust(self, *, name: str, digest: str, model_version: str, **_options: Any) -> None:
        version = trust_version(asker=_ASKER, name=name, version=model_version, digest=digest)
        give_space(version)
        self.stdout.write(f"{version} trusted")
        self._tell_checks(version.checks, is_trusted=True)

    def promote(
        self, *, name: str, version: str, reason: str, force: bool, **_options: Any
    ) -> None:
        space = space_of_model(name, version)
        if not space:
            self._change(name, version, "active", "promoted", reason)
            return
        promotion = promote_space(_ASKER, space, reason, is_forced=force)
        former = promotion.previous_space
        self.stdout.write(f"{space} is searched by default{f', {former} before' if former else ''}")

    def shadow(self, *, name: str, version: str, reason: str, **_options: Any) -> None:
        if space_of_model(name, version):
            raise CommandError(
                "A model of vectors has no shadow: fill its space beside the others."
            )
        self._change(name, version, "shadow", "in shadow: only reviewers see it", reason)

    def _change(self, name: str, version: str, state: str, done: str, reason: str) -> None:
        changed = set_state(name=name, version=version, state=state, asker=_ASKER, reason=reason)
        self.stdout.write(f"{changed} {done}")

    def rollback(self, *, reason: str, **_options: Any) -> None:
        promotion = rollback_space(_ASKER, reason)
        self.stdout.write(f"{promotion.space} is searched by default again")

    def retire(self, *, name: str, version: str, reason: str, **_options: Any) -> None:
        space = space_of_model(name, version)
        if space:
            self.stdout.write(f"{retire_space(_ASKER, space)} retired")
            return
        self._change(name, version, "retired", "retired", reason)

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


def _add_digests(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--trust",
        metavar="DIGEST",
        default="",
        help="let this bundle's scripts and expressions run: its digest, as printed",
    )
    parser.add_argument(
        "--sha256", metavar="DIGEST", default="", help="refuse a bundle with another digest"
    )


def _add_external(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("version")
    parser.add_argument("--task", default="segment", help="classify, segment or detect")
    parser.add_argument("--station", default="", help="code by which its performers find the work")
    parser.add_argument("--modality", action="append", default=[], dest="modalities")
    parser.add_argument("--body-part", action="append", default=[], dest="body_parts")
    parser.add_argument("--description", default="")


def _trust_of(version: ModelVersion) -> str:
    if version.is_trusted:
        return "  trusted"
    return "  needs trust" if version.checks.get("trust_needed") else ""
