#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/tracing/otlp.h"
#include "source/base/service_map.h"
#include "source/buffer/block_pool.h"
#include "source/event/dispatcher.h"
#include "source/router/http_calls.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::tracing {

// Where spans are sent, and how. Value.
struct ExporterSettings {
  std::string cluster;
  std::string path = "/v1/traces";
  std::string authority;
  std::vector<std::pair<std::string, std::string>> fields = {};  // sorted
  Resource resource = {};
  std::chrono::milliseconds flush_interval{5'000};
  uint32_t max_waiting_bytes = 1 << 20;
  std::chrono::milliseconds timeout{10'000};

  bool operator==(const ExporterSettings&) const;
};

struct ExporterStats {
  stats::CounterId sent;     // spans that a collector has taken
  stats::CounterId dropped;  // that did not find room
  stats::CounterId failed;   // that a collector did not take
};

// Sends the spans of one worker to a collector, several at a time; one request is under way at
// most, and while it is, and until the interval has passed, spans wait, bounded. Worker-confined.
class SpanExporter final : private router::HttpCallListener {
 public:
  // Spans are sent at once when so many bytes wait.
  static constexpr size_t kFlushBytes = 64 * 1024;

  SpanExporter(ExporterSettings settings, const ExporterStats& ids, base::ServiceMap& services);

  void add(const Span& span);
  // Sends what waits, now or when the request under way is over.
  void flush();
  const ExporterSettings& settings() const { return settings_; }
  bool idle() const { return waiting_.empty() && !call_; }

  uint32_t users = 0;  // filter factories; kept by SpanExporters

 private:
  void onHttpCallAnswer(router::HttpCallAnswer& answer) override;
  void onHttpCallFailure(const http::StreamError& error) override;
  void finished(bool taken);
  bool draining() const;

  const ExporterSettings settings_;
  router::HttpCalls& calls_;
  const base::ServiceMap& services_;
  stats::Cell& sent_;
  stats::Cell& dropped_;
  stats::Cell& failed_;
  buffer::BlockPool blocks_;
  std::unique_ptr<event::Timer> timer_;
  router::RetryPolicy retry_;
  std::string waiting_;
  uint32_t waiting_spans_ = 0;
  uint32_t sending_spans_ = 0;
  bool flush_again_ = false;
  router::HttpCallHandle call_;
};

// The exporters of one worker: those with the same settings are one, also across configurations,
// so that what waits is sent when a configuration goes. Worker-confined.
class SpanExporters {
 public:
  SpanExporter& use(const ExporterSettings& settings, const ExporterStats& ids,
                    base::ServiceMap& services);
  void leave(SpanExporter& exporter);

 private:
  std::vector<std::unique_ptr<SpanExporter>> exporters_;
};

}  // namespace weir::extensions::http_filters::tracing
