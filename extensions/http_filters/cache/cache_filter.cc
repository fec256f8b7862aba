#include "extensions/http_filters/cache/cache_filter.h"

#include <charconv>
#include <cstring>
#include <utility>

#include "extensions/http_filters/cache/cache.h"
#include "extensions/http_filters/cache/vary.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::cache {
namespace {

using http::HeaderId;
using http::ResponseFlag;
using http::Verdict;

// Methods that change nothing (RFC 9110 9.2.1).
bool isSafe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

}  // namespace

// ---- the request ----------------------------------------------------------------------------

Verdict CacheFilter::onRequestHead(http::RequestHead& head, bool end_stream) {
  const auto* const route = static_cast<const CacheRoute*>(handle().routeConfig());
  rules_ = route == nullptr ? &worker_.rules() : &route->rules;
  if (rules_->disabled) return Verdict::kContinue;
  if (!isSafe(head.method) && !head.isConnect()) {
    readRequest(head);
    return goOn(Onward::kInvalidates, Result::kBypass, "method");
  }
  if (!looksUp(head, end_stream)) return goOn(Onward::kIgnored, Result::kBypass, "bypass");
  readRequest(head);
  return lookUp(head);
}

bool CacheFilter::looksUp(const http::RequestHead& head, bool end_stream) {
  const bool get = base::isExactly(head.method, "GET");
  if (!(get ? rules_->answers_get : head.isHead() && rules_->answers_head)) return false;
  if (!end_stream || !head.upgrade.empty()) return false;
  if (hasPreconditionForOrigin(head.headers)) return false;
  if (!rules_->obeys_requests) return true;
  control_ = readCacheControl(head.headers);
  // RFC 9111 5.4
  if (!control_.present && head.headers.has("pragma")) {
    control_.no_cache = base::equalsIgnoreCase(head.headers.get("pragma"), "no-cache");
  }
  return !control_.no_store;
}

void CacheFilter::readRequest(const http::RequestHead& head) {
  std::string& url = worker_.urlScratch();
  url.clear();
  appendUrlKey(head, rules_->key, url);
  url_ = handle().arena().copy(url);
  std::string& variant = worker_.variantScratch();
  variant.clear();
  appendExtraKey(head, rules_->key, variant);
  extra_ = handle().arena().copy(variant);
}

Verdict CacheFilter::lookUp(http::RequestHead& head) {
  std::string& variant = worker_.variantScratch();
  const Response found = worker_.store().find(url_, head.headers, variant);
  if (found) {
    switch (usable(found->freshness(), control_, now())) {
      case Use::kFresh:
        serve(found, Result::kHit, hitText(*found, {}));
        return Verdict::kPause;
      case Use::kStaleAllowed:
        serve(found, Result::kStale, hitText(*found, "max-stale"));
        return Verdict::kPause;
      case Use::kWhileRevalidating:
        stale_ = found;
        variant_ = handle().arena().copy(variant);
        validateInBackground(head);
        serve(found, Result::kStale, hitText(*found, "stale-while-revalidate"));
        return Verdict::kPause;
      case Use::kValidate:
        break;
    }
    stale_ = found;
  }
  vary_miss_ = !found && variant.size() > extra_.size();
  variant_ = handle().arena().copy(variant);
  if (rules_->obeys_requests && control_.only_if_cached) {
    worker_.cells().count(Result::kError);
    handle().localReply(
        {.status = 504, .body = "nothing that fits is stored\n", .detail = "only_if_cached"});
    return Verdict::kPause;
  }
  // What HEAD brings is not stored.
  if (head.isHead()) return goOn(Onward::kIgnored, Result::kMiss, found ? "stale" : "uri-miss");
  if (!found && worker_.store().isUncacheable(url_, now())) {
    return goOn(Onward::kObserved, Result::kPassed, "uri-miss");
  }
  return obtain(head);
}

// It pauses until it is answered, unless it goes on.
Verdict CacheFilter::goOn(Onward onward, Result result, std::string_view forward) {
  onward_ = onward;
  forward_ = forward;
  worker_.cells().count(result);
  return Verdict::kContinue;
}

void CacheFilter::resumeOnward(std::string_view forward) {
  goOn(Onward::kObserved, Result::kPassed, forward);
  handle().resumeRequest();
}

// ---- from the origin ------------------------------------------------------------------------

Verdict CacheFilter::obtain(const http::RequestHead& head) {
  const std::string_view forward = stale_ ? "stale" : vary_miss_ ? "vary-miss" : "uri-miss";
  if (handle().route() == nullptr || !handle().origin().source) {
    return goOn(Onward::kIgnored, Result::kPassed, forward);
  }
  std::string key(url_);
  key.append("\n").append(variant_);
  bool made = false;
  auto flight = worker_.store().flight(key, url_, rules_->max_waiting, made);
  forward_ = forward;
  if (made) {
    flight_ = std::move(flight);
    startFetch(head, /*alone=*/false, this);
    return Verdict::kPause;
  }
  if (!waitFor(flight)) return goOn(Onward::kObserved, Result::kPassed, forward);
  onFlightNews();  // it may be there already
  return Verdict::kPause;
}

// `alone`: nobody else is to wait for it.
void CacheFilter::startFetch(const http::RequestHead& head, bool alone, FetchClient* client) {
  std::shared_ptr<Flight> flight = std::move(flight_);
  if (alone) flight = std::make_shared<Flight>(std::string(url_), 0);
  fetch_ = &worker_.fetch({.url = std::string(url_),
                           .extra = std::string(extra_),
                           .flight = std::move(flight),
                           .stale = stale_,
                           .rules = *rules_});
  Fetch& fetch = *fetch_;
  if (client == nullptr) fetch_ = nullptr;
  fetch.start(head, handle().info(), handle().origin(), client);
}

// Once, however many ask meanwhile.
void CacheFilter::validateInBackground(const http::RequestHead& head) {
  if (handle().route() == nullptr || !handle().origin().source) return;
  std::string key(url_);
  key.append("\n").append(variant_);
  bool made = false;
  auto flight = worker_.store().flight(key, url_, rules_->max_waiting, made);
  if (!made) return;
  worker_.cells().background.add();
  flight_ = std::move(flight);
  startFetch(head, /*alone=*/false, nullptr);
}

void CacheFilter::onFetchResponse(const Response& response) {
  copyFetchInfo();
  const bool validated = stale_ && response->body().get() == stale_->body().get() && stale_->body();
  if (!response->body() || response->body()->complete()) fetch_ = nullptr;
  if (validated) {
    serve(response, Result::kValidated, statusText({"; fwd=stale; fwd-status=304"}));
  } else {
    serve(response, Result::kMiss, statusText({"; fwd=", forward_, "; stored"}));
  }
}

void CacheFilter::onFetchPassed(http::ResponseHead& head, bool end_stream, std::string_view why) {
  copyFetchInfo();
  if (end_stream) fetch_ = nullptr;
  worker_.cells().count(Result::kPassed);
  BodySource& source = *this;
  answer_.emplace(handle(), source);
  answer_->beginPassed(head, end_stream, statusText({"; fwd=", forward_, "; detail=", why}));
  finishIfOver();
}

bool CacheFilter::onFetchErrorStatus(uint16_t) {
  copyFetchInfo();
  Fetch* const fetch = std::exchange(fetch_, nullptr);
  if (serveStaleOnError("origin-error")) return true;
  fetch_ = fetch;
  return false;
}

void CacheFilter::onFetchRefused() {
  fetch_ = nullptr;
  resumeOnward("stale");
}

void CacheFilter::onFetchProgress() {
  if (response_ && (!response_->body() || response_->body()->complete())) fetch_ = nullptr;
  if (!answer_) return;
  answer_->pump();
  finishIfOver();
}

void CacheFilter::onFetchFailure(const http::StreamError& error) {
  copyFetchInfo();
  fetch_ = nullptr;
  fail(error);
}

void CacheFilter::fail(const http::StreamError& error) {
  if (answer_) {
    if (!answer_->over()) handle().reset(error);
    return;
  }
  if (serveStaleOnError("origin-unreachable")) return;
  worker_.cells().count(Result::kError);
  handle().localReply({.status = http::statusFor(error),
                       .body = "the endpoint did not answer\n",
                       .flag = http::flagFor(error),
                       .detail = error.detail()});
}

// For the log: what its own fetch went through. The fetch goes sooner than the stream.
void CacheFilter::copyFetchInfo() {
  const http::StreamInfo* const from = fetch_ == nullptr ? nullptr : fetch_->info();
  if (from == nullptr) return;
  http::StreamInfo& to = handle().info();
  to.cluster = handle().arena().copy(from->cluster);
  to.attempts = from->attempts;
  to.flags |= from->flags;
  if (!from->detail.empty()) to.detail = from->detail;
  if (from->upstream_address != nullptr) {
    endpoint_ = *from->upstream_address;
    to.upstream_address = &endpoint_;
  }
  to.upstream_started = from->upstream_started;
  to.upstream_first_byte = from->upstream_first_byte;
}

// ---- of another client's fetch --------------------------------------------------------------

bool CacheFilter::waitFor(const std::shared_ptr<Flight>& flight) {
  if (!worker_.join(*this, flight)) return false;
  flight_ = flight;
  wait_timer_.emplace(worker_.dispatcher().wheel(),
                      event::wheelCallback<&CacheFilter::onWaitedTooLong>, this);
  wait_timer_->arm(rules_->max_wait);
  return true;
}

void CacheFilter::leaveFlight() {
  if (flight_ == nullptr) return;
  const std::shared_ptr<Flight> flight = std::move(flight_);
  flight_ = nullptr;
  wait_timer_.reset();
  worker_.leave(*this, flight);
}

void CacheFilter::onWaitedTooLong() {
  leaveFlight();
  resumeOnward(forward_);
}

void CacheFilter::onFlightNews() {
  switch (flight_->state()) {
    case Flight::State::kUnderWay:
      return;
    case Flight::State::kStored:
      return onFlightStored();
    case Flight::State::kRefused:
      leaveFlight();
      return resumeOnward(forward_);
    case Flight::State::kFailed: {
      const http::StreamError error = flight_->error();
      leaveFlight();
      if (error.reason != http::ErrorReason::kNone) return fail(error);
      if (!serveStaleOnError("origin-error")) resumeOnward(forward_);
      return;
    }
    case Flight::State::kBroken:
      leaveFlight();
      if (!answer_) return resumeOnward(forward_);
      return fail({http::ErrorOrigin::kUpstream, http::ErrorReason::kConnectionReset, false,
                   "cache_fetch_broke"});
  }
}

void CacheFilter::onFlightStored() {
  if (answer_) {
    answer_->pump();
    return finishIfOver();
  }
  const Response response = flight_->response();
  if (!variantMatches(*response)) {
    // Nobody knew before what it varies by.
    leaveFlight();
    stale_.reset();
    return startFetch(handle().requestHead(), /*alone=*/true, this);
  }
  wait_timer_.reset();
  if (!response->body() || response->body()->complete()) leaveFlight();
  serve(response, Result::kJoined, statusText({"; fwd=", forward_, "; collapsed"}));
}

bool CacheFilter::variantMatches(const StoredResponse& response) {
  std::string& variant = worker_.variantScratch();
  variant.assign(extra_);
  appendVaryKey(response.vary(), handle().requestHead().headers, variant);
  return variant == response.variant();
}

// ---- the answer -----------------------------------------------------------------------------

void CacheFilter::serve(const Response& response, Result result, std::string_view status) {
  worker_.cells().count(result);
  response_ = response;
  const bool stored = result == Result::kHit || result == Result::kStale;
  if (stored) {
    handle().info().addFlag(ResponseFlag::kResponseFromCache);
    handle().info().detail = result == Result::kHit ? "cache_hit" : "cache_stale";
  }
  BodySource& source = *this;
  answer_.emplace(handle(), source);
  const bool from_origin = result == Result::kMiss || result == Result::kValidated;
  answer_->begin(*response_, {.cache_status = status, .now = now(), .from_origin = from_origin});
  finishIfOver();
}

bool CacheFilter::serveStaleOnError(std::string_view reason) {
  if (!stale_ || answer_ || control_.no_cache) return false;
  if (!stale_->freshness().usableOnError(now())) return false;
  serve(stale_, Result::kStale, hitText(*stale_, reason));
  return true;
}

size_t CacheFilter::readBody(uint64_t from, size_t most, buffer::Buffer& to) {
  if (fetch_ != nullptr) return fetch_->read(from, most, to);
  return response_ && response_->body() ? response_->body()->read(from, most, to) : 0;
}

bool CacheFilter::bodyEndsAt(uint64_t at) const {
  if (fetch_ != nullptr) return fetch_->ended() && at == fetch_->size();
  if (!response_ || !response_->body()) return true;
  return response_->body()->complete() && at == response_->body()->size();
}

void CacheFilter::onAnswerBlocked(bool blocked) {
  if (!answer_) return;
  answer_->setBlocked(blocked);
  finishIfOver();
}

void CacheFilter::finishIfOver() {
  if (!answer_ || !answer_->over()) return;
  if (Fetch* const fetch = std::exchange(fetch_, nullptr)) fetch->leave();
  leaveFlight();
}

void CacheFilter::onStreamEnd() {
  if (Fetch* const fetch = std::exchange(fetch_, nullptr)) fetch->leave();
  leaveFlight();
  wait_timer_.reset();
}

// ---- responses that pass by -----------------------------------------------------------------

Verdict CacheFilter::onResponseHead(http::ResponseHead& head, bool) {
  if (rules_ == nullptr || rules_->disabled) return Verdict::kContinue;
  switch (onward_) {
    case Onward::kIgnored:
      break;
    case Onward::kInvalidates:
      invalidate(head);
      break;
    case Onward::kObserved: {
      const CacheControl control = readCacheControl(head.headers);
      const Freshness freshness =
          readFreshness(head.headers, control, head.status, now(), now(), rules_->freshness);
      const RequestFacts facts{control_,
                               handle().requestHead().headers.has(HeaderId::kAuthorization)};
      const bool storable =
          whyNotStored(head, control, freshness, facts, rules_->set_cookie).empty();
      if (storable) worker_.store().clearUncacheable(url_);
      break;
    }
  }
  if (!forward_.empty()) addStatus(head.headers, forward_);
  return Verdict::kContinue;
}

// What an unsafe request has changed is not as it was (RFC 9111 4.4).
void CacheFilter::invalidate(const http::ResponseHead& head) {
  if (head.status < 200 || head.status >= 400) return;
  worker_.cells().invalidations.add();
  worker_.store().invalidate(url_);
  invalidateNamed(head.headers.get(HeaderId::kLocation));
  invalidateNamed(head.headers.get("content-location"));
}

// Another URL of the same origin only: nobody may throw out what is another's.
void CacheFilter::invalidateNamed(std::string_view reference) {
  if (reference.empty()) return;
  const http::RequestHead& head = handle().requestHead();
  UrlParts parts;
  if (splitUrl(reference, parts)) {
    if (!base::equalsIgnoreCase(parts.authority, head.authority)) return;
  } else if (reference.starts_with('/') && !reference.starts_with("//")) {
    parts = {head.scheme, head.authority, reference};
  } else {
    return;
  }
  std::string& url = worker_.urlScratch();
  url.clear();
  appendUrlKey(parts.scheme, parts.authority, parts.path, rules_->key, url);
  worker_.store().invalidate(url);
}

// ---- Cache-Status (RFC 9211) ----------------------------------------------------------------

std::string_view CacheFilter::statusText(std::initializer_list<std::string_view> parts) {
  if (rules_->status_name.empty()) return {};
  size_t size = rules_->status_name.size();
  for (const std::string_view part : parts) size += part.size();
  char* const start = static_cast<char*>(handle().arena().allocate(size, 1));
  char* at = start + rules_->status_name.copy(start, rules_->status_name.size());
  for (const std::string_view part : parts) at += part.copy(at, part.size());
  return {start, size};
}

std::string_view CacheFilter::hitText(const StoredResponse& response, std::string_view detail) {
  char ttl[24];
  const auto left = response.freshness().left(now()).count();
  const auto end = std::to_chars(ttl, ttl + sizeof ttl, left).ptr;
  const std::string_view number(ttl, static_cast<size_t>(end - ttl));
  return statusText({"; hit; ttl=", number, detail.empty() ? "" : "; detail=", detail});
}

void CacheFilter::addStatus(http::HeaderMap& headers, std::string_view forward) {
  const std::string_view text = statusText({"; fwd=", forward});
  if (!text.empty()) headers.addView(HeaderId::kOther, "cache-status", text);
}

// ---- the factory ----------------------------------------------------------------------------

namespace {

// Makes the filters of one worker. Worker-confined.
class WorkerCacheFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerCacheFilterFactory(const CacheRules& rules, std::shared_ptr<CacheStore> store,
                           const CacheStats& stats, base::ServiceMap& services)
      : worker_(rules, std::move(store), stats, services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<CacheFilter>(worker_);
  }

 private:
  WorkerCache worker_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> CacheFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerCacheFilterFactory>(rules_, store_, stats_, services);
}

}  // namespace weir::extensions::http_filters::cache
