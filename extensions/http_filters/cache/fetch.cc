#include "extensions/http_filters/cache/fetch.h"

#include <algorithm>
#include <utility>

#include "extensions/http_filters/cache/vary.h"
#include "source/base/ascii.h"

namespace weir::extensions::http_filters::cache {
namespace {

using http::BodyFraming;
using http::ErrorOrigin;
using http::ErrorReason;
using http::HeaderId;
using http::HeaderMap;

// What is asked for is the whole, as it is now.
bool isConditionOrRange(const HeaderMap::Field& field) {
  return field.id == HeaderId::kIfNoneMatch || field.id == HeaderId::kIfModifiedSince ||
         field.id == HeaderId::kRange || base::equalsIgnoreCase(field.name, "if-range");
}

bool isError(uint16_t status) {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

std::vector<std::string> readTags(const std::vector<std::string>& names, const HeaderMap& fields) {
  std::vector<std::string> tags;
  for (const std::string& name : names) {
    fields.forEach([&](const HeaderMap::Field& field) {
      if (!base::equalsIgnoreCase(field.name, name)) return;
      std::string_view rest = field.value;
      while (!rest.empty()) {
        const size_t end = std::min(rest.find_first_of(" ,\t"), rest.size());
        if (end > 0) tags.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    });
  }
  return tags;
}

}  // namespace

Fetch::Fetch(Context& context, Owner& owner, Request request)
    : context_(context),
      owner_(owner),
      request_(std::move(request)),
      tail_(context.blocks),
      idle_(context.dispatcher.wheel(), event::wheelCallback<&Fetch::onIdle>, this) {}

Fetch::~Fetch() {
  if (exchange_ != nullptr) exchange_->cancel();
}

// ---- the request ----------------------------------------------------------------------------

void Fetch::start(const http::RequestHead& head, const http::StreamInfo& info,
                  http::ChainOrigin origin, FetchClient* client) {
  client_ = client;
  exchange_ = &context_.exchanges.make();
  copyRequest(head);
  exchange_->setClient(info);
  facts_.control = readCacheControl(head.headers);
  if (!request_.rules.obeys_requests) facts_.control = {};
  facts_.authorization = head.headers.has(HeaderId::kAuthorization);
  request_time_ = now();
  info_ = &exchange_->info();
  idle_.arm(kIdle);
  exchange_->start(std::move(origin), *this);
}

void Fetch::copyRequest(const http::RequestHead& head) {
  http::RequestHead& to = exchange_->request();
  base::Arena& arena = to.arena;
  to.method = "GET";
  to.scheme = arena.copy(head.scheme);
  to.authority = arena.copy(head.authority);
  to.path = arena.copy(head.path);
  to.version = head.version;
  head.headers.forEach([&](const HeaderMap::Field& field) {
    request_fields_.add(field.name, field.value);
    if (!isConditionOrRange(field)) to.headers.add(field.name, field.value);
  });
  addConditions(to.headers);
}

void Fetch::addConditions(HeaderMap& headers) const {
  if (!request_.stale) return;
  const Validators& known = request_.stale->validators();
  if (!known.etag.empty()) headers.add(HeaderId::kIfNoneMatch, known.etag);
  if (!known.last_modified.empty()) headers.add(HeaderId::kIfModifiedSince, known.last_modified);
}

void Fetch::leave() {
  client_ = nullptr;
  tail_.clear();
  if (state_ != State::kPassing) return;
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->cancel();
  over();
}

// ---- the response ---------------------------------------------------------------------------

void Fetch::onOnwardHead(http::ResponseHead& head, bool end_stream) {
  handleHead(head, end_stream);
  info_ = nullptr;
}

void Fetch::handleHead(http::ResponseHead& head, bool end_stream) {
  idle_.arm(kIdle);
  if (end_stream) ended_ = true;
  const bool validates = request_.stale && request_.stale->validators().any();
  if (validates && head.status == 304) return onNotModified(head);
  if (isError(head.status) && takesErrorStatus(head.status)) return;
  const CacheControl control = readCacheControl(head.headers);
  StoredResponse::Parts parts = partsOf(head, head.headers, control);
  const std::string_view why = whyNot(head, parts, control);
  why.empty() ? store(head, end_stream, std::move(parts)) : pass(head, end_stream, why);
}

// True: everybody who can makes do with what is stale.
bool Fetch::takesErrorStatus(uint16_t status) {
  const bool stale_serves = request_.stale && request_.stale->freshness().usableOnError(now());
  if (!stale_serves) return false;
  FetchClient* const client = std::exchange(client_, nullptr);
  Flight::failed(request_.flight, {});
  if (client != nullptr && !client->onFetchErrorStatus(status)) client_ = client;
  if (client_ != nullptr) return false;
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->cancel();
  over();
  return true;
}

StoredResponse::Parts Fetch::partsOf(const http::ResponseHead& head, const HeaderMap& fields,
                                     const CacheControl& control) const {
  StoredResponse::Parts parts;
  parts.status = head.status;
  parts.freshness =
      readFreshness(fields, control, head.status, request_time_, now(), request_.rules.freshness);
  parts.date = now();
  parts.vary = readVary(fields);
  parts.variant = request_.extra;
  appendVaryKey(parts.vary, request_fields_, parts.variant);
  parts.tags = readTags(request_.rules.tag_fields, fields);
  if (head.framing == BodyFraming::kContentLength) parts.length = head.content_length;
  return parts;
}

std::string_view Fetch::whyNot(const http::ResponseHead& head, const StoredResponse::Parts& parts,
                               const CacheControl& control) const {
  const std::string_view why =
      whyNotStored(head, control, parts.freshness, facts_, request_.rules.set_cookie);
  if (!why.empty()) return why;
  const bool known = parts.length != ~uint64_t{0};
  return known && parts.length > request_.rules.max_object_bytes ? "too_large" : "";
}

void Fetch::store(http::ResponseHead& head, bool end_stream, StoredResponse::Parts parts) {
  if (!context_.store.reserve(StoredResponse::cost(parts, head.headers), request_.url)) {
    return pass(head, end_stream, "no_room");
  }
  const std::shared_ptr<MemoryAccount>& account = context_.store.account();
  const bool known = parts.length != ~uint64_t{0} || end_stream;
  if (!end_stream) body_ = SharedRef<StoredBody>::adopt(new StoredBody(parts.length, account));
  const bool strip = request_.rules.set_cookie == SetCookie::kStrip;
  response_ = SharedRef<const StoredResponse>::adopt(
      new StoredResponse(std::move(parts), head.headers, strip, body_, account));
  state_ = State::kStoring;
  context_.store.clearUncacheable(request_.url);
  if (known) {
    shared_ = true;
    Flight::stored(request_.flight, response_);
  }
  if (!end_stream) {
    if (client_ != nullptr) client_->onFetchResponse(response_);
    return;
  }
  exchange_ = nullptr;
  FetchClient* const client = std::exchange(client_, nullptr);
  complete();
  if (client != nullptr) client->onFetchResponse(response_);
}

// Of a validated response: what is stored, as what has come changes it (RFC 9111 3.2).
void Fetch::mergeFields(const http::ResponseHead& head, HeaderMap& to) const {
  head.headers.forEach([&](const HeaderMap::Field& f) { to.add(f.name, f.value); });
  for (const StoredResponse::Field& field : request_.stale->fields()) {
    if (!head.headers.has(field.name)) to.add(field.name, field.value);
  }
}

void Fetch::onNotModified(http::ResponseHead& head) {
  exchange_ = nullptr;
  const StoredResponse& stale = *request_.stale;
  const std::string_view etag = head.headers.get(HeaderId::kETag);
  const bool another = !etag.empty() && !stale.validators().etag.empty() &&
                       !sameWeakly(etag, stale.validators().etag);
  HeaderMap fields(arena_);
  mergeFields(head, fields);
  const CacheControl control = readCacheControl(fields);
  http::ResponseHead whole;
  whole.status = stale.status();
  StoredResponse::Parts parts = partsOf(whole, fields, control);
  parts.length = stale.length();
  fields.forEach([&](const HeaderMap::Field& f) { whole.headers.add(f.name, f.value); });
  const std::string_view why =
      whyNotStored(whole, control, parts.freshness, facts_, request_.rules.set_cookie);
  const bool room =
      context_.store.reserve(StoredResponse::cost(parts, stale, head.headers), request_.url);
  if (another || !room) {
    if (room) context_.store.account()->giveBack(StoredResponse::cost(parts, stale, head.headers));
    context_.store.removeIf(request_.url, stale);
    Flight::refused(request_.flight);
    FetchClient* const client = std::exchange(client_, nullptr);
    over();
    if (client != nullptr) client->onFetchRefused();
    return;
  }
  response_ = SharedRef<const StoredResponse>::adopt(
      new StoredResponse(std::move(parts), stale, head.headers, context_.store.account()));
  body_ = response_->body();
  if (!why.empty()) {
    context_.store.removeIf(request_.url, stale);
    request_.flight->forbidStoring();
  }
  shared_ = true;
  why.empty() ? Flight::stored(request_.flight, response_) : Flight::refused(request_.flight);
  FetchClient* const client = std::exchange(client_, nullptr);
  const SharedRef<const StoredResponse> response = response_;
  if (request_.flight->mayStore()) {
    context_.store.put(request_.url, response_, request_.rules.max_variants);
  }
  over();
  if (client != nullptr) client->onFetchResponse(response);
}

// For the client alone.
void Fetch::pass(http::ResponseHead& head, bool end_stream, std::string_view why) {
  if (end_stream) exchange_ = nullptr;
  state_ = State::kPassing;
  if (!isError(head.status) && why != "no_room") {
    context_.store.markUncacheable(request_.url, now() + request_.rules.uncacheable_for);
  }
  // What is stored is of no use any more when the origin says something else.
  if (request_.stale && !isError(head.status)) {
    context_.store.removeIf(request_.url, *request_.stale);
  }
  Flight::refused(request_.flight);
  context_.store.land(*request_.flight, request_.url);
  if (client_ == nullptr) {
    if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->cancel();
    return over();
  }
  FetchClient& client = *client_;
  if (end_stream) {
    client_ = nullptr;
    over();
  }
  client.onFetchPassed(head, end_stream, why);
}

void Fetch::onOnwardBody(buffer::Buffer& data, bool end_stream) {
  idle_.arm(kIdle);
  if (end_stream) exchange_ = nullptr;
  if (state_ == State::kStoring && !storeBody(data)) overflow();
  if (state_ == State::kPassing) keepTail(data);
  if (state_ == State::kOver) return data.clear();
  ended_ = end_stream;
  if (end_stream && state_ == State::kStoring) return complete();
  if (end_stream && client_ != nullptr) idle_.cancel();
  if (shared_) Flight::grown(request_.flight);
  if (client_ != nullptr) client_->onFetchProgress();
}

// False: it does not fit.
bool Fetch::storeBody(buffer::Buffer& data) {
  if (body_->size() + data.size() > request_.rules.max_object_bytes) return false;
  const uint64_t cost = body_->costOf(data.size());
  if (cost > 0 && !context_.store.reserve(cost, request_.url)) return false;
  body_->append(data);
  return true;
}

// Those who wait ask for themselves; those who have begun on it (its length was known, so there is
// no room) are broken off.
void Fetch::overflow() {
  shared_ ? Flight::broken(request_.flight) : Flight::refused(request_.flight);
  shared_ = false;
  context_.store.land(*request_.flight, request_.url);
  state_ = State::kPassing;
  if (client_ != nullptr) return;
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->cancel();
  over();
}

void Fetch::keepTail(buffer::Buffer& data) {
  tail_bytes_ += data.size();
  tail_.append(data);
  if (tail_.size() <= kMostTail || slowed_ || exchange_ == nullptr) return;
  slowed_ = true;
  idle_.cancel();
  exchange_->setReadEnabled(false);
}

size_t Fetch::read(uint64_t from, size_t most, buffer::Buffer& to) {
  const uint64_t stored = body_ ? body_->size() : 0;
  if (from < stored) return body_->read(from, most, to);
  const size_t count = std::min(most, tail_.size());
  to.appendPrefix(tail_, count);
  if (slowed_ && tail_.size() <= kMostTail / 2 && exchange_ != nullptr) {
    slowed_ = false;
    idle_.arm(kIdle);
    exchange_->setReadEnabled(true);
  }
  return count;
}

void Fetch::complete() {
  if (body_) body_->finish();
  if (request_.flight->mayStore()) {
    context_.store.put(request_.url, response_, request_.rules.max_variants);
  }
  Flight::stored(request_.flight, response_);
  FetchClient* const client = std::exchange(client_, nullptr);
  over();
  if (client != nullptr) client->onFetchProgress();
}

// ---- ends -----------------------------------------------------------------------------------

void Fetch::onOnwardFailure(const http::StreamError& error) {
  exchange_ = nullptr;
  fail(error);
}

void Fetch::fail(const http::StreamError& error) {
  const bool begun = shared_;
  FetchClient* const client = std::exchange(client_, nullptr);
  begun ? Flight::broken(request_.flight) : Flight::failed(request_.flight, error);
  over();
  if (client != nullptr) client->onFetchFailure(error);
  info_ = nullptr;
}

void Fetch::onIdle() {
  if (exchange_ == nullptr) return;
  // First: what the request went through ends with it.
  fail({ErrorOrigin::kUpstream, ErrorReason::kIdleTimeout, false, "cache_fetch_idle_timeout"});
  std::exchange(exchange_, nullptr)->cancel();
}

void Fetch::over() {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  idle_.cancel();
  context_.store.land(*request_.flight, request_.url);
  owner_.onFetchOver(*this);
}

}  // namespace weir::extensions::http_filters::cache
