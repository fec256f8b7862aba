#include "source/router/mirroring.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "source/http/semantics.h"

namespace weir::router {

namespace {

constexpr std::string_view kShadow = "-shadow";
// Small pieces of large blocks: no more memory is kept alive for a body than so many times its
// limit.
constexpr size_t kPinnedFactor = 4;

stats::Cell& refused(base::ServiceMap& services, std::string_view reason) {
  return services.get<stats::Block>().counter(services.get<stats::Store>().counter(
      "mirrored_requests_refused_total",
      "Copies of requests that were not made: the body was too long, or too many were under way.",
      {{"reason", std::string(reason)}}));
}

// "shop.example:80" is "shop.example-shadow:80"; an address stays as it is.
std::string_view shadowOf(std::string_view authority, base::Arena& arena) {
  if (authority.starts_with('[')) return authority;
  const size_t colon = std::min(authority.rfind(':'), authority.size());
  const std::string_view host = authority.substr(0, colon);
  if (host.find_first_not_of("0123456789.") == std::string_view::npos) return authority;
  char* const text = static_cast<char*>(arena.allocate(authority.size() + kShadow.size(), 1));
  char* end = std::copy(host.begin(), host.end(), text);
  end = std::copy(kShadow.begin(), kShadow.end(), end);
  std::copy(authority.begin() + static_cast<std::ptrdiff_t>(colon), authority.end(), end);
  return {text, authority.size() + kShadow.size()};
}

std::span<const HttpCallField> fieldsOf(const http::HeaderMap& map, base::Arena& arena) {
  auto* const fields = static_cast<HttpCallField*>(
      arena.allocate(map.size() * sizeof(HttpCallField), alignof(HttpCallField)));
  size_t count = 0;
  map.forEach([&](const http::HeaderMap::Field& field) {
    new (fields + count++) HttpCallField{field.name, field.value};
  });
  return {fields, count};
}

}  // namespace

Mirroring::Cells::Cells(base::ServiceMap& services)
    : sent(services.get<stats::Block>().counter(services.get<stats::Store>().counter(
          "mirrored_requests_total", "Copies of requests that were sent to other clusters."))),
      refused_body(refused(services, "body")),
      refused_limit(refused(services, "limit")) {}

Mirroring::Mirroring(base::ServiceMap& services)
    : calls_(services.find<HttpCalls>()), cells_(services) {}

MirrorCopy* Mirroring::begin(http::FilterChain& chain,
                             const std::shared_ptr<const Resilience>& route, base::Random& random) {
  if (calls_ == nullptr) return nullptr;
  uint32_t chosen = 0;
  for (size_t i = 0; i < route->mirrors.size(); ++i) {
    if (route->mirrors[i].fraction.takes(random)) chosen |= uint32_t{1} << i;
  }
  Route* const counted = chosen == 0 ? nullptr : find(route);
  if (counted == nullptr) return nullptr;
  return chain.context().arena.create<MirrorCopy>(*this, *counted, chosen, chain);
}

Mirroring::Route* Mirroring::find(const std::shared_ptr<const Resilience>& route) {
  const auto at = std::lower_bound(
      routes_.begin(), routes_.end(), route.get(),
      [](const auto& known, const Resilience* wanted) { return known->policy.get() < wanted; });
  if (at != routes_.end() && (*at)->policy == route) return at->get();
  if (routes_.size() >= kMostRoutes) return nullptr;
  auto made = std::make_unique<Route>();
  made->policy = route;
  for (size_t i = 0; i < route->mirrors.size(); ++i) {
    made->counts.emplace_back(new HttpCallCount);
  }
  return routes_.insert(at, std::move(made))->get();
}

MirrorCopy::MirrorCopy(Mirroring& mirroring, Mirroring::Route& route, uint32_t chosen,
                       http::FilterChain& chain)
    : mirroring_(mirroring),
      route_(route),
      chosen_(chosen),
      chain_(chain),
      body_(chain.context().blocks) {}

void MirrorCopy::drop(size_t mirror, stats::Cell& reason) {
  chosen_ &= ~(uint32_t{1} << mirror);
  reason.add();
}

// Those whose limit it is over are left out; when none is left, nothing is kept.
void MirrorCopy::add(const buffer::Buffer& data) {
  if (chosen_ == 0 || data.empty()) return;
  const size_t size = body_.size() + data.size();
  body_.appendShared(data);
  const size_t pinned = body_.bytesPinned();
  for (size_t i = 0; i < route_.policy->mirrors.size(); ++i) {
    const size_t limit = route_.policy->mirrors[i].max_body_bytes;
    const size_t memory = std::max<size_t>(limit, buffer::BlockPool::kLargest) * kPinnedFactor;
    if ((chosen_ >> i & 1) != 0 && (size > limit || pinned > memory)) {
      drop(i, mirroring_.cells_.refused_body);
    }
  }
  if (chosen_ == 0) body_.clear();
}

void MirrorCopy::send() {
  if (chosen_ == 0) return;
  http::FilterChainContext& context = chain_.context();
  const http::RequestHead& head = context.request;
  HttpCallRequest request;
  request.method = head.method;
  request.scheme = head.scheme;
  const std::string_view rewritten = context.info.upstream_path;
  request.path = rewritten.empty() ? head.path : rewritten;
  request.fields = fieldsOf(head.headers, context.arena);
  request.trailers = fieldsOf(context.request_trailers, context.arena);
  request.on_behalf_of = &context.info;
  request.send_xff = false;  // its client is there already
  for (size_t i = 0; i < route_.policy->mirrors.size(); ++i) {
    if ((chosen_ >> i & 1) != 0) sendTo(i, request);
  }
  end();
}

void MirrorCopy::sendTo(size_t mirror, const HttpCallRequest& like) {
  const MirrorPolicy& policy = route_.policy->mirrors[mirror];
  HttpCallCount& count = *route_.counts[mirror];
  if (count.active >= policy.max_active) return drop(mirror, mirroring_.cells_.refused_limit);
  http::FilterChainContext& context = chain_.context();
  const std::string_view rewritten = context.info.upstream_authority;
  const std::string_view authority = rewritten.empty() ? context.request.authority : rewritten;
  buffer::Buffer body(context.blocks);
  body.appendShared(body_);
  HttpCallRequest request = like;
  request.cluster = policy.cluster;
  request.authority = policy.keep_host ? authority : shadowOf(authority, context.arena);
  request.body = &body;
  request.timeout = policy.timeout;
  request.count = &count;
  if (!mirroring_.calls_->startAndForget(request)) {
    return drop(mirror, mirroring_.cells_.refused_limit);
  }
  mirroring_.cells_.sent.add();
}

void MirrorCopy::end() {
  chosen_ = 0;
  body_.clear();
}

}  // namespace weir::router
