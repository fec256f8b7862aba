#pragma once

#include <string_view>

#include "extensions/http_filters/tracing/span_exporter.h"
#include "extensions/http_filters/tracing/tracing.h"
#include "source/http/filter.h"

namespace weir::extensions::http_filters::tracing {

// What the spans of an exchange are made from, at its end. Borrows.
struct TracedExchange {
  const TracingConfig& config;
  const TracingPolicy* route;  // null: none
  const http::LogEntry& entry;
  std::string_view trace_id;
  std::string_view server_span;
  std::string_view parent_span;  // empty: none
  std::string_view client_span;  // of the exchange with the endpoint
  event::MonotonicTime ended;
  uint16_t status;  // of the answer here; 0: none came
};

// The span of the exchange with the client, and if an endpoint was chosen, that of the exchange
// with it; attributes by OpenTelemetry's semantic conventions for HTTP (1.23).
void addSpans(const TracedExchange& exchange, SpanExporter& exporter);

}  // namespace weir::extensions::http_filters::tracing
