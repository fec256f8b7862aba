#include "extensions/udp_filters/udp_proxy/config.h"

#include <chrono>

#include "api/weir/extensions/udp_filters/udp_proxy/v1/udp_proxy.pb.h"
#include "extensions/udp_filters/udp_proxy/udp_proxy.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::extensions::udp_filters::udp_proxy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortest{10};  // the tick of the timer wheel

UdpProxyConfig::HashPolicy hashPolicy(v1::UdpProxy::HashPolicy policy) {
  switch (policy) {
    case v1::UdpProxy::HASH_POLICY_SOURCE_IP:
      return UdpProxyConfig::HashPolicy::kSourceIp;
    case v1::UdpProxy::HASH_POLICY_SOURCE_IP_AND_PORT:
      return UdpProxyConfig::HashPolicy::kSourceIpAndPort;
    case v1::UdpProxy::HASH_POLICY_FIVE_TUPLE:
      return UdpProxyConfig::HashPolicy::kFiveTuple;
    default:
      return UdpProxyConfig::HashPolicy::kNone;
  }
}

UdpProxyConfig::Removed removedEndpoint(v1::UdpProxy::RemovedEndpoint removed) {
  switch (removed) {
    case v1::UdpProxy::REMOVED_ENDPOINT_END:
      return UdpProxyConfig::Removed::kEnd;
    case v1::UdpProxy::REMOVED_ENDPOINT_KEEP:
      return UdpProxyConfig::Removed::kKeep;
    default:
      return UdpProxyConfig::Removed::kMove;
  }
}

void readTimes(const v1::UdpProxy& from, const config::Cursor& at, UdpProxyConfig& to) {
  to.idle_timeout = config::readDuration(from.has_idle_timeout() ? &from.idle_timeout() : nullptr,
                                         to.idle_timeout, {kShortest}, at.field("idle_timeout"));
  // Zero says: none.
  const bool limited =
      from.has_max_session_duration() &&
      (from.max_session_duration().seconds() != 0 || from.max_session_duration().nanos() != 0);
  if (!limited) return;
  to.max_duration = config::readDuration(&from.max_session_duration(), to.max_duration, {kShortest},
                                         at.field("max_session_duration"));
}

void readLimits(const v1::UdpProxy& from, const config::Cursor& at, UdpProxyConfig& to) {
  const auto number = [&at](uint64_t value, uint64_t fallback, config::NumberRange range,
                            const char* field) {
    return config::readNumberOr(value, fallback, range, at.field(field));
  };
  to.max_sessions = static_cast<uint32_t>(
      number(from.max_sessions(), to.max_sessions, {1, 1'000'000}, "max_sessions"));
  to.max_responses =
      static_cast<uint32_t>(number(from.max_responses(), 0, {0, 1'000'000}, "max_responses"));
  to.max_datagram_bytes =
      static_cast<uint32_t>(number(from.max_datagram_bytes(), to.max_datagram_bytes,
                                   {1, network::kMaxDatagramBytes}, "max_datagram_bytes"));
  to.max_queued_bytes = static_cast<uint32_t>(number(from.max_queued_bytes(), to.max_queued_bytes,
                                                     {4096, 16 * 1024 * 1024}, "max_queued_bytes"));
  to.max_datagrams_per_second = static_cast<uint32_t>(
      number(from.max_datagrams_per_second(), 0, {0, 10'000'000}, "max_datagrams_per_second"));
  to.max_bytes_per_second =
      number(from.max_bytes_per_second(), 0, {0, 100'000'000'000}, "max_bytes_per_second");
  if (to.max_bytes_per_second != 0 && to.max_bytes_per_second < to.max_datagram_bytes) {
    at.field("max_bytes_per_second")
        .error(base::concat("is less than one datagram of ", to.max_datagram_bytes, " bytes"),
               "give a lower max_datagram_bytes or a higher rate");
  }
}

}  // namespace

std::shared_ptr<const network::UdpFilterFactory> UdpProxyExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::UdpProxy&>(config);
  const size_t problems = at.diagnostics().list().size();
  UdpProxyConfig to;
  to.cluster = from.cluster();
  context.compiler.checkSessionCluster(from.cluster(), at.field("cluster"));
  to.hash_policy = hashPolicy(from.hash_policy());
  to.replace_when_full = from.overflow() == v1::UdpProxy::OVERFLOW_REPLACE;
  to.removed = removedEndpoint(from.removed_endpoint());
  readTimes(from, at, to);
  readLimits(from, at, to);
  if (at.diagnostics().list().size() > problems) return nullptr;
  return std::make_shared<UdpProxyFactory>(std::move(to));
}

}  // namespace weir::extensions::udp_filters::udp_proxy
