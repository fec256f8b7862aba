#include "extensions/http_filters/bandwidth_limit/config.h"

#include <atomic>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/bandwidth_limit/v1/bandwidth_limit.pb.h"
#include "extensions/http_filters/bandwidth_limit/bandwidth_limit.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::bandwidth_limit {
namespace {

constexpr uint64_t kMostBytesPerSecond = uint64_t{1} << 40;

Scope scopeOf(int value) {
  switch (value) {
    case v1::BandwidthLimit::SCOPE_WORKER:
      return Scope::kWorker;
    case v1::BandwidthLimit::SCOPE_ALL:
      return Scope::kAll;
    default:
      return Scope::kStream;
  }
}

Limit readLimit(const v1::BandwidthLimit::Limit& from, const config::Cursor& at) {
  Limit to;
  to.bytes_per_second = config::readNumber(from.bytes_per_second(), {1, kMostBytesPerSecond},
                                           at.field("bytes_per_second"));
  to.scope = scopeOf(from.scope());
  if (to.scope == Scope::kAll) {
    to.shared = std::make_shared<common::pacing::ByteBucket>(to.bytes_per_second);
  }
  return to;
}

void readPolicy(const v1::BandwidthLimit& from, const config::Cursor& at, BandwidthPolicy& to) {
  static std::atomic<uint64_t> ids{0};
  to.id = ids.fetch_add(1, std::memory_order_relaxed);
  if (from.has_request()) to.request = readLimit(from.request(), at.field("request"));
  if (from.has_response()) to.response = readLimit(from.response(), at.field("response"));
}

DirectionStats makeStats(stats::Store& store, const std::string& name,
                         const std::string& direction) {
  const stats::Labels labels = {{"filter", name}, {"direction", direction}};
  return {
      .bytes = store.counter("bandwidth_limit_bytes_total", "Bytes of limited bodies.", labels),
      .delayed = store.counter("bandwidth_limit_delayed_total", "Bodies that had to wait.", labels),
      .delay_ms = store.histogram("bandwidth_limit_delay_ms",
                                  "How long bodies had to wait, in milliseconds.", labels),
  };
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> BandwidthLimitExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::BandwidthLimit&>(config);
  BandwidthConfig to;
  readPolicy(from, at, to.policy);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  to.request = makeStats(context.stats, name, "request");
  to.response = makeStats(context.stats, name, "response");
  return std::make_shared<BandwidthFilterFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> BandwidthLimitExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::BandwidthLimit&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix")
        .error("belongs to the filter, in the connection manager", "leave it out here");
  }
  auto to = std::make_shared<BandwidthPolicy>();
  readPolicy(from, at, *to);
  return to;
}

}  // namespace weir::extensions::http_filters::bandwidth_limit
