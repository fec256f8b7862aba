#include "extensions/listener_filters/tls_inspector/tls_inspector.h"

namespace weir::extensions::listener_filters::tls_inspector {
namespace {

using Progress = network::ClientHelloInspector::Progress;
using Step = network::ListenerFilter::Step;
using Protocol = network::ConnectionInfo::Protocol;

constexpr char kFound[] = "tls_inspector_connections_total";
constexpr char kFoundHelp[] = "Connections by what their first bytes are.";

stats::Cell& counter(stats::Store& store, stats::Block& block, const char* name, const char* help,
                     stats::Labels labels) {
  return block.counter(store.counter(name, help, std::move(labels)));
}

// Makes the filters of one worker, with its counters. Worker-confined.
class WorkerFactory final : public network::WorkerListenerFilterFactory {
 public:
  WorkerFactory(const TlsInspectorConfig& config, base::ServiceMap& services)
      : config_(config),
        metrics_(config.listener, services.get<stats::Store>(), services.get<stats::Block>()) {}
  std::unique_ptr<network::ListenerFilter> create() override {
    return std::make_unique<TlsInspectorFilter>(config_, metrics_);
  }

 private:
  const TlsInspectorConfig& config_;
  TlsInspectorMetrics metrics_;
};

}  // namespace

TlsInspectorMetrics::TlsInspectorMetrics(const std::string& listener, stats::Store& store,
                                         stats::Block& block)
    : tls(counter(store, block, kFound, kFoundHelp, {{"listener", listener}, {"found", "tls"}})),
      not_tls(
          counter(store, block, kFound, kFoundHelp, {{"listener", listener}, {"found", "raw"}})),
      server_name(counter(store, block, "tls_inspector_server_name_total",
                          "ClientHellos with a server name (SNI).", {{"listener", listener}})),
      protocols(counter(store, block, "tls_inspector_alpn_total",
                        "ClientHellos that offer application protocols (ALPN).",
                        {{"listener", listener}})),
      timeouts(counter(store, block, "tls_inspector_timeouts_total",
                       "Connections on which too little came within raw_after.",
                       {{"listener", listener}})) {
  for (size_t i = 0; i < network::kClientHelloErrors; ++i) {
    const auto error = static_cast<network::ClientHelloError>(i);
    if (error == network::ClientHelloError::kNone) continue;
    const std::string reason(network::clientHelloErrorName(error));
    malformed_[i] = &counter(store, block, "tls_inspector_malformed_total",
                             "Connections closed because their ClientHello was malformed.",
                             {{"listener", listener}, {"reason", reason}});
  }
}

Step TlsInspectorFilter::inspect(std::string_view bytes, bool,
                                 network::InspectedConnection& connection, size_t&) {
  seen_any_ = !bytes.empty();
  switch (inspector_.inspect(bytes)) {
    case Progress::kNeedMore:
      return Step::kNeedMore;
    case Progress::kFound:
      take(*connection.info);
      return Step::kContinue;
    case Progress::kNotTls:
      metrics_.not_tls.add();
      connection.info->protocol = Protocol::kRaw;
      return Step::kContinue;
    case Progress::kMalformed:
      metrics_.malformed(inspector_.error()).add();
      return Step::kClose;
  }
  return Step::kClose;
}

void TlsInspectorFilter::take(network::ConnectionInfo& info) {
  const network::ClientHello& hello = inspector_.hello();
  metrics_.tls.add();
  if (!hello.server_name.empty()) metrics_.server_name.add();
  if (!hello.application_protocols.empty()) metrics_.protocols.add();
  info.protocol = Protocol::kTls;
  info.server_name = hello.server_name;
  info.application_protocols = hello.application_protocols;
}

Step TlsInspectorFilter::onTimeout(network::InspectedConnection& connection) {
  metrics_.timeouts.add();
  if (seen_any_) return Step::kClose;
  metrics_.not_tls.add();
  connection.info->protocol = Protocol::kRaw;
  return Step::kContinue;
}

std::unique_ptr<network::WorkerListenerFilterFactory> TlsInspectorFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerFactory>(config_, services);
}

}  // namespace weir::extensions::listener_filters::tls_inspector
