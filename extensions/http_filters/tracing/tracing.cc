#include "extensions/http_filters/tracing/tracing.h"

#include <algorithm>
#include <array>

#include "extensions/http_filters/tracing/exchange_spans.h"
#include "source/base/random.h"
#include "source/http/trace_context.h"

namespace weir::extensions::http_filters::tracing {
namespace {

using http::Verdict;

constexpr std::string_view kDigits = "0123456789abcdef";

// Random and not zero.
template <size_t kSize>
void makeId(base::Random& random, std::array<char, kSize>& id) {
  static_assert(kSize % 16 == 0);
  for (size_t at = 0; at < kSize; at += 16) {
    uint64_t bits = 0;
    while (bits == 0) bits = random.next();
    for (size_t i = 0; i < 16; ++i, bits >>= 4) id[at + i] = kDigits[bits & 15];
  }
}

// What the filters of one worker share. Worker-confined.
struct Worker {
  Worker(std::shared_ptr<const TracingConfig> of, base::ServiceMap& services)
      : config(std::move(of)),
        sampled(services.get<stats::Block>().counter(config->stats.sampled)),
        not_sampled(services.get<stats::Block>().counter(config->stats.not_sampled)),
        malformed(services.get<stats::Block>().counter(config->stats.malformed)) {
    if (!config->exporter) return;
    exporters = &services.shared<SpanExporters>([] { return std::make_shared<SpanExporters>(); });
    exporter = &exporters->use(*config->exporter, config->stats.exporter, services);
  }
  ~Worker() {
    if (exporter != nullptr) exporters->leave(*exporter);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  const std::shared_ptr<const TracingConfig> config;
  base::Random random;
  stats::Cell& sampled;
  stats::Cell& not_sampled;
  stats::Cell& malformed;
  SpanExporters* exporters = nullptr;
  SpanExporter* exporter = nullptr;  // null: spans go nowhere
};

// Worker-confined.
class TracingFilter final : public http::HttpFilter {
 public:
  explicit TracingFilter(Worker& worker) : worker_(worker) {}

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  void onStreamEnd() override;

 private:
  const TracingConfig& config() const { return *worker_.config; }
  std::optional<RemoteContext> remote(const http::HeaderMap& fields, Propagation& form);
  bool sample(const RemoteContext& remote, const http::RequestHead& head);

  Worker& worker_;
  const TracingPolicy* route_ = nullptr;
  SpanIds server_;
  SpanIds client_;
  std::array<char, 16> parent_{};
  bool has_parent_ = false;
  bool began_ = false;
  http::TraceContext context_;
  uint16_t status_ = 0;
};

// The first form that is there decides; a malformed one counts as none.
std::optional<RemoteContext> TracingFilter::remote(const http::HeaderMap& fields,
                                                   Propagation& form) {
  static constexpr std::string_view kFirstFields[] = {"traceparent", "b3", "x-b3-traceid"};
  for (const Propagation each : config().propagation) {
    form = each;
    if (auto context = readContext(each, fields)) return context;
    if (fields.has(kFirstFields[static_cast<size_t>(each)])) worker_.malformed.add();
  }
  return std::nullopt;
}

bool TracingFilter::sample(const RemoteContext& remote, const http::RequestHead& head) {
  const bool follows = config().client_context == TracingConfig::ClientContext::kFollow;
  if (follows && remote.sampling != Sampling::kUndecided) return remote.sampling == Sampling::kYes;
  const TracingPolicy& own = config().policy;
  const auto& always = route_ != nullptr && route_->always ? route_->always : own.always;
  if (always && std::any_of(always->begin(), always->end(),
                            [&](const http::HeaderMatcher& each) { return each.matches(head); })) {
    return true;
  }
  const auto& share = route_ != nullptr && route_->sampling ? route_->sampling : own.sampling;
  // By the trace, so that proxies with the same share choose the same ones.
  uint64_t point = 0;
  for (const char digit : server_.traceText().substr(16)) {
    point = point << 4 | static_cast<uint64_t>(kDigits.find(digit));
  }
  return share.value_or(http::Fraction{}).takes(point);
}

Verdict TracingFilter::onRequestHead(http::RequestHead& head, bool) {
  if (handle().info().health_check) return Verdict::kContinue;
  route_ = static_cast<const TracingPolicy*>(handle().routeConfig());
  Propagation form = config().propagation.front();
  RemoteContext remote;
  if (config().client_context != TracingConfig::ClientContext::kReplace) {
    remote = this->remote(head.headers, form).value_or(RemoteContext{});
  }
  if (remote.ids) {
    server_.trace = remote.ids->trace;
    parent_ = remote.ids->span;
    has_parent_ = true;
  } else {
    makeId(worker_.random, server_.trace);
  }
  makeId(worker_.random, server_.span);
  client_.trace = server_.trace;
  makeId(worker_.random, client_.span);
  began_ = true;
  context_ = {.trace_id = server_.traceText(),
              .span_id = server_.spanText(),
              .sampled = sample(remote, head)};
  (context_.sampled ? worker_.sampled : worker_.not_sampled).add();
  handle().info().trace = &context_;
  const OutgoingContext out{.ids = client_,
                            .sampled = context_.sampled,
                            .debug = remote.debug && context_.sampled,
                            .parent = server_.spanText()};
  for (const Propagation each : config().propagation) {
    writeContext(each, out, remote.ids && form == each, head.headers);
  }
  return Verdict::kContinue;
}

Verdict TracingFilter::onResponseHead(http::ResponseHead& head, bool) {
  status_ = head.status;
  if (began_ && !config().response_field.empty()) {
    head.headers.set(config().response_field, context_.trace_id);
  }
  return Verdict::kContinue;
}

void TracingFilter::onStreamEnd() {
  if (!began_ || !context_.sampled || worker_.exporter == nullptr) return;
  http::StreamInfo& info = handle().info();
  thread_local base::Arena arena{256};
  const http::HeaderMap no_trailers(arena);
  const http::HeaderMap* const trailers = handle().responseTrailers();
  const http::LogEntry entry{handle().requestHead(), handle().responseHead(),
                             trailers != nullptr ? *trailers : no_trailers, info};
  addSpans({.config = config(),
            .route = route_,
            .entry = entry,
            .trace_id = server_.traceText(),
            .server_span = server_.spanText(),
            .parent_span = has_parent_ ? std::string_view(parent_.data(), parent_.size()) : "",
            .client_span = client_.spanText(),
            .ended = handle().dispatcher().preciseNow(),
            .status = status_},
           *worker_.exporter);
}

// Worker-confined.
class WorkerTracingFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerTracingFilterFactory(std::shared_ptr<const TracingConfig> config,
                             base::ServiceMap& services)
      : worker_(std::move(config), services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<TracingFilter>(worker_);
  }

 private:
  Worker worker_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> TracingFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerTracingFilterFactory>(config_, services);
}

}  // namespace weir::extensions::http_filters::tracing
