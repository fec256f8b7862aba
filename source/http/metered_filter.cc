#include "source/http/metered_filter.h"

#include <chrono>
#include <utility>

#include "source/event/dispatcher.h"

namespace weir::http {

namespace {

struct Cells {
  Cells(const FilterStatistics& ids, stats::Block& block)
      : requests(block.counter(ids.requests)),
        answers(block.counter(ids.answers)),
        nanoseconds(block.counter(ids.nanoseconds)) {}
  stats::Cell& requests;
  stats::Cell& answers;
  stats::Cell& nanoseconds;
};

}  // namespace

// Stands in the chain for the filter that it counts. Worker-confined.
class MeteredFilter final : public HttpFilter {
 public:
  MeteredFilter(HttpFilter& inner, const Cells& cells, event::Dispatcher& dispatcher)
      : inner_(inner), cells_(cells), dispatcher_(dispatcher) {}
  MeteredFilter(const MeteredFilter&) = delete;
  MeteredFilter& operator=(const MeteredFilter&) = delete;
  ~MeteredFilter() override { inner_.~HttpFilter(); }

  BodyNeeds bodyNeeds() const override { return inner_.bodyNeeds(); }
  Verdict onRequestHead(RequestHead& head, bool end_stream) override {
    inner_.handle_ = handle_;
    cells_.requests.add();
    return timed([&] { return inner_.onRequestHead(head, end_stream); });
  }
  Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override {
    return timed([&] { return inner_.onRequestBody(data, end_stream); });
  }
  Verdict onRequestTrailers(HeaderMap& trailers) override {
    return timed([&] { return inner_.onRequestTrailers(trailers); });
  }
  Verdict onInformational(ResponseHead& head) override {
    inner_.handle_ = handle_;
    return timed([&] { return inner_.onInformational(head); });
  }
  Verdict onResponseHead(ResponseHead& head, bool end_stream) override {
    inner_.handle_ = handle_;  // what answers early has not shown it the request
    return timed([&] { return inner_.onResponseHead(head, end_stream); });
  }
  Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override {
    return timed([&] { return inner_.onResponseBody(data, end_stream); });
  }
  Verdict onResponseTrailers(HeaderMap& trailers) override {
    return timed([&] { return inner_.onResponseTrailers(trailers); });
  }
  void onAnswerBlocked(bool blocked) override { inner_.onAnswerBlocked(blocked); }
  void onStreamEnd() override {
    inner_.handle_ = handle_;
    if (handle_->answered()) cells_.answers.add();
    inner_.onStreamEnd();
  }

 private:
  template <class Call>
  Verdict timed(Call call) {
    const event::MonotonicTime begun = dispatcher_.preciseNow();
    const Verdict verdict = call();
    const auto took =
        std::chrono::duration_cast<std::chrono::nanoseconds>(dispatcher_.preciseNow() - begun);
    cells_.nanoseconds.add(static_cast<uint64_t>(took.count()));
    return verdict;
  }

  HttpFilter& inner_;
  const Cells& cells_;
  event::Dispatcher& dispatcher_;
};

namespace {

// Worker-confined.
class WorkerMeteredFilterFactory final : public WorkerHttpFilterFactory {
 public:
  WorkerMeteredFilterFactory(std::unique_ptr<WorkerHttpFilterFactory> inner,
                             const FilterStatistics& ids, base::ServiceMap& services)
      : inner_(std::move(inner)),
        cells_(ids, services.get<stats::Block>()),
        dispatcher_(services.get<event::Dispatcher>()) {}

  HttpFilter* create(base::Arena& arena) override {
    HttpFilter* const inner = inner_->create(arena);
    return inner == nullptr ? nullptr : arena.create<MeteredFilter>(*inner, cells_, dispatcher_);
  }

 private:
  const std::unique_ptr<WorkerHttpFilterFactory> inner_;
  const Cells cells_;
  event::Dispatcher& dispatcher_;
};

}  // namespace

FilterStatistics FilterStatistics::create(stats::Store& store, const std::string& manager,
                                          const std::string& filter) {
  const stats::Labels labels{{"manager", manager}, {"filter", filter}};
  return {.requests = store.counter("http_filter_requests_total",
                                    "Requests that came to the filter.", labels),
          .answers = store.counter("http_filter_answers_total",
                                   "Requests that the filter has answered itself.", labels),
          .nanoseconds = store.counter("http_filter_nanoseconds_total",
                                       "Time spent in calls of the filter.", labels)};
}

std::unique_ptr<WorkerHttpFilterFactory> MeteredFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerMeteredFilterFactory>(inner_->bind(services), ids_, services);
}

}  // namespace weir::http
