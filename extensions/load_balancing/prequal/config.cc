#include "extensions/load_balancing/prequal/config.h"

#include <optional>
#include <string>

#include "api/weir/extensions/load_balancing/prequal/v1/prequal.pb.h"
#include "extensions/load_balancing/prequal/http_prober.h"
#include "extensions/load_balancing/prequal/prequal.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

using std::chrono::milliseconds;

struct RealRange {
  double least;
  double most;
};

double readReal(double value, RealRange range, const config::Cursor& at) {
  if (value >= range.least && value <= range.most) return value;  // false for what is no number
  at.error(base::concat(value, " is out of range; it must be ", range.least, " to ", range.most));
  return range.least;
}

const google::protobuf::Duration* given(bool has, const google::protobuf::Duration& value) {
  return has ? &value : nullptr;
}

// What may stand in a request line after the host; no fragment.
bool isPath(std::string_view text) {
  if (!text.starts_with('/')) return false;
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '#') return false;
  }
  return true;
}

bool isHost(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '/' || c == '?' || c == '#' || c == '@') return false;
  }
  return true;
}

HttpProbeOptions readProbing(const v1::Probing& from, const config::Cursor& at) {
  HttpProbeOptions options;
  if (!from.path().empty()) options.path = from.path();
  if (!isPath(options.path)) {
    at.field("path").error(
        "is not a path; it must begin with \"/\" and have no spaces, such as "
        "\"/.well-known/weir/load\"");
  }
  options.host = from.host();
  if (!isHost(options.host)) {
    at.field("host").error(
        "is not a host; it must be a name or an address, such as "
        "\"shop.example\"");
  }
  options.timeout =
      config::readDuration(given(from.has_timeout(), from.timeout()), options.timeout,
                           {milliseconds(10), milliseconds(10'000)}, at.field("timeout"));
  options.max_in_flight = static_cast<uint32_t>(config::readNumberOr(
      from.max_in_flight(), options.max_in_flight, {1, 1024}, at.field("max_in_flight")));
  return options;
}

PrequalOptions readOptions(const v1::Prequal& from, const config::Cursor& at) {
  PrequalOptions options;
  const auto real = [&at](bool has, double value, double fallback, RealRange range,
                          std::string_view field) {
    return readReal(has ? value : fallback, range, at.field(field));
  };
  options.probes_per_pick = real(from.has_probes_per_request(), from.probes_per_request(),
                                 options.probes_per_pick, {0.01, 16}, "probes_per_request");
  options.removals_per_pick = real(from.has_removals_per_request(), from.removals_per_request(),
                                   options.removals_per_pick, {0, 16}, "removals_per_request");
  options.hot_quantile = real(from.has_hot_quantile(), from.hot_quantile(), options.hot_quantile,
                              {0, 1}, "hot_quantile");
  options.accumulation = real(from.has_accumulation(), from.accumulation(), options.accumulation,
                              {0.01, 16}, "accumulation");
  options.pool_size = static_cast<uint32_t>(
      config::readNumberOr(from.pool_size(), options.pool_size, {2, 64}, at.field("pool_size")));
  options.max_probe_age = config::readDuration(
      given(from.has_max_probe_age(), from.max_probe_age()), options.max_probe_age,
      {milliseconds(10), milliseconds(60'000)}, at.field("max_probe_age"));
  options.observation_window = config::readDuration(
      given(from.has_observation_window(), from.observation_window()), options.observation_window,
      {milliseconds(100), std::chrono::hours(1)}, at.field("observation_window"));
  options.max_probes_per_second = static_cast<uint32_t>(
      config::readNumberOr(from.probing().max_per_second(), options.max_probes_per_second,
                           {1, 1'000'000}, at.field("probing").field("max_per_second")));
  return options;
}

}  // namespace

std::shared_ptr<const upstream::LoadBalancerFactory> PrequalExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Prequal&>(config);
  const PrequalOptions options = readOptions(from, at);
  HttpProbeOptions probing = readProbing(from.probing(), at.field("probing"));
  std::shared_ptr<const ProberFactory> probers;
  if (!from.probing().disabled()) {
    probers = std::make_shared<HttpProberFactory>(std::move(probing));
  }
  return std::make_shared<PrequalFactory>(
      options, PrequalStats::create(context.stats, std::string(context.cluster_name)),
      std::move(probers));
}

}  // namespace weir::extensions::load_balancing::prequal
