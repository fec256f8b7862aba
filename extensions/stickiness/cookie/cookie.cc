#include "extensions/stickiness/cookie/cookie.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "extensions/stickiness/common/cookie_pairs.h"
#include "source/base/concat.h"
#include "source/http/semantics.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::stickiness::cookie {

using std::chrono::seconds;
using upstream::PickContext;
using upstream::StickyAnswer;
using upstream::StickyHost;
using upstream::StickyRequest;
using Outcome = StickyRequest::Outcome;

namespace {

// Each costs two HMACs, whoever has sent it.
constexpr int kMostCandidates = 4;
// Of session cookies nobody knows when they end: they count for so long.
constexpr seconds kSessionCookieCounts{3600};

// In StickyRequest::note: what the cookie says beside its uid.
constexpr uint64_t kOldKey = uint64_t{1} << 32;

uint64_t noteOf(const CookieContent& content) {
  return content.expires | (content.old_key ? kOldKey : 0);
}
uint32_t expiryIn(uint64_t note) {
  return static_cast<uint32_t>(note);
}

seconds lifetimeOf(const Attributes& attributes) {
  return attributes.ttl.count() > 0 ? attributes.ttl : kSessionCookieCounts;
}

std::string digestOf(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) {
    const Hmac hmac(std::span(reinterpret_cast<const uint8_t*>(key.data()), key.size()));
    for (const uint8_t byte : hmac.of(std::string_view("weir stickiness cookie 1 fingerprint"))) {
      text.push_back(static_cast<char>(byte));
    }
  }
  return text;
}

bool hasCookie(std::string_view field, std::string_view name) {
  if (field.find(name) == std::string_view::npos) return false;
  bool has = false;
  forEachCookiePair(field, [&](const CookiePair& pair) { has = has || pair.name == name; });
  return has;
}

}  // namespace

std::optional<CookieContent> readCookies(const http::HeaderMap& headers, std::string_view name,
                                         const CookieSeal& seal, uint32_t now) {
  std::optional<CookieContent> found;
  int candidates = 0;
  bool ambiguous = false;
  headers.forEach(http::HeaderId::kCookie, [&](const http::HeaderMap::Field& field) {
    forEachCookiePair(field.value, [&](const CookiePair& pair) {
      if (pair.name != name || candidates >= kMostCandidates) return;
      ++candidates;
      const std::optional<CookieContent> content = seal.open(pair.value, now);
      if (!content) return;
      ambiguous = ambiguous || (found && found->uid != content->uid);
      if (!found || content->expires > found->expires) found = content;
    });
  });
  if (ambiguous) found.reset();
  return found;
}

void removeCookies(http::HeaderMap& headers, std::string_view name) {
  bool has = false;
  bool secret = false;
  size_t bytes = 0;
  headers.forEach(http::HeaderId::kCookie, [&](const http::HeaderMap::Field& field) {
    has = has || hasCookie(field.value, name);
    secret = secret || field.never_indexed;
    bytes += field.value.size() + 2;
  });
  if (!has) return;
  // What is left is no longer, but for a space that may be missing behind each ";".
  char* const text = static_cast<char*>(headers.arena().allocate(2 * bytes, 1));
  size_t size = 0;
  headers.forEach(http::HeaderId::kCookie, [&](const http::HeaderMap::Field& field) {
    forEachCookiePair(field.value, [&](const CookiePair& pair) {
      if (pair.name == name) return;
      if (size > 0) {
        std::memcpy(text + size, "; ", 2);
        size += 2;
      }
      std::memcpy(text + size, pair.text.data(), pair.text.size());
      size += pair.text.size();
    });
  });
  if (size == 0) {
    headers.remove(http::HeaderId::kCookie);
    return;
  }
  headers.setView(http::HeaderId::kCookie, {text, size});
  if (secret) headers.markNeverIndexed(http::HeaderId::kCookie);
}

CookieFactory::CookieFactory(const Options& options)
    : attributes_(options.attributes),
      seal_(options.keys, options.cluster),
      text_(attributesText(options.attributes)),
      fingerprint_(digestOf(options.keys)),
      pass_on_(options.pass_on),
      allow_shared_caching_(options.allow_shared_caching) {}

std::unique_ptr<upstream::Stickiness> CookieFactory::create(
    const upstream::StickinessContext& context) const {
  upstream::WorkerCluster& cluster = context.cluster;
  const seconds lifetime = lifetimeOf(attributes_);
  auto issued = cluster.config().usage->stickyMemory<IssuedCookies>(
      base::concat("cookie ", attributes_.name, " ", lifetime.count()),
      [&] { return std::make_shared<IssuedCookies>(lifetime, cluster.io().dispatcher().now()); });
  return std::make_unique<CookieStickiness>(*this, std::move(issued), cluster);
}

CookieStickiness::CookieStickiness(const CookieFactory& factory,
                                   std::shared_ptr<IssuedCookies> issued,
                                   upstream::WorkerCluster& cluster)
    : factory_(factory), issued_(std::move(issued)), cluster_(cluster) {}

uint32_t CookieStickiness::now() const {
  const auto since = cluster_.io().dispatcher().systemNow().time_since_epoch();
  return static_cast<uint32_t>(std::chrono::duration_cast<seconds>(since).count());
}

// Later choices of the same request find it without the cookie, which is no longer there.
StickyAnswer CookieStickiness::find(const PickContext& context, StickyRequest& request) {
  if (request.key == 0) {
    if (context.request == nullptr) return {};
    const http::HeaderMap& headers = context.request->headers;
    if (!headers.has(http::HeaderId::kCookie)) return {};
    const std::optional<CookieContent> content =
        readCookies(headers, factory_.attributes().name, factory_.seal(), now());
    if (!content) return {};
    request.key = content->uid;
    request.note = noteOf(*content);
  }
  return StickyAnswer::bound(request.key);
}

void CookieStickiness::onSend(StickyRequest&, http::RequestHead& head) {
  if (!factory_.passesOn()) removeCookies(head.headers, factory_.attributes().name);
}

// --- Issuing ---

void CookieStickiness::onAnswer(const PickContext&, StickyRequest& request, const StickyHost& host,
                                http::ResponseHead& head) {
  const uint32_t time = now();
  const bool followed = request.outcome == Outcome::kFollowed;
  if (request.outcome == Outcome::kElsewhere || (followed && !isDue(request, time))) return;
  const event::MonotonicTime monotonic = cluster_.io().dispatcher().now();
  if (request.key == 0) {
    cluster_.stickyCells().bound.add();
  } else {
    const uint32_t expires = expiryIn(request.note);
    issued_->replaced(request.key, seconds(expires > time ? expires - time : 0), monotonic);
  }
  issued_->issued(host.uid(), host.usage, lifetimeOf(factory_.attributes()), monotonic);
  issue(host, time, head);
}

// The cookie that the client has would not do for much longer.
bool CookieStickiness::isDue(const StickyRequest& request, uint32_t time) const {
  if ((request.note & kOldKey) != 0) return true;
  const uint32_t expires = expiryIn(request.note);
  const int64_t ttl = factory_.attributes().ttl.count();
  if (ttl == 0) return expires != 0;
  // One that never expires was issued under another configuration.
  return expires == 0 || int64_t{expires} - time <= ttl / 2;
}

void CookieStickiness::issue(const StickyHost& host, uint32_t time,
                             http::ResponseHead& head) const {
  const Attributes& attributes = factory_.attributes();
  const int64_t ttl = attributes.ttl.count();
  CookieSeal::Text value;
  factory_.seal().seal(
      {.uid = host.uid(), .expires = ttl == 0 ? 0 : time + static_cast<uint32_t>(ttl)}, value);
  const std::string_view name = attributes.name;
  const std::string_view rest = factory_.text();
  const size_t size = name.size() + 1 + value.size() + rest.size();
  char* const text = static_cast<char*>(head.headers.arena().allocate(size, 1));
  char* end = std::copy(name.begin(), name.end(), text);
  *end++ = '=';
  end = std::copy(value.begin(), value.end(), end);
  std::copy(rest.begin(), rest.end(), end);
  head.headers.addView(http::HeaderId::kSetCookie, "set-cookie", {text, size});
  if (factory_.allowsSharedCaching()) return;
  const bool unshared =
      http::hasListToken(head.headers, http::HeaderId::kCacheControl, "private") ||
      http::hasListToken(head.headers, http::HeaderId::kCacheControl, "no-store");
  if (!unshared) head.headers.addView(http::HeaderId::kCacheControl, "cache-control", "private");
}

}  // namespace weir::extensions::stickiness::cookie
