#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "extensions/http_filters/cache/cached_answer.h"
#include "extensions/http_filters/cache/worker_cache.h"
#include "source/event/timer.h"
#include "source/http/filter.h"

namespace weir::extensions::http_filters::cache {

// The cache of one stream. A request is answered from the store, waits for a fetch (its own or
// another client's), or goes on as if there were no cache. Worker-confined.
class CacheFilter final : public http::HttpFilter,
                          private FetchClient,
                          private FlightReader,
                          private BodySource {
 public:
  explicit CacheFilter(WorkerCache& worker) : worker_(worker) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  http::Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  void onAnswerBlocked(bool blocked) override;
  void onStreamEnd() override;

 private:
  using Response = SharedRef<const StoredResponse>;
  // What becomes of it when it goes on.
  enum class Onward : uint8_t {
    kIgnored,      // nothing
    kInvalidates,  // an unsafe request
    kObserved,     // what could not be stored when it was asked for last
  };

  void onFetchResponse(const Response& response) override;
  void onFetchPassed(http::ResponseHead& head, bool end_stream, std::string_view why) override;
  bool onFetchErrorStatus(uint16_t status) override;
  void onFetchRefused() override;
  void onFetchProgress() override;
  void onFetchFailure(const http::StreamError& error) override;
  void onFlightNews() override;
  size_t readBody(uint64_t from, size_t most, buffer::Buffer& to) override;
  bool bodyEndsAt(uint64_t at) const override;

  bool looksUp(const http::RequestHead& head, bool end_stream);
  void readRequest(const http::RequestHead& head);
  http::Verdict lookUp(http::RequestHead& head);
  http::Verdict onStale(const Response& found, bool head_only);
  http::Verdict obtain(const http::RequestHead& head);
  void startFetch(const http::RequestHead& head, bool alone, FetchClient* client);
  void validateInBackground(const http::RequestHead& head);
  http::Verdict goOn(Onward onward, Result result, std::string_view forward);
  void resumeOnward(std::string_view forward);
  bool waitFor(const std::shared_ptr<Flight>& flight);
  void onWaitedTooLong();
  void onFlightStored();
  bool variantMatches(const StoredResponse& response);
  void leaveFlight();

  void serve(const Response& response, Result result, std::string_view status);
  bool serveStaleOnError(std::string_view reason);
  void fail(const http::StreamError& error);
  void copyFetchInfo();
  void finishIfOver();
  void invalidate(const http::ResponseHead& head);
  void invalidateNamed(std::string_view reference);
  void addStatus(http::HeaderMap& headers, std::string_view forward);
  std::string_view statusText(std::initializer_list<std::string_view> parts);
  std::string_view hitText(const StoredResponse& response, std::string_view detail);
  SystemTime now() { return worker_.dispatcher().systemNow(); }

  WorkerCache& worker_;
  const CacheRules* rules_ = nullptr;
  CacheControl control_;
  Onward onward_ = Onward::kIgnored;
  bool own_flight_ = false;  // it has waited for one that did not fit
  bool vary_miss_ = false;
  std::string_view forward_;  // why it goes on, for Cache-Status; empty: nothing is said
  std::string_view url_;      // in the arena
  std::string_view variant_;
  std::string_view extra_;
  Response stale_;     // stored, to be validated
  Response response_;  // what it is answered with
  Fetch* fetch_ = nullptr;
  std::shared_ptr<Flight> flight_;  // it waits for, or reads from
  std::optional<CachedAnswer> answer_;
  network::Address endpoint_;  // of the own fetch
  std::optional<event::WheelTimer> wait_timer_;
};

}  // namespace weir::extensions::http_filters::cache
