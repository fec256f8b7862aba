#include "extensions/http_filters/fault/asked.h"

#include <charconv>
#include <string_view>

namespace weir::extensions::http_filters::fault {
namespace {

std::optional<uint64_t> number(std::string_view text, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
  if (!whole || value < least || value > most) return std::nullopt;
  return value;
}

// Without the field, everything.
http::Fraction share(const http::HeaderMap& headers, std::string_view name) {
  if (!headers.has(name)) return {};
  const auto percent = number(headers.get(name), 0, 100);
  return {.millionths = static_cast<uint32_t>(percent.value_or(0)) * (http::Fraction::kAll / 100)};
}

}  // namespace

AskedFaults readAskedFaults(const http::HeaderMap& headers) {
  AskedFaults asked;
  const auto most_delay = static_cast<uint64_t>(kLongestDelay.count());
  if (const auto delay = number(headers.get("x-envoy-fault-delay-request"), 1, most_delay)) {
    asked.delay = Delay{.mean = std::chrono::milliseconds(*delay),
                        .share = share(headers, "x-envoy-fault-delay-request-percentage")};
  }
  if (const auto status = number(headers.get("x-envoy-fault-abort-request"), 200, 599)) {
    asked.abort_status = static_cast<uint16_t>(*status);
  }
  if (const auto status = number(headers.get("x-envoy-fault-abort-grpc-request"), 1, 16)) {
    asked.abort_grpc_status = static_cast<http::GrpcStatus>(*status);
  }
  asked.abort_share = share(headers, "x-envoy-fault-abort-request-percentage");
  constexpr uint64_t kKib = 1024;
  if (const auto rate =
          number(headers.get("x-envoy-fault-throughput-response"), 1, kMostBytesPerSecond / kKib)) {
    asked.response_rate =
        ResponseRate{.bytes_per_second = *rate * kKib,
                     .share = share(headers, "x-envoy-fault-throughput-response-percentage")};
  }
  return asked;
}

}  // namespace weir::extensions::http_filters::fault
