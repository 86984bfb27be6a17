"""A span a request, as OpenTelemetry has it; its own variables (OTEL_…) say where to, how many, under which name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipworthy import __version__
from shipworthy.errors import WrongUse
from shipworthy.serving.observing import TRACEPARENT, Seen

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Tracing:
    """Ends a span for each answered request; they are sent by a thread, in batches."""

    def __init__(self, worker: str) -> None:
        try:
            # An extra, and nothing that a worker without traces should hold.
            from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

            self._provider = _provider(worker)
        except ImportError as error:
            raise WrongUse(
                f"--traces needs OpenTelemetry where the worker runs ({error}): "
                "pip install 'shipworthy[opentelemetry]'; a model in an environment of its own needs it in its lock"
            ) from None
        self._tracer = self._provider.get_tracer("shipworthy", __version__)
        self._extract = TraceContextTextMapPropagator().extract
        self._kind, self._failed = SpanKind.SERVER, Status(StatusCode.ERROR)

    def tell(self, seen: Seen) -> None:
        """A request was answered."""
        path, _, query = seen.path.partition("?")
        span = self._tracer.start_span(
            f"{seen.method} {path}" if seen.status != 404 else seen.method,  # few names: anybody may ask for anything
            context=self._extract({TRACEPARENT.decode(): seen.trace}) if seen.trace else None,
            kind=self._kind,
            start_time=seen.began,
        )
        if span.is_recording():
            span.set_attributes(
                {
                    "http.request.method": seen.method,
                    "url.path": path,
                    "url.scheme": "http",
                    "http.response.status_code": seen.status,
                    "http.request.body.size": seen.received,
                    "http.response.body.size": seen.sent,
                }
            )
            if query:
                span.set_attribute("url.query", query)
            if seen.model:
                span.set_attributes({"shipworthy.model": seen.model, "shipworthy.release": seen.release})
            if seen.status >= 500:
                span.set_status(self._failed)
        span.end(seen.began + int(1e9 * seen.seconds))

    def flush(self) -> None:
        """Nothing to do: a thread sends them."""

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _provider(worker: str) -> TracerProvider:
    """Sampler, endpoint, headers and batches are OpenTelemetry's variables'; OTEL_SERVICE_NAME goes before our name."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    own = Resource({"service.name": "shipworthy", "service.version": __version__, "service.instance.id": worker})
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
