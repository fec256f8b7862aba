#include "source/http/http2/stats.h"

#include <string>

namespace weir::http::http2 {
namespace {

constexpr size_t kLimits = static_cast<size_t>(Limit::kCount);

std::array<stats::Cell*, kLimits> cellsOf(const std::array<stats::CounterId, kLimits>& ids,
                                          stats::Block& block) {
  std::array<stats::Cell*, kLimits> cells{};
  for (size_t i = 0; i < kLimits; ++i) cells[i] = &block.counter(ids[i]);
  return cells;
}

}  // namespace

std::string_view limitName(Limit limit) {
  switch (limit) {
    case Limit::kStreams:
      return "streams";
    case Limit::kHeadBytes:
      return "head_bytes";
    case Limit::kHeadFields:
      return "head_fields";
    case Limit::kContinuationFrames:
      return "continuation_frames";
    case Limit::kResets:
      return "resets";
    case Limit::kEmptyData:
      return "empty_data";
    case Limit::kTinyData:
      return "tiny_data";
    case Limit::kSettings:
      return "settings";
    case Limit::kPings:
      return "pings";
    case Limit::kPriorities:
      return "priorities";
    case Limit::kUnknownFrames:
      return "unknown_frames";
    case Limit::kWindowUpdates:
      return "window_updates";
    case Limit::kHeadTime:
      return "head_time";
    case Limit::kStalledWindow:
      return "stalled_window";
    case Limit::kKeepalive:
      return "keepalive";
    case Limit::kCount:
      break;
  }
  return "";
}

Stats Stats::create(stats::Store& store, const stats::Labels& labels) {
  Stats ids{};
  for (size_t i = 0; i < ids.limits.size(); ++i) {
    stats::Labels with_limit = labels;
    with_limit.emplace_back("limit", std::string(limitName(static_cast<Limit>(i))));
    ids.limits[i] = store.counter("http2_limits_total",
                                  "Times a peer went beyond a limit of HTTP/2.", with_limit);
  }
  ids.connections = store.counter("http2_connections_total", "HTTP/2 connections begun.", labels);
  ids.protocol_errors =
      store.counter("http2_protocol_errors_total",
                    "Connections and streams that ended because the peer broke HTTP/2.", labels);
  ids.resets_sent = store.counter("http2_resets_sent_total", "RST_STREAM frames sent.", labels);
  ids.resets_received =
      store.counter("http2_resets_received_total", "RST_STREAM frames received.", labels);
  ids.goaways_sent = store.counter("http2_goaways_sent_total", "GOAWAY frames sent.", labels);
  ids.goaways_received =
      store.counter("http2_goaways_received_total", "GOAWAY frames received.", labels);
  return ids;
}

Cells::Cells(const Stats& stats, stats::Block& block)
    : limits(cellsOf(stats.limits, block)),
      connections(block.counter(stats.connections)),
      protocol_errors(block.counter(stats.protocol_errors)),
      resets_sent(block.counter(stats.resets_sent)),
      resets_received(block.counter(stats.resets_received)),
      goaways_sent(block.counter(stats.goaways_sent)),
      goaways_received(block.counter(stats.goaways_received)) {}

}  // namespace weir::http::http2
