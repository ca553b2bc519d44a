"""FAISS on the same vectors, as the yardstick of a vector index in memory without a database."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_WIDTHS = (12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)


@dataclass(frozen=True)
class Peer:
    """Recall and times of one way of searching."""

    recall: float
    p50_ms: float
    p95_ms: float
    width: int = 0
    cpu_ms: float = 0.0


class FaissPeer:
    """HNSW with the product's own parameters, and flat search."""

    def __init__(
        self, vectors: npt.NDArray[np.float32], *, m: int, ef_construction: int, threads: int
    ) -> None:
        import faiss  # noqa: PLC0415 of the extra `dev`

        self.faiss: Any = faiss
        faiss.omp_set_num_threads(threads)
        dimension = vectors.shape[1]
        self.flat = faiss.IndexFlatIP(dimension)
        self.flat.add(vectors)
        self.index = faiss.IndexHNSWFlat(dimension, m, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = ef_construction
        started = time.perf_counter()
        self.index.add(vectors)
        self.build_s = time.perf_counter() - started
        faiss.omp_set_num_threads(1)

    def exact(
        self, queries: npt.NDArray[np.float32], allowed: npt.NDArray[np.int64] | None, k: int
    ) -> tuple[npt.NDArray[np.int64], Peer]:
        """Search flat: the truth, and what it costs one thread."""
        selector = self._selector(allowed)
        parameters = self.faiss.SearchParameters(sel=selector) if selector else None
        found, peer = self._run(self.flat, queries, k, parameters, None)
        return found, peer

    def at_recall(
        self,
        queries: npt.NDArray[np.float32],
        allowed: npt.NDArray[np.int64] | None,
        truth: npt.NDArray[np.int64],
        recall: float,
    ) -> Peer:
        """Search HNSW as narrowly as gives this recall; the widest where none does."""
        selector = self._selector(allowed)
        peer = Peer(0, 0, 0)
        for width in _WIDTHS:
            parameters = self.faiss.SearchParametersHNSW(efSearch=width)
            if selector:
                parameters.sel = selector
            _, peer = self._run(self.index, queries, truth.shape[1], parameters, truth)
            peer = replace(peer, width=width)
            if peer.recall >= recall:
                break
        return peer

    def _selector(self, allowed: npt.NDArray[np.int64] | None) -> Any:
        if allowed is None:
            return None
        bits = np.zeros(self.flat.ntotal, dtype=bool)
        bits[allowed] = True
        return self.faiss.IDSelectorBitmap(np.packbits(bits, bitorder="little"))

    def _run(
        self,
        index: Any,
        queries: npt.NDArray[np.float32],
        k: int,
        parameters: Any,
        truth: npt.NDArray[np.int64] | None,
    ) -> tuple[npt.NDArray[np.int64], Peer]:
        found, times = [], []
        index.search(queries[:1], k, params=parameters)
        spent = time.process_time()
        for query in queries:
            started = time.perf_counter()
            _, keys = index.search(query[None], k, params=parameters)
            times.append((time.perf_counter() - started) * 1000)
            found.append(keys[0])
        spent = (time.process_time() - spent) * 1000 / len(queries)
        rows = np.array(found)
        recall = 1.0
        if truth is not None:
            hits = [len(set(a) & set(b)) / k for a, b in zip(rows, truth, strict=True)]
            recall = float(np.mean(hits))
        p50, p95 = np.percentile(times, [50, 95])
        return rows, Peer(recall, float(p50), float(p95), cpu_ms=spent)
