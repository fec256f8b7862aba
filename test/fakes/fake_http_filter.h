#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "source/http/filter.h"

namespace weir::http {

// What a FakeHttpFilter saw and what it does; held by the test, as the filter goes with its stream.
struct FilterScript {
  BodyNeeds needs;
  // Verdicts, by call; null: continue.
  std::function<Verdict(FilterHandle&, RequestHead&, bool end)> request_head;
  std::function<Verdict(FilterHandle&, buffer::Buffer&, bool end)> request_body;
  std::function<Verdict(FilterHandle&, HeaderMap&)> request_trailers;
  std::function<Verdict(FilterHandle&, ResponseHead&)> informational;
  std::function<Verdict(FilterHandle&, ResponseHead&, bool end)> response_head;
  std::function<Verdict(FilterHandle&, buffer::Buffer&, bool end)> response_body;
  std::function<Verdict(FilterHandle&, HeaderMap&)> response_trailers;
  std::function<void(FilterHandle&, bool blocked)> answer_blocked;

  FilterHandle* handle = nullptr;  // of the filter made last; null when its stream has ended
  int made = 0;
  int ended = 0;
  int destroyed = 0;
  std::string calls;  // "Q" request head, "q" body, "T" trailers; "I", "R", "r", "t" of the
                      // response; "B", "b": its answer is blocked, is not any more
};

// An HTTP filter that does what its script says. Worker-confined.
class FakeHttpFilter final : public HttpFilter {
 public:
  explicit FakeHttpFilter(FilterScript& script) : script_(script) { ++script_.made; }
  ~FakeHttpFilter() override { ++script_.destroyed; }

  BodyNeeds bodyNeeds() const override { return script_.needs; }
  Verdict onRequestHead(RequestHead& head, bool end) override {
    return play('Q', script_.request_head, head, end);
  }
  Verdict onRequestBody(buffer::Buffer& data, bool end) override {
    return play('q', script_.request_body, data, end);
  }
  Verdict onRequestTrailers(HeaderMap& trailers) override {
    return play('T', script_.request_trailers, trailers);
  }
  Verdict onInformational(ResponseHead& head) override {
    return play('I', script_.informational, head);
  }
  Verdict onResponseHead(ResponseHead& head, bool end) override {
    return play('R', script_.response_head, head, end);
  }
  Verdict onResponseBody(buffer::Buffer& data, bool end) override {
    return play('r', script_.response_body, data, end);
  }
  Verdict onResponseTrailers(HeaderMap& trailers) override {
    return play('t', script_.response_trailers, trailers);
  }
  void onAnswerBlocked(bool blocked) override {
    script_.calls += blocked ? 'B' : 'b';
    if (script_.answer_blocked) script_.answer_blocked(handle(), blocked);
  }
  void onStreamEnd() override {
    script_.handle = nullptr;
    ++script_.ended;
  }

 private:
  template <class F, class... Args>
  Verdict play(char call, F& script, Args&... args) {
    script_.calls += call;
    script_.handle = &handle();
    return script ? script(handle(), args...) : Verdict::kContinue;
  }
  FilterScript& script_;
};

// Makes FakeHttpFilters of one script, which it borrows. Immutable, but for the script.
class FakeHttpFilterFactory final : public HttpFilterFactory {
 public:
  explicit FakeHttpFilterFactory(FilterScript& script) : script_(script) {}
  std::unique_ptr<WorkerHttpFilterFactory> bind(base::ServiceMap&) const override {
    return std::make_unique<Bound>(script_);
  }

 private:
  struct Bound final : WorkerHttpFilterFactory {
    explicit Bound(FilterScript& s) : script(s) {}
    HttpFilter* create(base::Arena& arena) override { return arena.create<FakeHttpFilter>(script); }
    FilterScript& script;
  };
  FilterScript& script_;
};

}  // namespace weir::http
