"""A tiny encoder of texts: an ONNX model that adds up directions of known words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

UNKNOWN = "[UNK]"


def write_text_model(
    folder: Path, words: dict[str, npt.NDArray[np.float32]], *, is_pooled: bool = True
) -> None:
    """Write ``text.onnx`` and ``tokenizer.json``; without pooling a vector a token comes out."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [UNKNOWN, *words]
    dimension = len(next(iter(words.values())))
    table = np.stack([np.full(dimension, 1e-3, dtype=np.float32), *words.values()])
    _write_tokenizer(folder / "tokenizer.json", names)
    _write_network(folder / "text.onnx", table.astype(np.float32), is_pooled=is_pooled)


def _write_tokenizer(path: Path, names: list[str]) -> None:
    path.write_text(
        json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "added_tokens": [],
                "normalizer": {"type": "Lowercase"},
                "pre_tokenizer": {"type": "Whitespace"},
                "post_processor": None,
                "decoder": None,
                "model": {
                    "type": "WordLevel",
                    "vocab": {name: number for number, name in enumerate(names)},
                    "unk_token": UNKNOWN,
                },
            }
        )
    )


def _write_network(path: Path, table: npt.NDArray[np.float32], *, is_pooled: bool) -> None:
    from onnx import TensorProto, checker, helper, numpy_helper, save

    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "tokens"])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["n", "tokens"])
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
        numpy_helper.from_array(np.array([2], dtype=np.int64), "last"),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["weights"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["weights", "last"], ["wide"]),
        helper.make_node("Mul", ["tokens", "wide"], ["masked"]),
    ]
    shape: list[str | int] = ["n", "length", table.shape[1]]
    if is_pooled:
        nodes.append(helper.make_node("ReduceSum", ["masked", "axis"], ["vector"], keepdims=0))
        shape = ["n", table.shape[1]]
    else:
        nodes.append(helper.make_node("Identity", ["masked"], ["vector"]))
    output = helper.make_tensor_value_info("vector", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "text", [ids, mask], [output], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    checker.check_model(model)
    save(model, path)
