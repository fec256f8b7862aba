#include "extensions/http_filters/buffer/buffer_filter.h"

#include <array>
#include <charconv>
#include <string_view>

namespace weir::extensions::http_filters::buffer_ {
namespace {

using http::BodyFraming;
using http::BodyMode;
using http::HeaderId;
using http::Verdict;

// A worker's share. Worker-confined.
struct Worker {
  Worker(const BufferConfig& c, stats::Block& block)
      : config(c),
        requests(block.counter(c.requests)),
        bytes(block.counter(c.bytes)),
        too_large(block.counter(c.too_large)) {}
  const BufferConfig& config;
  stats::Cell& requests;
  stats::Cell& bytes;
  stats::Cell& too_large;
};

// Of one stream. Worker-confined.
class BufferFilter final : public http::HttpFilter {
 public:
  explicit BufferFilter(Worker& worker) : worker_(worker) {}

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override {
    const bool tunnel = !head.upgrade.empty() || head.isConnect();
    if (end_stream || tunnel) return Verdict::kContinue;
    const auto* policy = static_cast<const BufferPolicy*>(handle().routeConfig());
    if (policy == nullptr) policy = &worker_.config.policy;
    collecting_ = true;
    handle().setBodyNeeds(
        {.request = BodyMode::kCollect, .collect_limit_bytes = policy->max_request_bytes});
    return Verdict::kContinue;
  }

  Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override {
    collecting_ = false;
    worker_.requests.add();
    worker_.bytes.add(data.size());
    if (end_stream) setLength(data.size());  // trailers need chunks
    return Verdict::kContinue;
  }

  // The chain has answered for it.
  void onStreamEnd() override {
    if (collecting_ && handle().info().detail == "request_body_over_collect_limit") {
      worker_.too_large.add();
    }
  }

 private:
  void setLength(size_t bytes) {
    http::RequestHead& head = handle().requestHead();
    head.framing = BodyFraming::kContentLength;
    head.content_length = bytes;
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes);
    head.headers.set(HeaderId::kContentLength,
                     {digits.data(), static_cast<size_t>(end.ptr - digits.data())});
    head.headers.remove(HeaderId::kTransferEncoding);
  }

  Worker& worker_;
  bool collecting_ = false;
};

// Makes the filters of one worker. Worker-confined.
class WorkerBufferFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerBufferFilterFactory(const BufferConfig& config, stats::Block& block)
      : worker_(config, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<BufferFilter>(worker_);
  }

 private:
  Worker worker_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> BufferFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerBufferFilterFactory>(config_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::buffer_
