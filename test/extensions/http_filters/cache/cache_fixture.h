#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/cache/cache.h"
#include "extensions/http_filters/cache/cache_filter.h"
#include "source/http/filter_chain.h"
#include "source/http/onward_exchange.h"
#include "source/network/io_context.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_terminal.h"

namespace weir::extensions::http_filters::cache {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What a test asks and is answered.
struct Ask {
  std::string method = "GET";
  std::string path = "/";
  Fields headers = {};
  std::string authority = "example.com";
  bool body = false;
};
struct OriginAnswer {
  int status = 200;
  Fields headers = {};
  std::string body = "body";
  bool chunked = false;
};

// An origin that answers at once as its script says, or when the test does. Worker-confined.
class Origin final : public http::FilterSource, public http::Terminal {
 public:
  void addFiltersBehind(uint32_t, http::FilterChain&, base::Arena&) override {}
  http::Terminal& createTerminal(http::FilterChain& chain, base::Arena& arena) override;

  struct Request {
    http::FilterChain* chain;
    std::string line;
    std::map<std::string, std::string> headers;
    bool over = false;
    int blocked = 0;

    void head(const OriginAnswer& answer, bool end);
    void body(std::string_view bytes, bool end);
    void answer(const OriginAnswer& answer);
    void fail(http::ErrorReason reason);
  };
  // Null: the test answers by last().
  std::function<OriginAnswer(const Request&)> script;
  std::deque<Request> requests;
  Request& last() { return requests.back(); }

  // As the terminal of nobody.
  void onRequestHead(http::RequestHead&, bool) override {}
  void onRequestBody(buffer::Buffer&, bool) override {}
  void onRequestTrailers(http::HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}
};

// A worker with the filter on it.
class TestWorker;

// One client's exchange with a worker.
class Exchange final : private http::ResponseSink {
 public:
  Exchange(TestWorker& worker, const Ask& ask);
  ~Exchange() { end(); }

  void setBlocked(bool blocked) { chain_.responseBlocked(blocked); }
  void end();

  int status = 0;
  std::map<std::string, std::string> headers;  // several of one name joined by ", "
  std::string body;
  uint64_t content_length = 0;
  bool ended = false;
  bool reset = false;
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  http::StreamInfo info;

 private:
  void sendInformational(http::ResponseHead&) override {}
  void sendHead(http::ResponseHead& head, bool end_stream) override;
  void sendBody(buffer::Buffer& data, bool end_stream) override;
  void sendTrailers(http::HeaderMap&) override { ended = true; }
  void sendReset(const http::StreamError&) override { reset = ended = true; }
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const http::Route* resolveRoute() override;
  http::ChainOrigin origin() override;

  TestWorker& worker_;
  http::RequestHead request_;
  http::ResponseHead response_;
  http::HeaderMap request_trailers_{request_.arena};
  http::HeaderMap response_trailers_{response_.arena};
  base::Arena arena_;
  http::FilterChain chain_;
};

class TestWorker {
 public:
  TestWorker(const CacheFilterFactory& factory, base::LocalRef<Origin> origin, stats::Store& stats,
             event::FakeDispatcher& dispatcher);

  event::FakeDispatcher& dispatcher;
  network::IoContext io;
  base::LocalRef<Origin> origin;
  base::ServiceMap services;
  std::unique_ptr<http::OnwardExchanges> exchanges;
  std::unique_ptr<http::WorkerHttpFilterFactory> filters;
};

// A store, a filter and a worker, in simulated time.
class CacheFixture {
 public:
  explicit CacheFixture(CacheRules rules = {}, uint64_t bytes = 64 << 20);
  ~CacheFixture();

  // Asked and answered, as far as that goes without the test.
  std::unique_ptr<Exchange> ask(const Ask& ask);
  std::unique_ptr<Exchange> get(std::string path, Fields headers = {}) {
    return ask({.path = std::move(path), .headers = std::move(headers)});
  }
  void answer(OriginAnswer answer);  // every request
  void advance(int seconds) { dispatcher.advance(std::chrono::seconds(seconds)); }
  std::string date(int seconds_from_now = 0) const;
  int64_t count(const std::string& result) const {
    return stats.valueOf("cache_requests_total", {{"filter", "test"}, {"result", result}});
  }
  size_t fetched() const { return origin->requests.size(); }

  event::FakeDispatcher dispatcher;
  stats::Store stats;
  std::shared_ptr<CacheStore> store;
  CacheFilterFactory factory;
  base::LocalRef<Origin> origin{new Origin};
  std::unique_ptr<TestWorker> worker;
};

}  // namespace weir::extensions::http_filters::cache
