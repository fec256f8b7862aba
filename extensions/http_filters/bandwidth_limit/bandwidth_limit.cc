#include "extensions/http_filters/bandwidth_limit/bandwidth_limit.h"

#include <map>
#include <optional>

#include "extensions/http_filters/common/pacing/pacer.h"

namespace weir::extensions::http_filters::bandwidth_limit {
namespace {

using common::pacing::ByteBucket;
using common::pacing::Pacer;
using http::BodyFraming;
using http::BodyMode;
using http::Verdict;

// Of one direction. Worker-confined.
struct Cells {
  Cells(const DirectionStats& ids, stats::Block& block)
      : bytes(block.counter(ids.bytes)),
        delayed(block.counter(ids.delayed)),
        delay_ms(block.histogram(ids.delay_ms)) {}
  stats::Cell& bytes;
  stats::Cell& delayed;
  stats::HistogramCell& delay_ms;
};

// The buckets of a policy on one worker, for Scope::kWorker.
struct WorkerBuckets {
  std::optional<ByteBucket> request;
  std::optional<ByteBucket> response;
};

// What the streams of one worker share. Worker-confined.
struct Worker {
  Worker(const BandwidthConfig& c, stats::Block& block)
      : config(c), request(c.request, block), response(c.response, block) {}
  const BandwidthConfig& config;
  Cells request;
  Cells response;
  std::map<uint64_t, WorkerBuckets> buckets;  // by the policy's id
};

// One direction of one stream. Worker-confined.
class Side {
 public:
  Side(Cells& cells, Pacer::Direction direction) : cells_(cells), direction_(direction) {}

  void begin(http::FilterHandle& handle, const Limit& limit, std::optional<ByteBucket>* of_worker) {
    ByteBucket* bucket = limit.shared.get();
    if (limit.scope == Scope::kStream) {
      bucket = &own_.emplace(limit.bytes_per_second);
    } else if (limit.scope == Scope::kWorker) {
      if (!*of_worker) of_worker->emplace(limit.bytes_per_second);
      bucket = &**of_worker;
    }
    pacer_.emplace(handle, direction_, *bucket);
  }
  Verdict onBody(::weir::buffer::Buffer& data) {
    if (!pacer_) return Verdict::kContinue;
    cells_.bytes.add(data.size());
    return pacer_->onBody(data);
  }
  void end() {
    if (!pacer_) return;
    pacer_->stop();
    const auto delay = pacer_->delay().count();
    if (delay == 0) return;
    cells_.delayed.add();
    cells_.delay_ms.record(static_cast<uint64_t>(delay));
  }

 private:
  Cells& cells_;
  const Pacer::Direction direction_;
  std::optional<ByteBucket> own_;
  std::optional<Pacer> pacer_;
};

// Of one stream. Worker-confined.
class BandwidthFilter final : public http::HttpFilter {
 public:
  explicit BandwidthFilter(Worker& worker)
      : worker_(worker),
        request_(worker.request, Pacer::Direction::kRequest),
        response_(worker.response, Pacer::Direction::kResponse) {}

  Verdict onRequestHead(http::RequestHead&, bool end_stream) override {
    policy_ = static_cast<const BandwidthPolicy*>(handle().routeConfig());
    if (policy_ == nullptr) policy_ = &worker_.config.policy;
    if (end_stream || policy_->request.bytes_per_second == 0) return Verdict::kContinue;
    request_mode_ = BodyMode::kStream;
    handle().setBodyNeeds({.request = request_mode_});
    const Limit& limit = policy_->request;
    request_.begin(handle(), limit, limit.scope == Scope::kWorker ? &mine().request : nullptr);
    return Verdict::kContinue;
  }
  Verdict onRequestBody(::weir::buffer::Buffer& data, bool) override {
    return request_.onBody(data);
  }
  Verdict onResponseHead(http::ResponseHead&, bool end_stream) override {
    const bool limited = policy_ != nullptr && policy_->response.bytes_per_second > 0;
    if (end_stream || !limited) return Verdict::kContinue;
    handle().setBodyNeeds({.request = request_mode_, .response = BodyMode::kStream});
    const Limit& limit = policy_->response;
    response_.begin(handle(), limit, limit.scope == Scope::kWorker ? &mine().response : nullptr);
    return Verdict::kContinue;
  }
  Verdict onResponseBody(::weir::buffer::Buffer& data, bool) override {
    return response_.onBody(data);
  }
  void onStreamEnd() override {
    request_.end();
    response_.end();
  }

 private:
  WorkerBuckets& mine() { return worker_.buckets[policy_->id]; }

  Worker& worker_;
  const BandwidthPolicy* policy_ = nullptr;
  BodyMode request_mode_ = BodyMode::kNone;
  Side request_;
  Side response_;
};

// Makes the filters of one worker. Worker-confined.
class WorkerBandwidthFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerBandwidthFilterFactory(const BandwidthConfig& config, stats::Block& block)
      : worker_(config, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<BandwidthFilter>(worker_);
  }

 private:
  Worker worker_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> BandwidthFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerBandwidthFilterFactory>(config_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::bandwidth_limit
