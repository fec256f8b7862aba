#include "extensions/http_filters/csrf/csrf.h"

#include <algorithm>

#include "source/base/ascii.h"
#include "source/base/random.h"
#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::csrf {
namespace {

using base::isExactly;

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const CsrfPolicy> p, const CsrfStats& ids, stats::Block& block)
      : policy(std::move(p)),
        allowed(block.counter(ids.allowed)),
        missing(block.counter(ids.missing)),
        foreign(block.counter(ids.foreign)),
        shadow_denied(block.counter(ids.shadow_denied)) {}

  const std::shared_ptr<const CsrfPolicy> policy;
  base::Random random;
  stats::Cell& allowed;
  stats::Cell& missing;
  stats::Cell& foreign;
  stats::Cell& shadow_denied;
};

bool isSafe(std::string_view method) {
  return isExactly(method, "GET") || isExactly(method, "HEAD") || isExactly(method, "OPTIONS") ||
         isExactly(method, "TRACE");
}

struct HostPort {
  std::string_view host;
  std::string_view port;
};

HostPort split(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return {authority, {}};
  return {authority.substr(0, colon), authority.substr(colon + 1)};
}

// Worker-confined.
class CsrfFilter final : public http::HttpFilter {
 public:
  explicit CsrfFilter(Shared& shared) : shared_(shared) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const bool upgrade = !head.upgrade.empty() && head.headers.has("origin");
    if (isSafe(head.method) && !upgrade) return http::Verdict::kContinue;
    const auto* const route = static_cast<const CsrfPolicy*>(handle().routeConfig());
    const CsrfPolicy& policy = route != nullptr ? *route : *shared_.policy;
    const std::string_view origin = sourceOf(head.headers);
    if (!origin.empty() && allows(policy, origin, head.authority)) {
      shared_.allowed.add();
      return http::Verdict::kContinue;
    }
    if (policy.shadow || !policy.enforced.takes(shared_.random)) {
      shared_.shadow_denied.add();
      handle().dynamicMetadata().set("csrf", "shadow_denied", true);
      return http::Verdict::kContinue;
    }
    origin.empty() ? shared_.missing.add() : shared_.foreign.add();
    handle().localReply({.status = 403,
                         .body = "the request does not come from a page of this site\n",
                         .detail = origin.empty() ? "csrf_no_origin" : "csrf_foreign_origin"});
    return http::Verdict::kPause;
  }

 private:
  // Empty: nobody says, or several things.
  static std::string_view sourceOf(const http::HeaderMap& headers) {
    if (headers.has("origin")) {
      return headers.count("origin") == 1 ? originIn(headers.get("origin")) : std::string_view();
    }
    if (headers.count(http::HeaderId::kReferer) != 1) return {};
    return originIn(headers.get(http::HeaderId::kReferer));
  }

  static bool allows(const CsrfPolicy& policy, std::string_view origin,
                     std::string_view authority) {
    return isOfHost(origin, authority) ||
           std::any_of(policy.additional_origins.begin(), policy.additional_origins.end(),
                       [&](const http::TextMatcher& more) { return more.matches(origin); });
  }

  Shared& shared_;
};

// Worker-confined.
class WorkerCsrfFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerCsrfFactory(std::shared_ptr<const CsrfPolicy> policy, const CsrfStats& ids,
                    stats::Block& block)
      : shared_(std::move(policy), ids, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<CsrfFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::string_view originIn(std::string_view field) {
  const size_t scheme = field.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return {};
  const size_t end = std::min(field.find_first_of("/?#", scheme + 3), field.size());
  const std::string_view origin = field.substr(0, end);
  // "user@host" would be read in two ways.
  const bool odd = end == scheme + 3 || origin.find_first_of("@ \\") != std::string_view::npos;
  return odd ? std::string_view() : origin;
}

bool isOfHost(std::string_view origin, std::string_view authority) {
  const size_t scheme_size = origin.find("://");
  if (scheme_size == std::string_view::npos) return false;
  const std::string_view scheme = origin.substr(0, scheme_size);
  const std::string_view usual = base::equalsIgnoreCase(scheme, "https")  ? "443"
                                 : base::equalsIgnoreCase(scheme, "http") ? "80"
                                                                          : "";
  const HostPort from = split(origin.substr(scheme_size + 3));
  const HostPort to = split(authority);
  if (from.host.empty() || !base::equalsIgnoreCase(from.host, to.host)) return false;
  const std::string_view port = from.port.empty() ? usual : from.port;
  return to.port.empty() ? port == usual : port == to.port;
}

std::unique_ptr<http::WorkerHttpFilterFactory> CsrfFactory::bind(base::ServiceMap& services) const {
  return std::make_unique<WorkerCsrfFactory>(policy_, stats_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::csrf
