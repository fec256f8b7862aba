#include "extensions/http_filters/tracing/otlp.h"

#include <chrono>

namespace weir::extensions::http_filters::tracing {
namespace {

constexpr uint32_t kVarint = 0;
constexpr uint32_t kFixed64 = 1;
constexpr uint32_t kBytes = 2;
constexpr uint64_t kStatusError = 2;

void putVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void putTag(uint32_t field, uint32_t type, std::string& out) {
  putVarint(field << 3 | type, out);
}

void putNumber(uint32_t field, uint64_t value, std::string& out) {
  putTag(field, kVarint, out);
  putVarint(value, out);
}

void putText(uint32_t field, std::string_view text, std::string& out) {
  putTag(field, kBytes, out);
  putVarint(text.size(), out);
  out.append(text);
}

void putTime(uint32_t field, event::SystemTime time, std::string& out) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  auto bits = static_cast<uint64_t>(since.count());
  putTag(field, kFixed64, out);
  for (int i = 0; i < 8; ++i, bits >>= 8) out.push_back(static_cast<char>(bits & 0xff));
}

uint32_t nibble(char c) {
  return static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

void putId(uint32_t field, std::string_view hex, std::string& out) {
  putTag(field, kBytes, out);
  putVarint(hex.size() / 2, out);
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(nibble(hex[i]) << 4 | nibble(hex[i + 1])));
  }
}

// A message of its own in `field`, written by `write(out)`.
template <class Write>
void putMessage(uint32_t field, std::string& out, Write&& write) {
  std::string inner;
  write(inner);
  putText(field, inner, out);
}

void putAttribute(uint32_t field, std::string_view key, const AttributeValue& value,
                  std::string& out) {
  putMessage(field, out, [&](std::string& pair) {
    putText(1, key, pair);
    putMessage(2, pair, [&](std::string& any) {
      if (const auto* text = std::get_if<std::string_view>(&value)) {
        putText(1, *text, any);
      } else if (const auto* flag = std::get_if<bool>(&value)) {
        putNumber(2, *flag ? 1 : 0, any);
      } else {
        putNumber(3, static_cast<uint64_t>(std::get<int64_t>(value)), any);
      }
    });
  });
}

}  // namespace

void appendSpan(const Span& span, std::string& out) {
  putMessage(2, out, [&](std::string& to) {
    putId(1, span.trace_id, to);
    putId(2, span.span_id, to);
    if (!span.parent_id.empty()) putId(4, span.parent_id, to);
    putText(5, span.name, to);
    putNumber(6, static_cast<uint64_t>(span.kind), to);
    putTime(7, span.start, to);
    putTime(8, span.end, to);
    for (const Attribute& attribute : span.attributes) {
      putAttribute(9, attribute.key, attribute.value, to);
    }
    if (span.error) {
      putMessage(15, to, [](std::string& status) { putNumber(3, kStatusError, status); });
    }
  });
}

std::string exportRequest(const Resource& resource, std::string_view version,
                          std::string_view spans) {
  std::string out;
  putMessage(1, out, [&](std::string& resource_spans) {
    putMessage(1, resource_spans, [&](std::string& to) {
      putAttribute(1, "service.name", std::string_view(resource.service_name), to);
      for (const auto& [key, value] : resource.attributes) {
        putAttribute(1, key, std::string_view(value), to);
      }
    });
    putMessage(2, resource_spans, [&](std::string& scope_spans) {
      putMessage(1, scope_spans, [&](std::string& scope) {
        putText(1, "weir", scope);
        putText(2, version, scope);
      });
      scope_spans.append(spans);
    });
  });
  return out;
}

}  // namespace weir::extensions::http_filters::tracing
