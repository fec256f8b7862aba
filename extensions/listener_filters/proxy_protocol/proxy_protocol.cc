#include "extensions/listener_filters/proxy_protocol/proxy_protocol.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::listener_filters::proxy_protocol {
namespace {

using State = network::ProxyProtocolResult::State;
using Step = network::ListenerFilter::Step;

constexpr char kHeaders[] = "proxy_protocol_headers_total";
constexpr char kHeadersHelp[] = "PROXY protocol headers that were read and believed.";
constexpr char kMalformed[] = "proxy_protocol_malformed_total";
constexpr char kMalformedHelp[] =
    "Connections closed because their PROXY protocol header was malformed, by reason.";

// Makes the filters of one worker, with its counters. Worker-confined.
class WorkerFactory final : public network::WorkerListenerFilterFactory {
 public:
  WorkerFactory(const ProxyProtocolConfig& config, base::ServiceMap& services)
      : config_(config),
        metrics_(config.listener, services.get<stats::Store>(), services.get<stats::Block>()) {}
  std::unique_ptr<network::ListenerFilter> create() override {
    return std::make_unique<ProxyProtocolFilter>(config_, metrics_);
  }

 private:
  const ProxyProtocolConfig& config_;
  ProxyProtocolMetrics metrics_;
};

}  // namespace

bool ProxyProtocolConfig::trusts(const network::Address& source) const {
  return trusted_sources.empty() ||
         std::any_of(trusted_sources.begin(), trusted_sources.end(),
                     [&](const network::Prefix& prefix) { return prefix.contains(source); });
}

ProxyProtocolMetrics::ProxyProtocolMetrics(const std::string& listener, stats::Store& store,
                                           stats::Block& block)
    : version1(block.counter(
          store.counter(kHeaders, kHeadersHelp, {{"listener", listener}, {"version", "1"}}))),
      version2(block.counter(
          store.counter(kHeaders, kHeadersHelp, {{"listener", listener}, {"version", "2"}}))),
      local(block.counter(store.counter(
          "proxy_protocol_local_total",
          "PROXY protocol headers without addresses (LOCAL, UNKNOWN): the socket's stand.",
          {{"listener", listener}}))),
      absent(block.counter(store.counter("proxy_protocol_absent_total",
                                         "Connections that did not begin with a PROXY protocol "
                                         "header.",
                                         {{"listener", listener}}))),
      untrusted(block.counter(store.counter("proxy_protocol_untrusted_total",
                                            "Connections from sources whose PROXY protocol header "
                                            "is not believed.",
                                            {{"listener", listener}}))),
      wrong_version(block.counter(store.counter(
          kMalformed, kMalformedHelp, {{"listener", listener}, {"reason", "version_not_taken"}}))) {
  for (size_t i = 0; i < network::kProxyProtocolErrors; ++i) {
    const auto error = static_cast<network::ProxyProtocolError>(i);
    if (error == network::ProxyProtocolError::kNone) continue;
    const std::string reason(network::proxyProtocolErrorName(error));
    malformed_[i] = &block.counter(
        store.counter(kMalformed, kMalformedHelp, {{"listener", listener}, {"reason", reason}}));
  }
}

size_t ProxyProtocolFilter::maxBytes(const network::InspectedConnection& connection) const {
  return config_.trusts(connection.remote) ? config_.max_header_bytes : 0;
}

Step ProxyProtocolFilter::inspect(std::string_view bytes, bool,
                                  network::InspectedConnection& connection, size_t& consume) {
  if (!config_.trusts(connection.remote)) {
    metrics_.untrusted.add();
    return config_.pass_untrusted ? Step::kContinue : Step::kClose;
  }
  network::ProxyProtocolResult result =
      network::parseProxyProtocol(bytes, config_.max_header_bytes);
  switch (result.state) {
    case State::kNeedMore:
      return Step::kNeedMore;
    case State::kAbsent:
      metrics_.absent.add();
      return config_.allow_absent ? Step::kContinue : Step::kClose;
    case State::kMalformed:
      metrics_.malformed(result.error).add();
      return Step::kClose;
    case State::kDone:
      consume = result.consumed;
      return accept(std::move(result.header), connection);
  }
  return Step::kClose;
}

Step ProxyProtocolFilter::accept(network::ProxyProtocolHeader header,
                                 network::InspectedConnection& connection) {
  const bool first = header.version == 1;
  if (!(first ? config_.version_1 : config_.version_2)) {
    metrics_.wrong_version.add();
    return Step::kClose;
  }
  (first ? metrics_.version1 : metrics_.version2).add();
  if (header.hasAddresses()) {
    if (!connection.info->direct_source) connection.info->direct_source = connection.remote;
    connection.remote = header.source;
    connection.local = std::make_shared<const network::Address>(header.destination);
  } else {
    metrics_.local.add();
  }
  for (network::ProxyProtocolTlv& tlv : header.tlvs) {
    if (!config_.keep_tlvs.test(tlv.type)) continue;
    connection.info->proxy_tlvs.push_back({tlv.type, std::move(tlv.value)});
  }
  return Step::kContinue;
}

std::unique_ptr<network::WorkerListenerFilterFactory> ProxyProtocolFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerFactory>(config_, services);
}

}  // namespace weir::extensions::listener_filters::proxy_protocol
