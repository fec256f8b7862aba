#include "extensions/load_balancing/override/config.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"

#include "api/weir/extensions/load_balancing/override/v1/override.pb.h"
#include "extensions/load_balancing/override/override.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/http/header_map.h"
#include "source/http/semantics.h"

namespace weir::extensions::load_balancing::override {
namespace {

using upstream::Health;

// What framing and routing depend on cannot be taken out of a request.
bool mayBeTaken(std::string_view name) {
  switch (http::headerId(name)) {
    case http::HeaderId::kHost:
    case http::HeaderId::kConnection:
    case http::HeaderId::kContentLength:
    case http::HeaderId::kTransferEncoding:
    case http::HeaderId::kUpgrade:
      return false;
    default:
      return true;
  }
}

std::string readHeader(const std::string& from, const config::Cursor& at) {
  if (from.empty()) return {};
  if (!http::isToken(from)) {
    at.error(base::concat("\"", from, "\" is not the name of a field"),
             "use letters, digits and \"-\", such as \"x-weir-endpoint\"");
  } else if (!mayBeTaken(from)) {
    at.error(base::concat("\"", from, "\" means something else, and cannot be removed"),
             "use a field of your own, such as \"x-weir-endpoint\"");
  }
  return absl::AsciiStrToLower(from);
}

uint32_t statesOf(int status) {
  switch (status) {
    case v1::Override::HEALTHY:
      return OverrideConfig::bit(Health::kHealthy) | OverrideConfig::bit(Health::kUnknown);
    case v1::Override::DEGRADED:
      return OverrideConfig::bit(Health::kDegraded);
    case v1::Override::UNHEALTHY:
      return OverrideConfig::bit(Health::kUnhealthy);
    case v1::Override::DRAINING:
      return OverrideConfig::bit(Health::kDraining);
    default:
      return 0;
  }
}

uint32_t readAllowed(const v1::Override& from, const config::Cursor& at) {
  if (from.allow_size() == 0)
    return statesOf(v1::Override::HEALTHY) | statesOf(v1::Override::DEGRADED);
  uint32_t allowed = 0;
  for (int i = 0; i < from.allow_size(); ++i) {
    const uint32_t states = statesOf(from.allow(i));
    if (states == 0) {
      at.at("allow", i).error("names no state", "use HEALTHY, DEGRADED, UNHEALTHY or DRAINING");
    }
    allowed |= states;
  }
  return allowed;
}

}  // namespace

std::shared_ptr<const upstream::LoadBalancerFactory> OverrideExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Override&>(config);
  OverrideConfig made;
  made.header = readHeader(from.header(), at.field("header"));
  made.allowed = readAllowed(from, at);
  made.strict = from.strict();
  auto nested =
      context.compiler.loadBalancing(from.has_load_balancing() ? &from.load_balancing() : nullptr,
                                     at.field("load_balancing"), context);
  if (nested == nullptr) return nullptr;
  if (!made.header.empty() && !nested->overrideHeader().empty()) {
    at.field("header").error("the nested algorithm is an override by a field as well",
                             "leave one of them out");
  }
  std::optional<OverrideStats> stats;
  if (at.diagnostics().ok()) stats = OverrideStats::create(context.stats, context.cluster_name);
  return std::make_shared<OverrideFactory>(std::move(made), std::move(nested), stats);
}

}  // namespace weir::extensions::load_balancing::override
