"""Counters, histograms and the text that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TEXTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


class Histogram:
    """Counts by upper bound, with their sum."""

    def __init__(self, name: str, text: str, bounds: tuple[float, ...]) -> None:
        self.name = name
        self.sum = 0.0
        self.count = 0
        self._text = text
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value
        self.count += 1

    def lines(self) -> Iterable[str]:
        """The exposition's lines."""
        yield f"# HELP {self.name} {self._text}"
        yield f"# TYPE {self.name} histogram"
        below = 0
        for bound, count in zip(self._bounds, self._counts, strict=False):
            below += count
            yield f'{self.name}_bucket{{le="{bound:g}"}} {below}'
        yield f'{self.name}_bucket{{le="+Inf"}} {self.count}'
        yield f"{self.name}_sum {self.sum:.9g}"
        yield f"{self.name}_count {self.count}"


class Metrics:
    """All that is counted. Gauges are read when they are shown."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """Answers by path and status; 499 is a client that was gone."""
        self.latency = Histogram("model_server_invoke_seconds", "Time from a request's head to its answer.", _SECONDS)
        self.forget_batches()

    def forget_batches(self) -> None:
        """Begin anew with them: until it is ready the server asks for them itself."""
        self.dropped: Counter[str] = Counter()
        """Requests whose texts were not computed (in full), by reason: deadline or gone."""
        self.queued = Histogram("model_server_queue_seconds", "Time a request waited for its batch.", _SECONDS)
        self.computed = Histogram("model_server_batch_compute_seconds", "Time the model took for a batch.", _SECONDS)
        self.batches = Histogram("model_server_batch_texts", "Texts of a batch.", _TEXTS)

    def show(self, gauges: Mapping[str, tuple[str, float]], memory: Mapping[str, int]) -> str:
        """The exposition: counters, histograms, `gauges` as (help, value) by name, GPU bytes by kind."""
        lines = ["# HELP model_server_requests_total Answers by path and status; 499: the client was gone."]
        lines.append("# TYPE model_server_requests_total counter")
        for (path, status), count in sorted(self.requests.items()):
            lines.append(f'model_server_requests_total{{path="{path}",code="{status}"}} {count}')
        lines.append("# HELP model_server_dropped_total Requests given up before they were computed in full.")
        lines.append("# TYPE model_server_dropped_total counter")
        lines += [
            f'model_server_dropped_total{{reason="{name}"}} {self.dropped[name]}' for name in ("deadline", "gone")
        ]
        for histogram in (self.latency, self.queued, self.computed, self.batches):
            lines += histogram.lines()
        for name, (text, value) in gauges.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {value:.9g}"]
        lines.append("# HELP model_server_gpu_memory_bytes Memory of the GPU; no value without one.")
        lines.append("# TYPE model_server_gpu_memory_bytes gauge")
        lines += [f'model_server_gpu_memory_bytes{{kind="{kind}"}} {value}' for kind, value in memory.items()]
        return "\n".join(lines) + "\n"
