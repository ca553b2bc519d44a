"""Epochs until the validation loss falls no more, with checkpoints. It imports torch."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from tensorboardX import SummaryWriter
from torch import nn
from torch.nn.functional import cross_entropy

from inference.bundles.loading import load_state_dict
from inference.training.feeding import Batch, Feed
from inference.training.recipe import Recipe
from inference.training.splitting import Split
from inference.training.watching import TrainingStopped, Watch

Integers = npt.NDArray[np.int64]
# A checkpoint is written at most so often: epochs of a linear layer take milliseconds.
CHECKPOINT_EVERY_S = 10.0
_WARM_UP_SHARE = 0.1


@dataclass(eq=False)
class _State:
    epoch: int = 0
    best_loss: float = float("inf")
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """What a network is to become better at."""

    def loss(self, scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Return what is made small: both lie on the training's device."""

    def validate(
        self, network: nn.Module, feed: Feed, rows: Integers, device: str
    ) -> dict[str, float]:
        """Return ``validation_loss`` and what else a row of the history tells of held-out rows."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where one split's training keeps what it needs to go on, and on which device it works."""

    checkpoint: Path
    tensorboard: Path
    device: str


def train_network(
    network: nn.Module,
    feed: Feed,
    split: Split,
    recipe: Recipe,
    place: Place,
    watch: Watch,
    objective: Objective | None = None,
) -> list[dict[str, Any]]:
    """Train until it is done, and leave the network with its best weights.

    An earlier attempt's checkpoint is gone on from: what it draws depends on the epoch alone.

    Parameters
    ----------
    network : moved to the device
    feed : batches
    split : rows to learn from, and to end by
    recipe : optimiser, schedule, patience
    place : files and device
    watch : is told of every epoch, and may stop
    objective : cross-entropy of classes, if absent

    Returns
    -------
    one row an epoch: ``epoch``, ``loss``, ``validation_loss``, ``rate``, and what else the
    objective says of held-out rows, such as ``validation_accuracy``
    """
    network.to(place.device)
    optimizer = torch.optim.AdamW(
        [one for one in network.parameters() if one.requires_grad],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    schedule = _schedule(optimizer, recipe)
    state = _resumed(network, optimizer, schedule, place.checkpoint)
    if objective is None:
        objective = _Naming(_class_weights(feed, split.train, recipe, place.device))
    watch.progress["history"] = state.history[:-1]
    if state.history:
        watch.tell_epoch(state.history[-1], recipe.epochs)
    written = time.monotonic()
    with SummaryWriter(logdir=str(place.tensorboard)) as board:
        while state.epoch < recipe.epochs and state.epoch - state.best_epoch < recipe.patience:
            torch.manual_seed(recipe.seed * 1000 + state.epoch)
            _one_epoch(
                network, _Beating(feed, watch), split, (optimizer, objective, place.device), state
            )
            _step(schedule, state)
            _board(board, state.history[-1])
            is_due = time.monotonic() - written >= CHECKPOINT_EVERY_S
            try:
                watch.tell_epoch(state.history[-1], recipe.epochs)
            except TrainingStopped:
                _save(network, optimizer, schedule, state, place.checkpoint)
                raise
            if is_due:
                _save(network, optimizer, schedule, state, place.checkpoint)
                written = time.monotonic()
    network.load_state_dict(state.best)
    network.eval()
    return state.history


def scores_of(
    network: nn.Module, feed: Feed, rows: Integers, device: str
) -> npt.NDArray[np.float64]:
    """Return a network's scores of rows, before softmax.

    Parameters
    ----------
    network : trained
    feed : batches
    rows : which
    device : where the network lies

    Returns
    -------
    (rows, classes) float64
    """
    network.eval()
    with torch.no_grad():
        parts = [network(inputs.to(device)).float().cpu() for inputs, _ in feed.batches(rows)]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float64)


@dataclass(frozen=True)
class _Beating:
    """A feed that tells with every batch that the training is alive."""

    feed: Feed
    watch: Watch

    def batches(self, rows: Integers, epoch: int | None = None) -> Iterator[Batch]:
        for batch in self.feed.batches(rows, epoch):
            self.watch.beat()
            yield batch


@dataclass(frozen=True, eq=False)
class _Naming:
    """Cross-entropy of classes, rare ones weighted."""

    weights: torch.Tensor | None

    def loss(self, scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        weights = None if self.weights is None else self.weights.to(scores.device)
        return cross_entropy(scores, wanted, weight=weights)

    def validate(
        self, network: nn.Module, feed: Feed, rows: Integers, device: str
    ) -> dict[str, float]:
        scores = scores_of(network, feed, rows, device)
        truth = np.concatenate([classes.numpy() for _, classes in feed.batches(rows)])
        held_out = self.loss(torch.from_numpy(scores).float(), torch.from_numpy(truth))
        return {
            "validation_loss": float(held_out),
            "validation_accuracy": round(float((scores.argmax(axis=1) == truth).mean()), 4),
        }


def _one_epoch(
    network: nn.Module,
    feed: Feed,
    split: Split,
    tools: tuple[Any, Objective, str],
    state: _State,
) -> None:
    optimizer, objective, device = tools
    _to_training(network)
    losses = []
    for inputs, wanted in feed.batches(split.train, epoch=state.epoch):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=device == "cuda"):
            scores = network(inputs.to(device))
        loss = objective.loss(scores.float(), wanted.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    found = objective.validate(network, feed, split.validation, device)
    held_out = found["validation_loss"]
    state.epoch += 1
    state.history.append(
        {
            "epoch": state.epoch,
            "loss": round(float(np.mean(losses)), 5),
            **found,
            "validation_loss": round(held_out, 5),
            "rate": optimizer.param_groups[0]["lr"],
        }
    )
    if held_out < state.best_loss:
        state.best_loss, state.best_epoch = held_out, state.epoch
        state.best = {
            name: value.detach().cpu().clone() for name, value in network.state_dict().items()
        }


def _to_training(network: nn.Module) -> None:
    """Switch to training; statistics of layers that are frozen stay as they are."""
    network.train()
    for layer in network.modules():
        own = list(layer.parameters(recurse=False))
        if own and not any(one.requires_grad for one in own):
            layer.eval()


def _class_weights(feed: Feed, rows: Integers, recipe: Recipe, device: str) -> torch.Tensor | None:
    if not recipe.has_class_weights:
        return None
    classes = np.concatenate([classes.numpy() for _, classes in feed.batches(rows)])
    counts = np.bincount(classes)
    weights = len(classes) / (len(counts) * np.maximum(counts, 1))
    return torch.tensor(weights, dtype=torch.float32, device=device)


def _schedule(optimizer: torch.optim.Optimizer, recipe: Recipe) -> Any:
    if recipe.schedule == "plateau":
        patience = max(1, recipe.patience // 3)
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=patience, factor=0.3)
    warm = max(1, round(recipe.epochs * _WARM_UP_SHARE)) if recipe.schedule == "cosine" else 1

    def factor(epoch: int) -> float:
        if recipe.schedule == "constant":
            return 1.0
        if epoch < warm:
            return (epoch + 1) / (warm + 1)
        share = (epoch - warm) / max(1, recipe.epochs - warm)
        return 0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * share)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _step(schedule: Any, state: _State) -> None:
    if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        schedule.step(state.history[-1]["validation_loss"])
    else:
        schedule.step()


def _board(board: SummaryWriter, row: dict[str, Any]) -> None:
    for name in row.keys() - {"epoch"}:
        board.add_scalar(name, row[name], row["epoch"])


def _save(
    network: nn.Module, optimizer: torch.optim.Optimizer, schedule: Any, state: _State, path: Path
) -> None:
    """Write a checkpoint beside the old one, then in its place."""
    content = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        # A function is no weight: what it is follows from the recipe.
        "schedule": {k: v for k, v in schedule.state_dict().items() if k != "lr_lambdas"},
        "epoch": state.epoch,
        "best_loss": state.best_loss,
        "best_epoch": state.best_epoch,
        "best": state.best,
        "history": state.history,
    }
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(path)


def _resumed(
    network: nn.Module, optimizer: torch.optim.Optimizer, schedule: Any, path: Path
) -> _State:
    if not path.is_file():
        return _State()
    kept = load_state_dict(path)
    network.load_state_dict(kept["network"])
    optimizer.load_state_dict(kept["optimizer"])
    known = schedule.state_dict()
    known.update(kept["schedule"])
    schedule.load_state_dict(known)
    return _State(
        epoch=int(kept["epoch"]),
        best_loss=float(kept["best_loss"]),
        best_epoch=int(kept["best_epoch"]),
        history=list(kept["history"]),
        best=kept["best"],
    )
