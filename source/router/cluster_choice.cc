#include "source/router/cluster_choice.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "source/base/hash.h"
#include "source/http/cookies.h"
#include "source/router/cluster_targets.h"
#include "source/upstream/hash_policy.h"

namespace weir::router {
namespace {

// Our cookies' values are this many hexadecimal digits.
constexpr size_t kDigits = 16;

std::optional<uint64_t> numberOf(std::string_view digits) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number, 16);
  if (digits.size() != kDigits || parsed.ec != std::errc() || parsed.ptr != end) return {};
  return number;
}

// All values of the field, in order.
std::optional<uint64_t> hashOfHeader(const http::HeaderMap& headers, std::string_view name) {
  std::optional<uint64_t> hash;
  headers.forEach([&](const http::HeaderMap::Field& field) {
    if (!base::equalsIgnoreCase(field.name, name)) return;
    hash = base::hash64(field.value, hash.value_or(0));
  });
  return hash;
}

// What the client is known by, if it is.
std::optional<uint64_t> keyOf(const StickyWeights& sticky,
                              const http::FilterChainContext& context) {
  const http::HeaderMap& headers = context.request.headers;
  switch (sticky.kind) {
    case StickyWeights::Kind::kOwnCookie: {
      const auto value = http::cookieValue(headers, sticky.name);
      return value ? numberOf(*value) : std::nullopt;
    }
    case StickyWeights::Kind::kHeader:
      return hashOfHeader(headers, sticky.name);
    case StickyWeights::Kind::kCookie: {
      const auto value = http::cookieValue(headers, sticky.name);
      if (!value || value->empty()) return std::nullopt;
      return base::hash64(*value);
    }
    case StickyWeights::Kind::kSourceAddress: {
      const network::Address* const address = context.info.downstream_remote;
      if (address == nullptr || !address->isIp()) return std::nullopt;
      return upstream::hashOf(*address, 32, 64);
    }
  }
  return std::nullopt;
}

using Weighted = ClusterTargets::Weighted;

// By a point that is spread evenly over all of uint64_t.
const Weighted& byShare(const ClusterTargets& targets, uint64_t point) {
  uint64_t total = 0;
  for (const Weighted& weighted : targets.weighted) total += weighted.weight;
  auto left = static_cast<uint64_t>((static_cast<unsigned __int128>(point) * total) >> 64);
  for (const Weighted& weighted : targets.weighted) {
    if (left < weighted.weight) return weighted;
    left -= weighted.weight;
  }
  return targets.weighted.back();
}

// Weighted rendezvous hashing (Schindelhauer and Schomaker, 2005): a key goes elsewhere only when
// its cluster loses weight or another one gains some.
const Weighted& byKey(const ClusterTargets& targets, uint64_t key) {
  const Weighted* best = nullptr;
  double most = -1;
  for (const Weighted& weighted : targets.weighted) {
    if (weighted.weight == 0) continue;
    const uint64_t hash = base::mix64(base::mix64(key) ^ weighted.hash);
    const double unit = (static_cast<double>(hash >> 11) + 0.5) * 0x1.0p-53;  // in (0, 1)
    const double score = weighted.weight / -std::log(unit);
    if (score <= most) continue;
    most = score;
    best = &weighted;
  }
  return best == nullptr ? targets.weighted.back() : *best;
}

}  // namespace

void ClusterChoice::choose(const RouteEntry& route, const http::FilterChainContext& context,
                           base::Random& random) {
  sets_cookie_ = nullptr;
  if (route.targets == nullptr) {
    action_ = &route.cluster;
    cluster_ = action_->cluster;
    index_ = action_->cluster_index;
  } else if (route.targets->weighted.empty()) {
    chooseNamed(route, context);
  } else {
    chooseWeighted(*route.targets, context, random);
  }
}

void ClusterChoice::chooseWeighted(const ClusterTargets& targets,
                                   const http::FilterChainContext& context, base::Random& random) {
  std::optional<uint64_t> key;
  if (targets.sticky) {
    key = keyOf(*targets.sticky, context);
    if (!key && targets.sticky->kind == StickyWeights::Kind::kOwnCookie) {
      key = key_ = random.next();
      sets_cookie_ = &targets;
    }
  }
  const Weighted& chosen =
      key ? byKey(targets, *key) : byShare(targets, base::mix64(context.info.draw ^ targets.salt));
  action_ = &chosen.action;
  cluster_ = chosen.cluster;
  index_ = chosen.action.cluster_index;
}

void ClusterChoice::chooseNamed(const RouteEntry& route, const http::FilterChainContext& context) {
  const ClusterTargets& targets = *route.targets;
  http::HeaderMap& headers = context.request.headers;
  action_ = &route.cluster;
  // The value stays where it is when the field is removed.
  cluster_ = headers.count(targets.header) == 1 ? headers.get(targets.header) : std::string_view();
  index_ = ClusterAction::kByName;
  not_found_status_ = targets.not_found_status;
  if (targets.remove_header) headers.remove(targets.header);
}

void ClusterChoice::onAnswer(const http::FilterChainContext& context) const {
  if (sets_cookie_ == nullptr) return;
  static constexpr std::string_view kSecure = "; Secure";
  const StickyWeights& sticky = *sets_cookie_->sticky;
  const bool secure = sticky.secure.value_or(context.info.downstream_tls != nullptr);
  const size_t size =
      sticky.name.size() + 1 + kDigits + sticky.attributes.size() + (secure ? kSecure.size() : 0);
  char* const text = static_cast<char*>(context.response.arena.allocate(size, 1));
  char* at = text;
  const auto append = [&at](std::string_view part) {
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  };
  append(sticky.name);
  append("=");
  for (int shift = 60; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[key_ >> shift & 15];
  append(sticky.attributes);
  if (secure) append(kSecure);
  context.response.headers.addView(http::HeaderId::kSetCookie,
                                   http::headerName(http::HeaderId::kSetCookie), {text, size});
}

}  // namespace weir::router
