#include "extensions/network_filters/connection_limit/config.h"

#include "api/weir/extensions/network_filters/connection_limit/v1/connection_limit.pb.h"
#include "source/config/fields.h"

namespace weir::extensions::network_filters::connection_limit {

using std::chrono::milliseconds;

std::shared_ptr<const network::NetworkFilterFactory> ConnectionLimitExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::ConnectionLimit&>(config);
  const size_t problems = at.diagnostics().list().size();
  auto to = std::make_shared<ConnectionLimitConfig>();
  to->max_connections = static_cast<uint32_t>(config::readNumber(
      from.max_connections(), {0, config::kMaxConnections}, at.field("max_connections")));
  to->max_per_source = static_cast<uint32_t>(
      config::readNumber(from.max_connections_per_source(), {0, config::kMaxConnections},
                         at.field("max_connections_per_source")));
  if (to->max_connections == 0 && to->max_per_source == 0) {
    at.field("max_connections")
        .error("there is no limit", "give max_connections or max_connections_per_source");
  }
  to->delay = config::readDuration(from.has_delay() ? &from.delay() : nullptr, milliseconds(0),
                                   {milliseconds(0), std::chrono::minutes(1)}, at.field("delay"));
  if (at.diagnostics().list().size() > problems) return nullptr;
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  to->counts = counts_.get(name, [] { return std::make_shared<ConnectionCounts>(); });
  const stats::Labels labels{{"limit", name}};
  to->stats.active = context.stats.gauge("connection_limit_active",
                                         "Connections open that count for the limit.", labels);
  to->stats.refused = context.stats.counter(
      "connection_limit_refused_total", "Connections closed because too many were open.", labels);
  to->stats.refused_source = context.stats.counter(
      "connection_limit_refused_source_total",
      "Connections closed because too many of their source were open.", labels);
  return std::make_shared<ConnectionLimitFactory>(std::move(to));
}

}  // namespace weir::extensions::network_filters::connection_limit
