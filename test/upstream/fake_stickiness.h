#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/message.h"
#include "source/upstream/cluster.h"

namespace weir::upstream {

// Bindings of one client, as a test sets them. Worker-confined; outlives what is made of it.
struct FakeBindings {
  uint64_t bound = 0;      // as HostSet::Host::uid; 0: nobody
  bool asks = false;       // a store first
  uint64_t overtakes = 0;  // whom somebody else binds the client to while it is being chosen for

  // The store answers all who wait.
  void answer(uint64_t uid) {
    for (StickyRequest* const request : std::exchange(waiting, {})) {
      request->lookup = nullptr;
      request->asked = true;
      request->stored = uid;
      request->waiter->onStickyFound();
    }
  }
  std::vector<StickyRequest*> waiting;
  int asked = 0;
  int answers = 0;   // that were seen
  int sent = 0;      // requests
  std::string last;  // outcome of the last answer: "new a", "followed b"
};

// Follows FakeBindings. Worker-confined.
class FakeStickiness final : public Stickiness, private StickyLookup {
 public:
  explicit FakeStickiness(FakeBindings& bindings) : bindings_(bindings) {}

  StickyAnswer find(const PickContext&, StickyRequest& request) override {
    if (bindings_.asks && request.mayAsk()) {
      ++bindings_.asked;
      bindings_.waiting.push_back(&request);
      request.lookup = this;
      return StickyAnswer::wait();
    }
    const uint64_t uid = request.stored != 0 ? request.stored : bindings_.bound;
    return uid == 0 ? StickyAnswer() : StickyAnswer::bound(uid);
  }
  uint64_t onChosen(const PickContext&, StickyRequest& request, const StickyHost& host) override {
    if (request.outcome == StickyRequest::Outcome::kFollowed) return 0;
    if (const uint64_t other = std::exchange(bindings_.overtakes, 0)) {
      bindings_.bound = other;
      return other;
    }
    bindings_.bound = host.uid();
    request.stored = 0;
    return host.uid();
  }
  void onSend(StickyRequest&, http::RequestHead&) override { ++bindings_.sent; }
  void onAnswer(const PickContext&, StickyRequest& request, const StickyHost& host,
                http::ResponseHead& head) override {
    constexpr const char* kOutcomes[] = {"new ", "followed ", "elsewhere "};
    ++bindings_.answers;
    bindings_.last = kOutcomes[static_cast<size_t>(request.outcome)] + host.host.endpoint->id;
    head.headers.add("x-sticky", bindings_.last);
  }

 private:
  // There is one client.
  void cancel() override { bindings_.waiting.clear(); }

  FakeBindings& bindings_;
};

// Immutable.
class FakeStickinessFactory final : public StickinessFactory {
 public:
  explicit FakeStickinessFactory(FakeBindings& bindings) : bindings_(bindings) {}
  std::string_view name() const override { return "fake"; }
  std::unique_ptr<Stickiness> create(const StickinessContext&) const override {
    return std::make_unique<FakeStickiness>(bindings_);
  }

 private:
  FakeBindings& bindings_;
};

}  // namespace weir::upstream
