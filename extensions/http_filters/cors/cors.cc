#include "extensions/http_filters/cors/cors.h"

#include <algorithm>
#include <array>

#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::cors {
namespace {

constexpr std::string_view kOrigin = "origin";
constexpr std::string_view kAllowOrigin = "access-control-allow-origin";
constexpr std::string_view kAllowCredentials = "access-control-allow-credentials";
constexpr std::string_view kAllowMethods = "access-control-allow-methods";
constexpr std::string_view kAllowHeaders = "access-control-allow-headers";
constexpr std::string_view kAllowPrivateNetwork = "access-control-allow-private-network";
constexpr std::string_view kExposeHeaders = "access-control-expose-headers";
constexpr std::string_view kMaxAge = "access-control-max-age";
constexpr std::string_view kRequestMethod = "access-control-request-method";
constexpr std::string_view kRequestHeaders = "access-control-request-headers";
constexpr std::string_view kRequestPrivateNetwork = "access-control-request-private-network";

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const CorsPolicy> p, const CorsStats& ids, stats::Block& block)
      : policy(std::move(p)),
        allowed(block.counter(ids.allowed)),
        denied(block.counter(ids.denied)),
        preflights(block.counter(ids.preflights)) {}

  const std::shared_ptr<const CorsPolicy> policy;
  stats::Cell& allowed;
  stats::Cell& denied;
  stats::Cell& preflights;
};

// A list of field names, as a page would send it.
bool isTokenList(std::string_view list) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view name = base::trimOws(list.substr(0, comma));
    if (!name.empty() && !http::isToken(name)) return false;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return true;
}

bool isOurs(const http::HeaderMap::Field& field) {
  static constexpr std::array kNames = {kAllowOrigin,  kAllowCredentials,    kAllowMethods,
                                        kAllowHeaders, kAllowPrivateNetwork, kExposeHeaders,
                                        kMaxAge};
  return field.id == http::HeaderId::kOther &&
         std::any_of(kNames.begin(), kNames.end(), [&](std::string_view name) {
           return base::equalsIgnoreCase(field.name, name);
         });
}

// Worker-confined.
class CorsFilter final : public http::HttpFilter {
 public:
  explicit CorsFilter(Shared& shared) : shared_(shared) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const auto* const route = static_cast<const CorsPolicy*>(handle().routeConfig());
    policy_ = route != nullptr ? route : shared_.policy.get();
    const http::HeaderMap& headers = head.headers;
    if (!headers.has(kOrigin)) return http::Verdict::kContinue;
    origin_ = headers.count(kOrigin) == 1 ? headers.get(kOrigin) : std::string_view();
    allowed_ = policy_->allows(origin_);
    const bool preflight =
        base::isExactly(head.method, "OPTIONS") && headers.count(kRequestMethod) == 1;
    (allowed_ ? shared_.allowed : shared_.denied).add();
    if (preflight) shared_.preflights.add();
    if (!preflight || policy_->shadow) return http::Verdict::kContinue;
    answer(headers);
    return http::Verdict::kPause;
  }

  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    if (policy_ == nullptr || policy_->shadow || head.status == 101) {
      return http::Verdict::kContinue;
    }
    head.headers.removeIf(isOurs);
    if (policy_->varies()) vary(head.headers);
    if (!allowed_) return http::Verdict::kContinue;
    head.headers.add(kAllowOrigin, allowOrigin());
    if (policy_->credentials) head.headers.add(kAllowCredentials, "true");
    if (!policy_->expose.empty()) head.headers.add(kExposeHeaders, policy_->expose);
    return http::Verdict::kContinue;
  }

 private:
  std::string_view allowOrigin() const { return policy_->varies() ? origin_ : "*"; }

  static void vary(http::HeaderMap& headers) {
    using http::HeaderId;
    if (http::hasListToken(headers, HeaderId::kVary, "*") ||
        http::hasListToken(headers, HeaderId::kVary, kOrigin)) {
      return;
    }
    headers.add(HeaderId::kVary, "Origin");
  }

  // What is not allowed gets an answer that no browser takes for one.
  void answer(const http::HeaderMap& headers) {
    if (!allowed_) {
      static constexpr std::array kFields = {http::ReplyField{"vary", "Origin"}};
      return handle().localReply({.status = 403,
                                  .body = "pages of this origin may not read this\n",
                                  .detail = "cors_origin_denied",
                                  .fields = kFields});
    }
    std::array<http::ReplyField, 7> fields;
    size_t count = 0;
    const auto add = [&](std::string_view name, std::string_view value) {
      if (!value.empty()) fields[count++] = {name, value};
    };
    const std::string_view names = headers.get(kRequestHeaders);
    const bool many = headers.count(kRequestHeaders) > 1 || !isTokenList(names);
    add(kAllowOrigin, allowOrigin());
    if (policy_->credentials) add(kAllowCredentials, "true");
    add(kAllowMethods, asked(policy_->methods, headers.get(kRequestMethod)));
    add(kAllowHeaders, many ? std::string_view() : asked(policy_->headers, names));
    add(kMaxAge, policy_->max_age);
    if (policy_->private_network && headers.get(kRequestPrivateNetwork) == "true") {
      add(kAllowPrivateNetwork, "true");
    }
    add("vary",
        "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
        "Access-Control-Request-Private-Network");
    handle().localReply(
        {.status = 204, .detail = "cors_preflight", .fields = {fields.data(), count}});
  }

  // With credentials "*" is the name of a method, or a field, and nothing else.
  std::string_view asked(std::string_view allowed, std::string_view wanted) const {
    if (allowed != "*" || !policy_->credentials) return allowed;
    return isTokenList(wanted) ? wanted : std::string_view();
  }

  Shared& shared_;
  const CorsPolicy* policy_ = nullptr;  // null: the request has not come here
  std::string_view origin_;             // of the request
  bool allowed_ = false;
};

// Worker-confined.
class WorkerCorsFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerCorsFactory(std::shared_ptr<const CorsPolicy> policy, const CorsStats& ids,
                    stats::Block& block)
      : shared_(std::move(policy), ids, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<CorsFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

bool CorsPolicy::allows(std::string_view origin) const {
  if (origin.empty()) return false;
  if (origin == "null") return null_origin || any_origin;
  return any_origin || std::any_of(origins.begin(), origins.end(),
                                   [&](const auto& matcher) { return matcher.matches(origin); });
}

std::unique_ptr<http::WorkerHttpFilterFactory> CorsFactory::bind(base::ServiceMap& services) const {
  return std::make_unique<WorkerCorsFactory>(policy_, stats_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::cors
