#include "extensions/http_filters/tracing/span_exporter.h"

#include <algorithm>
#include <tuple>

#include "source/base/drain_state.h"
#include "source/base/version.h"
#include "source/buffer/buffer.h"

namespace weir::extensions::http_filters::tracing {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kMaxAnswerBytes = 64 * 1024;

// OTLP: what these say may be sent again.
router::RetryPolicy retryPolicy() {
  using Policy = router::RetryPolicy;
  Policy policy;
  policy.max_retries = 2;
  policy.conditions = Policy::bit(Policy::Condition::kConnectFailure) |
                      Policy::bit(Policy::Condition::kResetBeforeAnswer) |
                      Policy::bit(Policy::Condition::kGatewayError);
  policy.any_method = true;
  policy.base_interval = milliseconds(200);
  policy.max_interval = milliseconds(2'000);
  policy.max_body_bytes = 2 * SpanExporter::kFlushBytes;
  return policy;
}

}  // namespace

bool ExporterSettings::operator==(const ExporterSettings& other) const {
  const auto all = [](const ExporterSettings& s) {
    return std::tie(s.cluster, s.path, s.authority, s.fields, s.resource.service_name,
                    s.resource.attributes, s.flush_interval, s.max_waiting_bytes, s.timeout);
  };
  return all(*this) == all(other);
}

SpanExporter::SpanExporter(ExporterSettings settings, const ExporterStats& ids,
                           base::ServiceMap& services)
    : settings_(std::move(settings)),
      calls_(services.get<router::HttpCalls>()),
      services_(services),
      sent_(services.get<stats::Block>().counter(ids.sent)),
      dropped_(services.get<stats::Block>().counter(ids.dropped)),
      failed_(services.get<stats::Block>().counter(ids.failed)),
      timer_(services.get<event::Dispatcher>().createTimer([this] { flush(); })),
      retry_(retryPolicy()) {}

bool SpanExporter::draining() const {
  const auto* const state = services_.find<base::DrainState>();
  return state != nullptr && state->draining;
}

void SpanExporter::add(const Span& span) {
  const size_t before = waiting_.size();
  appendSpan(span, waiting_);
  if (waiting_.size() > settings_.max_waiting_bytes) {
    waiting_.resize(before);
    return dropped_.add();
  }
  ++waiting_spans_;
  if (waiting_.size() >= kFlushBytes || draining()) return flush();
  if (!timer_->running() && !call_) timer_->start(settings_.flush_interval);
}

void SpanExporter::flush() {
  timer_->cancel();
  if (waiting_spans_ == 0) return;
  if (call_) {
    flush_again_ = true;
    return;
  }
  std::vector<router::HttpCallField> fields;
  fields.push_back({"content-type", "application/x-protobuf"});
  for (const auto& [name, value] : settings_.fields) fields.push_back({name, value});
  buffer::Buffer body(blocks_);
  body.append(exportRequest(settings_.resource, base::kVersion, waiting_));
  sending_spans_ = std::exchange(waiting_spans_, 0);
  waiting_.clear();
  call_ = calls_.start({.cluster = settings_.cluster,
                        .method = "POST",
                        .authority = settings_.authority,
                        .path = settings_.path,
                        .fields = fields,
                        .body = &body,
                        .timeout = settings_.timeout,
                        .max_response_bytes = kMaxAnswerBytes,
                        .retry = &retry_},
                       *this);
}

void SpanExporter::onHttpCallAnswer(router::HttpCallAnswer& answer) {
  finished(answer.head.status >= 200 && answer.head.status < 300);
}

void SpanExporter::onHttpCallFailure(const http::StreamError&) {
  finished(false);
}

void SpanExporter::finished(bool taken) {
  (taken ? sent_ : failed_).add(std::exchange(sending_spans_, 0));
  if (waiting_spans_ == 0) return;
  if (std::exchange(flush_again_, false) || users == 0 || draining()) return flush();
  timer_->start(settings_.flush_interval);
}

SpanExporter& SpanExporters::use(const ExporterSettings& settings, const ExporterStats& ids,
                                 base::ServiceMap& services) {
  std::erase_if(exporters_, [](const auto& each) { return each->users == 0 && each->idle(); });
  for (const auto& each : exporters_) {
    if (!(each->settings() == settings)) continue;
    ++each->users;
    return *each;
  }
  SpanExporter& made =
      *exporters_.emplace_back(std::make_unique<SpanExporter>(settings, ids, services));
  ++made.users;
  return made;
}

void SpanExporters::leave(SpanExporter& exporter) {
  if (--exporter.users == 0) exporter.flush();
}

}  // namespace weir::extensions::http_filters::tracing
