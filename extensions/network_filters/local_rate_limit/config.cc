#include "extensions/network_filters/local_rate_limit/config.h"

#include <bit>

#include "api/weir/extensions/network_filters/local_rate_limit/v1/local_rate_limit.pb.h"
#include "source/base/concat.h"
#include "source/base/random.h"
#include "source/config/fields.h"

namespace weir::extensions::network_filters::local_rate_limit {
namespace {

using config::Cursor;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr uint64_t kMost = 1'000'000;

Rate readRate(const v1::Rate& from, const Cursor& at) {
  Rate to;
  const uint64_t connections =
      config::readNumber(from.connections(), {1, kMost}, at.field("connections"));
  const nanoseconds per =
      config::readDuration(from.has_per() ? &from.per() : nullptr, milliseconds(1000),
                           {milliseconds(1), std::chrono::hours(1)}, at.field("per"));
  to.interval = std::max<Nanoseconds>(1, per.count() / static_cast<int64_t>(connections));
  to.burst = static_cast<uint32_t>(
      config::readNumberOr(from.burst(), connections, {1, kMost}, at.field("burst")));
  return to;
}

}  // namespace

std::shared_ptr<const network::NetworkFilterFactory> LocalRateLimitExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::LocalRateLimit&>(config);
  const size_t problems = at.diagnostics().list().size();
  auto to = std::make_shared<LocalRateLimitConfig>();
  if (from.has_rate()) to->rate = readRate(from.rate(), at.field("rate"));
  if (from.has_rate_per_source()) {
    to->rate_per_source = readRate(from.rate_per_source(), at.field("rate_per_source"));
  }
  if (!from.has_rate() && !from.has_rate_per_source()) {
    at.field("rate").error("there is no limit", "give rate or rate_per_source");
  }
  const uint64_t places = std::bit_ceil(config::readNumberOr(
      from.max_sources(), 16384, {1024, 1024 * 1024}, at.field("max_sources")));
  if (at.diagnostics().list().size() > problems) return nullptr;
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  // Another size is another table.
  to->buckets = buckets_.get(base::concat(places, "/", name), [places] {
    return std::make_shared<RateBuckets>(places, base::Random().next());
  });
  const stats::Labels labels{{"limit", name}};
  to->stats.passed = context.stats.counter("local_rate_limit_passed_total",
                                           "Connections within the rate.", labels);
  to->stats.refused = context.stats.counter("local_rate_limit_refused_total",
                                            "Connections closed by the rate of all.", labels);
  to->stats.refused_source =
      context.stats.counter("local_rate_limit_refused_source_total",
                            "Connections closed by the rate of their source.", labels);
  to->stats.no_place = context.stats.counter(
      "local_rate_limit_forgotten_total",
      "Connections whose source could not be remembered among too many.", labels);
  return std::make_shared<LocalRateLimitFactory>(std::move(to));
}

}  // namespace weir::extensions::network_filters::local_rate_limit
