// Keep-alive requests through network filter, codec, stream and filter chain cost no allocation.
#include "test/http/connection_manager_fixture.h"
#include "test/support/allocation_counter.h"

namespace weir::http {
namespace {

// Answers "hello" without keeping anything.
class SilentTerminal final : public Terminal {
 public:
  explicit SilentTerminal(FilterChain& chain) : chain_(chain) {}
  void onRequestHead(RequestHead&, bool) override {
    ResponseHead& head = chain_.context().response;
    head.clear();
    head.status = 200;
    head.framing = BodyFraming::kContentLength;
    head.content_length = 5;
    buffer::Buffer body(chain_.context().blocks);
    body.append("hello");
    chain_.respondHead(false);
    chain_.respondBody(body, true);
  }
  void onRequestBody(buffer::Buffer& data, bool) override { data.clear(); }
  void onRequestTrailers(HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}

 private:
  FilterChain& chain_;
};

class SilentTerminalFactory final : public TerminalFactory {
 public:
  std::unique_ptr<WorkerTerminalFactory> bind(base::ServiceMap&) const override {
    struct Bound final : WorkerTerminalFactory {
      Terminal& create(base::Arena& arena, FilterChain& chain) override {
        return *arena.create<SilentTerminal>(chain);
      }
    };
    return std::make_unique<Bound>();
  }
};

class PassingFilterFactory final : public HttpFilterFactory {
 public:
  std::unique_ptr<WorkerHttpFilterFactory> bind(base::ServiceMap&) const override {
    struct Bound final : WorkerHttpFilterFactory {
      HttpFilter* create(base::Arena& arena) override { return arena.create<HttpFilter>(); }
    };
    return std::make_unique<Bound>();
  }
};

struct Nothing final : event::DeferredDeletable {};

using ConnectionManagerAllocationTest = ConnectionManagerTest;

TEST_F(ConnectionManagerAllocationTest, NonePerRequestInTheSteadyState) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  config->terminal = std::make_shared<SilentTerminalFactory>();
  config->access_loggers.clear();
  config->filters = {{"a", std::make_shared<PassingFilterFactory>()},
                     {"b", std::make_shared<PassingFilterFactory>()}};
  config->forwarded.via = "edge";
  config->request_id.add_to_response = true;
  Client client = connect();
  settle();
  uint64_t allocations = 0;
  for (int i = 0; i < 300; ++i) {
    buffer::Buffer data(io.blocks());
    data.append(kGet);
    // The fake dispatcher's list of deferred deletions begins anew each turn: make room in it.
    for (int k = 0; k < 3; ++k) dispatcher.deferDelete(std::make_unique<Nothing>());
    {
      const test::AllocationCounter counter("");
      client.chain->onData(data, false);
      if (i >= 200) allocations += counter.count();
    }
    receive(client);
  }
  EXPECT_EQ(gauge("http_requests_total"), 300);
  EXPECT_EQ(allocations, 0u);
  const test::AllocationCounter counter("");
  ::operator delete(::operator new(64));
  EXPECT_GT(counter.count(), 0u);  // it does count
}

}  // namespace
}  // namespace weir::http
