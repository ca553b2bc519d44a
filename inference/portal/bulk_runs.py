"""The act that runs a model on many studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import may_label_any
from archive.bulk.registry import register_act
from archive.bulk.types import Act, Field
from archive.bulk.working import SkippedError
from archive.errors import InvalidRequestError
from inference.errors import UnsupportedInputError
from inference.runs.queueing import request_run
from inference.runs.starting import requestable_versions, startable_series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archive.audit.types import Asker
    from archive.bulk.types import Work
    from archive.models.querysets import AnyUser


def register_bulk_runs() -> None:
    """Offer it; called once, when the program starts."""
    register_act(
        Act(
            name="run-model",
            label=_("Run a model"),
            verb=_("Run"),
            icon="cpu",
            is_for=may_label_any,
            fields=_fields,
            check=_checked,
            step=_run,
            hint=_("On every series of pictures that the model takes."),
        )
    )


def _models() -> dict[str, str]:
    return {f"{one.name}:{one.version}": str(one) for one in requestable_versions()}


def _fields(_user: AnyUser) -> Sequence[Field]:
    return (Field(name="model", label=_("Model"), kind="choice", choices=list(_models().items())),)


def _checked(_asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    known = _models()
    model = asked.get("model", "")
    if model not in known:
        raise InvalidRequestError(gettext("There is no such model to run."), code="unknown-model")
    return {"model": model, "detail": known[model]}


def _run(work: Work, study_uid: str) -> str:
    user: Any = work.asker.user
    number = 0
    for series in startable_series(user, study_uid=study_uid):
        try:
            request_run(
                asker=work.asker,
                model=str(work.options["model"]),
                series_uid=series.series_instance_uid,
            )
        except UnsupportedInputError:
            continue
        number += 1
    if not number:
        raise SkippedError(gettext("The model takes none of its series."))
    return ngettext("%(n)s run waits for a worker", "%(n)s runs wait for a worker", number) % {
        "n": number
    }
