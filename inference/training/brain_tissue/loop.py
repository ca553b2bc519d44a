"""The training loop, with checkpoints that a later call goes on from."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from monai.losses.dice import DiceLoss
from torch.nn import functional

from inference.bundles.loading import load_state_dict
from inference.pipelines.brain_network import BrainTissueNet
from inference.pipelines.devices import choose_device
from inference.training.brain_tissue.atlas import Atlas, load_atlas
from inference.training.brain_tissue.sampling import draw_example

CHECKPOINT = "checkpoint.pt"
_CHECKPOINT_S = 120.0
_BUFFER = 48
# So many steps for each new example; the others cut another cube from an earlier one.
_STEPS_AN_EXAMPLE = 8
_KEEP = 0.99
_CLIP = 1.0
# White, grey, CSF: CSF is often a film around the brain, too thin for its Dice to lead.
_DICE_WEIGHTS = (1.0, 1.0, 0.2)


@dataclass(frozen=True)
class Plan:
    """How to train: how long, on what, with how much of the machine."""

    steps: int = 3000
    threads: int = 1
    side: int = 112
    cube: int = 80
    batch: int = 1
    rate: float = 2e-3
    seed: int = 152


@dataclass(eq=False)
class _State:
    network: BrainTissueNet
    average: BrainTissueNet
    optimizer: torch.optim.Optimizer
    steps: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def train(output: Path, plan: Plan, say: Callable[[str], object]) -> Path:
    """Train until the plan's steps are done, counted over all calls; return the checkpoint.

    Parameters
    ----------
    output : folder of the checkpoint; what lies there is gone on from
    plan : see `Plan`
    say : told of the progress, a line at a time
    """
    torch.set_num_threads(plan.threads)
    device = choose_device()
    output.mkdir(parents=True, exist_ok=True)
    state = _start(output / CHECKPOINT, plan, device)
    torch.manual_seed(plan.seed + state.steps)
    atlas = load_atlas()
    buffer: list[tuple[torch.Tensor, torch.Tensor]] = []
    before, saved = time.monotonic(), state.seconds
    while state.steps < plan.steps:
        _set_rate(state, plan.rate, state.steps / plan.steps)
        state.losses.append(_step(state, _batch(buffer, atlas, plan), device))
        state.steps += 1
        now = time.monotonic()
        state.seconds, before = state.seconds + now - before, now
        if state.seconds - saved > _CHECKPOINT_S or state.steps >= plan.steps:
            saved = state.seconds
            _save(output / CHECKPOINT, state)
            recent = sum(state.losses) / len(state.losses)
            state.losses.clear()
            say(f"{state.seconds:.0f} s, step {state.steps}, loss {recent:.4f}")
    return output / CHECKPOINT


def _start(checkpoint: Path, plan: Plan, device: str) -> _State:
    torch.manual_seed(plan.seed)
    network = BrainTissueNet().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=1e-4)
    state = _State(network, copy.deepcopy(network), optimizer)
    if checkpoint.is_file():
        kept = load_state_dict(checkpoint)
        network.load_state_dict(kept["network"])
        state.average.load_state_dict(kept["average"])
        optimizer.load_state_dict(kept["optimizer"])
        state.steps, state.seconds = int(kept["steps"]), float(kept["seconds"])
    return state


def _save(checkpoint: Path, state: _State) -> None:
    kept = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "steps": state.steps,
        "seconds": state.seconds,
    }
    # Whole or not at all: training may be ended at any moment.
    part = checkpoint.with_suffix(".part")
    torch.save(kept, part)
    part.replace(checkpoint)


def _set_rate(state: _State, rate: float, share: float) -> None:
    """Warm up for the first steps, then fall along half a cosine."""
    warm = min(1.0, (state.steps + 1) / 30)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


def _batch(
    buffer: list[tuple[torch.Tensor, torch.Tensor]], atlas: Atlas, plan: Plan
) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = []
    for _ in range(plan.batch):
        if len(buffer) < 3 or int(torch.randint(_STEPS_AN_EXAMPLE, ())) == 0:
            image, tissues = draw_example(atlas, plan.side)
            buffer.append((image.half(), tissues.to(torch.uint8)))
            del buffer[:-_BUFFER]
        chosen.append(_cut(buffer[int(torch.randint(len(buffer), ()))], plan.cube))
    images = torch.stack([image for image, _ in chosen]).float()
    tissues = torch.stack([tissues for _, tissues in chosen]).long()[:, None]
    if float(torch.rand(())) < 0.5:
        images, tissues = images.flip(2), tissues.flip(2)
    return images * (0.85 + 0.3 * torch.rand(())), tissues


def _cut(
    example: tuple[torch.Tensor, torch.Tensor], side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut a cube that holds some brain, where a few tries find one."""
    image, tissues = example
    room = max(tissues.shape[0] - side, 0) + 1
    for _ in range(4):
        at = [int(torch.randint(room, ())) for _ in range(3)]
        cut = tuple(slice(start, start + side) for start in at)
        if float((tissues[cut] > 0).float().mean()) > 0.03:
            break
    return image[(slice(None), *cut)], tissues[cut]


def _loss(logits: torch.Tensor, tissues: torch.Tensor) -> torch.Tensor:
    overlap = DiceLoss(
        include_background=False,
        to_onehot_y=True,
        softmax=True,
        # A cube without a tissue is right to find none.
        smooth_nr=1.0,
        smooth_dr=1.0,
        weight=torch.tensor(_DICE_WEIGHTS),
    ).to(logits.device)
    loss: torch.Tensor = functional.cross_entropy(logits, tissues[:, 0]) + overlap(logits, tissues)
    return loss


def _step(state: _State, batch: tuple[torch.Tensor, torch.Tensor], device: str) -> float:
    images, tissues = (part.to(device) for part in batch)
    with torch.autocast(device, torch.bfloat16):
        logits = state.network(images)
    loss = _loss(logits.float(), tissues)
    state.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), _CLIP)
    if not norm.isfinite():
        # A cube of nothing but air can blow the norms' gradients up; it teaches nothing.
        return float(loss.detach())
    state.optimizer.step()
    keep = min(_KEEP, (state.steps + 1) / (state.steps + 10))
    with torch.no_grad():
        pairs = zip(state.average.parameters(), state.network.parameters(), strict=True)
        for kept, new in pairs:
            kept.lerp_(new, 1 - keep)
    return float(loss.detach())
