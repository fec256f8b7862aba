#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "source/http/header_map.h"

namespace weir::extensions::http_filters::tracing {

// Ids of a trace and of one span in it, as lower-case hexadecimal digits; neither is zero. Value.
struct SpanIds {
  std::array<char, 32> trace{};
  std::array<char, 16> span{};

  std::string_view traceText() const { return {trace.data(), trace.size()}; }
  std::string_view spanText() const { return {span.data(), span.size()}; }
};

enum class Sampling : uint8_t { kUndecided, kNo, kYes };

// What a request says of the trace that it belongs to. Value.
struct RemoteContext {
  std::optional<SpanIds> ids = {};  // nothing: only whether to sample
  Sampling sampling = Sampling::kUndecided;
  bool debug = false;  // of B3; implies kYes
};

// How contexts stand in header fields.
enum class Propagation : uint8_t { kW3c, kB3, kB3Multi };

// Nothing: no context, or one that breaks the rules of its form, which counts as none.
std::optional<RemoteContext> readContext(Propagation form, const http::HeaderMap& fields);
// The same for the value of one field: W3C Trace Context 3.2, and B3's single header.
std::optional<RemoteContext> readTraceparent(std::string_view value);
std::optional<RemoteContext> readB3(std::string_view value);
// The values of tracestate's fields in order, joined by ",": whether they keep the rules of W3C
// Trace Context 3.3 (members, their grammar, none twice, at most 32).
bool isTraceState(std::string_view value);

// What goes on: `ids` are those of the span whose child the receiver's is. `debug` and `parent`
// (16 digits, or empty) are for B3 alone.
struct OutgoingContext {
  const SpanIds& ids;
  bool sampled = false;
  bool debug = false;
  std::string_view parent = {};
};
// Takes the place of all fields of that form. tracestate stays, where it is valid and its
// traceparent was (`continued`).
void writeContext(Propagation form, const OutgoingContext& context, bool continued,
                  http::HeaderMap& fields);
// Takes all fields of that form away.
void removeContext(Propagation form, http::HeaderMap& fields);

}  // namespace weir::extensions::http_filters::tracing
