#include "extensions/listener_filters/http_inspector/http_inspector.h"

namespace weir::extensions::listener_filters::http_inspector {
namespace {

using Answer = network::HttpSniffer::Answer;
using Step = network::ListenerFilter::Step;

constexpr char kFound[] = "http_inspector_connections_total";
constexpr char kFoundHelp[] = "Connections by the protocol that their first bytes speak.";

// Makes the filters of one worker, with its counters. Worker-confined.
class WorkerFactory final : public network::WorkerListenerFilterFactory {
 public:
  WorkerFactory(const HttpInspectorConfig& config, base::ServiceMap& services)
      : config_(config),
        metrics_(config.listener, services.get<stats::Store>(), services.get<stats::Block>()) {}
  std::unique_ptr<network::ListenerFilter> create() override {
    return std::make_unique<HttpInspectorFilter>(config_, metrics_);
  }

 private:
  const HttpInspectorConfig& config_;
  HttpInspectorMetrics metrics_;
};

bool isTls(const network::InspectedConnection& connection) {
  return connection.info->protocol == network::ConnectionInfo::Protocol::kTls;
}

}  // namespace

HttpInspectorMetrics::HttpInspectorMetrics(const std::string& listener, stats::Store& store,
                                           stats::Block& block)
    : http1(block.counter(
          store.counter(kFound, kFoundHelp, {{"listener", listener}, {"found", "http/1.1"}}))),
      http2(block.counter(
          store.counter(kFound, kFoundHelp, {{"listener", listener}, {"found", "h2c"}}))),
      other(block.counter(
          store.counter(kFound, kFoundHelp, {{"listener", listener}, {"found", "other"}}))),
      timeouts(block.counter(store.counter(
          "http_inspector_timeouts_total",
          "Connections that went on as not HTTP because too little came within the timeout.",
          {{"listener", listener}}))) {}

size_t HttpInspectorFilter::maxBytes(const network::InspectedConnection& connection) const {
  return isTls(connection) ? 0 : network::HttpSniffer::kMaxBytes;
}

Step HttpInspectorFilter::inspect(std::string_view bytes, bool ended,
                                  network::InspectedConnection& connection, size_t&) {
  if (isTls(connection)) return Step::kContinue;
  switch (sniffer_.sniff(bytes)) {
    case Answer::kNeedMore:
      if (!ended) return Step::kNeedMore;
      metrics_.other.add();
      return Step::kContinue;
    case Answer::kHttp1:
      metrics_.http1.add();
      connection.info->application_protocols = {"http/1.1"};
      return Step::kContinue;
    case Answer::kHttp2:
      metrics_.http2.add();
      connection.info->application_protocols = {"h2c"};
      return Step::kContinue;
    case Answer::kNotHttp:
      metrics_.other.add();
      return Step::kContinue;
  }
  return Step::kContinue;
}

Step HttpInspectorFilter::onTimeout(network::InspectedConnection&) {
  metrics_.timeouts.add();
  return Step::kContinue;
}

std::unique_ptr<network::WorkerListenerFilterFactory> HttpInspectorFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerFactory>(config_, services);
}

}  // namespace weir::extensions::listener_filters::http_inspector
