#include "extensions/http_filters/tap/tap.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "source/base/concat.h"
#include "source/base/file_writer.h"
#include "source/base/json_text.h"
#include "source/base/log.h"
#include "source/base/random.h"
#include "source/base/time.h"
#include "source/network/address.h"

namespace weir::extensions::http_filters::tap {
namespace {

using http::HeaderId;

// Being recorded at once on a worker: what of their bodies is kept in memory is bounded with them.
constexpr uint32_t kMostOpen = 1000;

// How many exchanges may begin to be recorded now: saved up for at most a second. Worker-confined.
class Rate {
 public:
  explicit Rate(uint32_t per_second) : per_second_(per_second), tokens_(per_second) {}
  bool take(event::MonotonicTime now) {
    const double most = per_second_;
    if (last_ != event::MonotonicTime()) {
      const double seconds = std::chrono::duration<double>(now - last_).count();
      tokens_ = std::min(most, tokens_ + seconds * most);
    }
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  const uint32_t per_second_;
  double tokens_;
  event::MonotonicTime last_;
};

// Worker-confined.
struct TapWorker {
  TapWorker(const TapOptions& options, std::shared_ptr<const TapRules> own, const TapStats& stats,
            stats::Block& block)
      : rules(std::move(own)),
        rate(options.max_per_second),
        recorded(block.counter(stats.recorded)),
        over_rate(block.counter(stats.over_rate)),
        over_open(block.counter(stats.over_open)),
        over_ring(block.counter(stats.over_ring)),
        over_size(block.counter(stats.over_size)) {}

  const std::shared_ptr<const TapRules> rules;
  std::shared_ptr<base::LineRing> ring;  // null: the file cannot be opened
  std::shared_ptr<TapFile> file;
  Rate rate;
  base::Random random;
  uint32_t open = 0;
  std::string line;  // kept, so that its memory is
  stats::Cell& recorded;
  stats::Cell& over_rate;
  stats::Cell& over_open;
  stats::Cell& over_ring;
  stats::Cell& over_size;
};

// What is kept of an exchange until it ends.
struct Recording {
  std::string request;  // as JSON, without its end
  std::string response;
  RecordedBody request_body;
  RecordedBody response_body;
};

void appendText(std::string_view name, std::string_view text, std::string& out) {
  out += '"';
  out += name;
  out += "\":";
  base::appendJsonString(text, out);
}

void keep(const buffer::Buffer& data, size_t limit, RecordedBody& body) {
  body.size += data.size();
  if (body.bytes.size() >= limit || data.empty()) return;
  buffer::Buffer copy(data.pool());
  copy.appendShared(data);
  while (body.bytes.size() < limit && !copy.empty()) {
    const std::string_view piece = copy.front().substr(0, limit - body.bytes.size());
    body.bytes.append(piece);
    copy.drain(piece.size());
  }
}

// Worker-confined.
class TapFilter final : public http::HttpFilter {
 public:
  explicit TapFilter(TapWorker& worker) : worker_(worker) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  http::Verdict onRequestBody(buffer::Buffer& data, bool) override {
    if (recording_) keep(data, rules_->max_body_bytes, recording_->request_body);
    return http::Verdict::kContinue;
  }
  http::Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  http::Verdict onResponseBody(buffer::Buffer& data, bool) override {
    if (recording_) keep(data, rules_->max_body_bytes, recording_->response_body);
    return http::Verdict::kContinue;
  }
  void onStreamEnd() override;

 private:
  bool chosen(const http::RequestHead& head);
  void drop();
  void write();
  void appendFacts(std::string& out);

  TapWorker& worker_;
  const TapRules* rules_ = nullptr;
  http::BodyNeeds needs_;
  std::unique_ptr<Recording> recording_;  // null: it is not recorded
};

http::Verdict TapFilter::onRequestHead(http::RequestHead& head, bool end_stream) {
  const auto* own = static_cast<const TapRules*>(handle().routeConfig());
  rules_ = own == nullptr ? worker_.rules.get() : own;
  if (!chosen(head)) return http::Verdict::kContinue;
  ++worker_.open;
  recording_ = std::make_unique<Recording>();
  recording_->request_body.encoded = head.headers.has(HeaderId::kContentEncoding);
  std::string& out = recording_->request;
  out += "\"request\":{";
  appendText("method", head.method, out);
  out += ',';
  appendText("url",
             rules_->redaction.clean(base::concat(head.scheme, "://", head.authority, head.path)),
             out);
  out += ',';
  appendText("version", http::versionText(head.version), out);
  out += ',';
  appendFields(head.headers, rules_->redaction, out);
  const auto wanted = rules_->max_body_bytes > 0 ? http::BodyMode::kStream : http::BodyMode::kNone;
  needs_ = {.request = end_stream ? http::BodyMode::kNone : wanted, .response = wanted};
  handle().setBodyNeeds(needs_);
  return http::Verdict::kContinue;
}

bool TapFilter::chosen(const http::RequestHead& head) {
  if (worker_.ring == nullptr) return false;
  for (const http::HeaderMatcher& matcher : rules_->request_headers) {
    if (!matcher.matches(head)) return false;
  }
  if (!rules_->fraction.takes(worker_.random)) return false;
  if (worker_.open >= kMostOpen) return worker_.over_open.add(), false;
  if (!worker_.rate.take(handle().dispatcher().now())) return worker_.over_rate.add(), false;
  return true;
}

http::Verdict TapFilter::onResponseHead(http::ResponseHead& head, bool) {
  if (!recording_) return http::Verdict::kContinue;
  if (head.status < rules_->min_status) {
    drop();
    return http::Verdict::kContinue;
  }
  recording_->response_body.encoded = head.headers.has(HeaderId::kContentEncoding);
  std::string& out = recording_->response;
  out += ",\"response\":{\"status\":" + std::to_string(head.status) + ',';
  appendFields(head.headers, rules_->redaction, out);
  return http::Verdict::kContinue;
}

void TapFilter::drop() {
  recording_.reset();
  --worker_.open;
  needs_.response = http::BodyMode::kNone;
  handle().setBodyNeeds(needs_);
}

void TapFilter::onStreamEnd() {
  if (!recording_) return;
  write();
  recording_.reset();
  --worker_.open;
}

void TapFilter::write() {
  std::string& line = worker_.line;
  line.assign("{");
  appendFacts(line);
  line += recording_->request;
  appendBody(recording_->request_body, rules_->max_body_bytes, rules_->redaction, line);
  line += '}';
  if (!recording_->response.empty()) {
    line += recording_->response;
    appendBody(recording_->response_body, rules_->max_body_bytes, rules_->redaction, line);
    line += '}';
  }
  line += "}\n";
  if (!worker_.ring->fits(line.size())) return worker_.over_ring.add();
  if (!worker_.file->take(line.size(), handle().dispatcher().now())) {
    return worker_.over_size.add();
  }
  worker_.ring->push(line);
  worker_.recorded.add();
}

void TapFilter::appendFacts(std::string& out) {
  const http::StreamInfo& info = handle().info();
  std::array<char, base::kRfc3339Size> time;
  appendText("time", base::formatRfc3339(info.start_time, time), out);
  out += ',';
  appendText("request_id", info.request_id, out);
  if (info.downstream_remote != nullptr) {
    out += ',';
    appendText("client", info.downstream_remote->toString(), out);
  }
  if (info.route != nullptr) {
    out += ',';
    appendText("route", info.route->name(), out);
  }
  out += ',';
  appendText("cluster", info.cluster, out);
  if (info.upstream_address != nullptr) {
    out += ',';
    appendText("endpoint", info.upstream_address->toString(), out);
  }
  std::string flags;
  http::appendResponseFlags(info.flags, flags);
  out += ',';
  appendText("flags", flags, out);
  const auto took = handle().dispatcher().now() - info.started;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  out += ",\"duration_us\":" + std::to_string(std::max<int64_t>(0, us)) + ',';
}

// Worker-confined.
class WorkerTapFactory final : public http::WorkerHttpFilterFactory {
 public:
  explicit WorkerTapFactory(std::unique_ptr<TapWorker> worker) : worker_(std::move(worker)) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<TapFilter>(*worker_);
  }

 private:
  const std::unique_ptr<TapWorker> worker_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> TapFilterFactory::bind(
    base::ServiceMap& services) const {
  auto worker = std::make_unique<TapWorker>(options_, rules_, stats_, services.get<stats::Block>());
  auto& writer = services.get<base::FileWriter>();
  auto ring = writer.open(options_.path);
  if (ring.ok()) {
    std::call_once(opened_, [&] {
      file_ = std::make_shared<TapFile>(options_.path, options_.file, writer,
                                        services.get<base::TaskPool>());
    });
    worker->ring = *std::move(ring);
    worker->file = file_;
  } else {
    base::log::error("tap", base::view(ring.status().message()));
  }
  return std::make_unique<WorkerTapFactory>(std::move(worker));
}

}  // namespace weir::extensions::http_filters::tap
