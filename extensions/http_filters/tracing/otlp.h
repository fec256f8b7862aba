#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "source/event/dispatcher.h"

// Spans in OTLP's Protobuf encoding (opentelemetry-proto 1.x, trace/v1 and collector/trace/v1).
namespace weir::extensions::http_filters::tracing {

using AttributeValue = std::variant<std::string_view, int64_t, bool>;
struct Attribute {
  std::string_view key;
  AttributeValue value;
};

// Value; texts live elsewhere.
struct Span {
  enum class Kind : uint8_t { kServer = 2, kClient = 3 };
  std::string_view trace_id;   // 32 hexadecimal digits
  std::string_view span_id;    // 16
  std::string_view parent_id;  // 16, or empty: the first of its trace
  std::string_view name;
  Kind kind = Kind::kServer;
  event::SystemTime start;
  event::SystemTime end;
  std::span<const Attribute> attributes;
  bool error = false;
};

// Appends `span` as an element of ScopeSpans.spans.
void appendSpan(const Span& span, std::string& out);

// Whom spans are from. Value.
struct Resource {
  std::string service_name = "weir";
  std::vector<std::pair<std::string, std::string>> attributes = {};
};
// An ExportTraceServiceRequest of spans that appendSpan() has written.
std::string exportRequest(const Resource& resource, std::string_view version,
                          std::string_view spans);

}  // namespace weir::extensions::http_filters::tracing
