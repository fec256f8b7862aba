#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "source/stats/stats.h"

namespace weir::http::http2 {

// What a peer went beyond; each has a counter.
enum class Limit : uint8_t {
  kStreams,             // refused with REFUSED_STREAM
  kHeadBytes,           // 431 (server), or the stream is reset
  kHeadFields,          // likewise
  kContinuationFrames,  // this and the following end the connection
  kResets,
  kEmptyData,
  kTinyData,
  kSettings,
  kPings,
  kPriorities,
  kUnknownFrames,
  kWindowUpdates,
  kHeadTime,
  kStalledWindow,  // the stream is reset
  kKeepalive,      // PING was not answered: the connection is closed
  kCount,
};
// "resets", "empty_data": the value of the label `limit`.
std::string_view limitName(Limit limit);

// Metric ids; registered on the main thread. `labels` say whose: {manager=…} or {cluster=…}.
struct Stats {
  static Stats create(stats::Store& store, const stats::Labels& labels);
  std::array<stats::CounterId, static_cast<size_t>(Limit::kCount)> limits;
  stats::CounterId connections, protocol_errors, resets_sent, resets_received, goaways_sent,
      goaways_received;
};

// Resolved cells of one worker.
struct Cells {
  Cells(const Stats& stats, stats::Block& block);
  stats::Cell& limit(Limit limit) const { return *limits[static_cast<size_t>(limit)]; }
  std::array<stats::Cell*, static_cast<size_t>(Limit::kCount)> limits;
  stats::Cell &connections, &protocol_errors, &resets_sent, &resets_received, &goaways_sent,
      &goaways_received;
};

}  // namespace weir::http::http2
