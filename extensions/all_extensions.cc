#include "extensions/all_extensions.h"

#include <memory>

#include "extensions/access_loggers/file/config.h"
#include "extensions/access_loggers/lua/config.h"
#include "extensions/access_loggers/stdout/config.h"
#include "extensions/clusters/aggregate/config.h"
#include "extensions/clusters/dns_srv/config.h"
#include "extensions/clusters/logical_dns/config.h"
#include "extensions/clusters/original_destination/config.h"
#include "extensions/clusters/static/config.h"
#include "extensions/clusters/strict_dns/config.h"
#include "extensions/health_checkers/exec/config.h"
#include "extensions/health_checkers/grpc/config.h"
#include "extensions/health_checkers/http/config.h"
#include "extensions/health_checkers/redis/config.h"
#include "extensions/health_checkers/tcp/config.h"
#include "extensions/http_filters/acme_challenge/config.h"
#include "extensions/http_filters/adaptive_concurrency/config.h"
#include "extensions/http_filters/admission_control/config.h"
#include "extensions/http_filters/api_key/config.h"
#include "extensions/http_filters/bandwidth_limit/config.h"
#include "extensions/http_filters/basic_auth/config.h"
#include "extensions/http_filters/body_matcher/config.h"
#include "extensions/http_filters/buffer/config.h"
#include "extensions/http_filters/cache/config.h"
#include "extensions/http_filters/compressor/config.h"
#include "extensions/http_filters/cors/config.h"
#include "extensions/http_filters/csrf/config.h"
#include "extensions/http_filters/decompressor/config.h"
#include "extensions/http_filters/ext_authz/config.h"
#include "extensions/http_filters/fault/config.h"
#include "extensions/http_filters/grpc_json_transcoder/config.h"
#include "extensions/http_filters/grpc_web/config.h"
#include "extensions/http_filters/header_mutation/config.h"
#include "extensions/http_filters/health_check/config.h"
#include "extensions/http_filters/ip_filter/config.h"
#include "extensions/http_filters/jwt_auth/config.h"
#include "extensions/http_filters/local_rate_limit/config.h"
#include "extensions/http_filters/lua/config.h"
#include "extensions/http_filters/lua/test_runner/runner.h"
#include "extensions/http_filters/rate_limit/config.h"
#include "extensions/http_filters/rbac/config.h"
#include "extensions/http_filters/static_files/config.h"
#include "extensions/http_filters/tap/config.h"
#include "extensions/http_filters/tracing/config.h"
#include "extensions/listener_filters/http_inspector/config.h"
#include "extensions/listener_filters/original_dst/config.h"
#include "extensions/listener_filters/proxy_protocol/config.h"
#include "extensions/listener_filters/tls_inspector/config.h"
#include "extensions/load_balancing/first/config.h"
#include "extensions/load_balancing/least_request/config.h"
#include "extensions/load_balancing/least_time/config.h"
#include "extensions/load_balancing/lua/config.h"
#include "extensions/load_balancing/maglev/config.h"
#include "extensions/load_balancing/override/config.h"
#include "extensions/load_balancing/prequal/config.h"
#include "extensions/load_balancing/random/config.h"
#include "extensions/load_balancing/ring_hash/config.h"
#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/load_balancing/source_ip_hash/config.h"
#include "extensions/load_balancing/subset/config.h"
#include "extensions/network_filters/connection_limit/config.h"
#include "extensions/network_filters/direct_response/config.h"
#include "extensions/network_filters/echo/config.h"
#include "extensions/network_filters/http_connection_manager/config.h"
#include "extensions/network_filters/local_rate_limit/config.h"
#include "extensions/network_filters/lua/config.h"
#include "extensions/network_filters/rbac/config.h"
#include "extensions/network_filters/sni_cluster/config.h"
#include "extensions/network_filters/tcp_proxy/config.h"
#include "extensions/routing/lua/config.h"
#include "extensions/stickiness/app_cookie/config.h"
#include "extensions/stickiness/cookie/config.h"
#include "extensions/stickiness/header/config.h"
#include "extensions/stickiness/source_ip/config.h"
#include "extensions/stickiness/store/config.h"
#include "extensions/stickiness/tls_session/config.h"
#include "extensions/stickiness/uri/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "extensions/transport_sockets/proxy_protocol/config.h"
#include "extensions/transport_sockets/tls/config.h"
#include "extensions/transport_sockets/upstream_tls/config.h"
#include "extensions/udp_filters/udp_proxy/config.h"

namespace weir::extensions {
namespace {

// The list. One line each; nothing else in the program names an extension.
template <class Add>
void forEachExtension(Add add) {
  add(std::make_unique<access_loggers::file::FileLoggerExtension>());
  add(std::make_unique<access_loggers::lua::LuaExtension>());
  add(std::make_unique<access_loggers::stdout::StdoutLoggerExtension>());
  add(std::make_unique<clusters::aggregate::AggregateExtension>());
  add(std::make_unique<clusters::dns_srv::DnsSrvExtension>());
  add(std::make_unique<clusters::logical_dns::LogicalDnsExtension>());
  add(std::make_unique<clusters::original_destination::OriginalDestinationExtension>());
  add(std::make_unique<clusters::static_::StaticExtension>());
  add(std::make_unique<clusters::strict_dns::StrictDnsExtension>());
  add(std::make_unique<health_checkers::exec::ExecExtension>());
  add(std::make_unique<health_checkers::grpc::GrpcExtension>());
  add(std::make_unique<health_checkers::http::HttpCheckExtension>());
  add(std::make_unique<health_checkers::redis::RedisCheckExtension>());
  add(std::make_unique<health_checkers::tcp::TcpCheckExtension>());
  add(std::make_unique<http_filters::acme_challenge::AcmeChallengeExtension>());
  add(std::make_unique<http_filters::adaptive_concurrency::AdaptiveConcurrencyExtension>());
  add(std::make_unique<http_filters::admission_control::AdmissionControlExtension>());
  add(std::make_unique<http_filters::api_key::ApiKeyExtension>());
  add(std::make_unique<http_filters::bandwidth_limit::BandwidthLimitExtension>());
  add(std::make_unique<http_filters::basic_auth::BasicAuthExtension>());
  add(std::make_unique<http_filters::body_matcher::BodyMatcherExtension>());
  add(std::make_unique<http_filters::buffer_::BufferExtension>());
  add(std::make_unique<http_filters::cache::CacheExtension>());
  add(std::make_unique<http_filters::compressor::CompressorExtension>());
  add(std::make_unique<http_filters::cors::CorsExtension>());
  add(std::make_unique<http_filters::csrf::CsrfExtension>());
  add(std::make_unique<http_filters::decompressor::DecompressorExtension>());
  add(std::make_unique<http_filters::ext_authz::ExtAuthzExtension>());
  add(std::make_unique<http_filters::fault::FaultExtension>());
  add(std::make_unique<http_filters::grpc_json_transcoder::GrpcJsonTranscoderExtension>());
  add(std::make_unique<http_filters::grpc_web::GrpcWebExtension>());
  add(std::make_unique<http_filters::header_mutation::HeaderMutationExtension>());
  add(std::make_unique<http_filters::health_check::HealthCheckExtension>());
  add(std::make_unique<http_filters::ip_filter::IpFilterExtension>());
  add(std::make_unique<http_filters::jwt_auth::JwtAuthExtension>());
  add(std::make_unique<http_filters::local_rate_limit::LocalRateLimitExtension>());
  add(std::make_unique<http_filters::lua::LuaExtension>());
  add(std::make_unique<http_filters::rate_limit::RateLimitExtension>());
  add(std::make_unique<http_filters::rbac::RbacExtension>());
  add(std::make_unique<http_filters::static_files::StaticFilesExtension>());
  add(std::make_unique<http_filters::tap::TapExtension>());
  add(std::make_unique<http_filters::tracing::TracingExtension>());
  add(std::make_unique<listener_filters::http_inspector::HttpInspectorExtension>());
  add(std::make_unique<listener_filters::original_dst::OriginalDstExtension>());
  add(std::make_unique<listener_filters::proxy_protocol::ProxyProtocolExtension>());
  add(std::make_unique<listener_filters::tls_inspector::TlsInspectorExtension>());
  add(std::make_unique<load_balancing::first::FirstExtension>());
  add(std::make_unique<load_balancing::least_request::LeastRequestExtension>());
  add(std::make_unique<load_balancing::least_time::LeastTimeExtension>());
  add(std::make_unique<load_balancing::lua::LuaExtension>());
  add(std::make_unique<load_balancing::maglev::MaglevExtension>());
  add(std::make_unique<load_balancing::prequal::PrequalExtension>());
  add(std::make_unique<load_balancing::random::RandomExtension>());
  add(std::make_unique<load_balancing::ring_hash::RingHashExtension>());
  add(std::make_unique<load_balancing::override::OverrideExtension>());
  add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>());
  add(std::make_unique<load_balancing::source_ip_hash::SourceIpHashExtension>());
  add(std::make_unique<load_balancing::subset::SubsetExtension>());
  add(std::make_unique<network_filters::connection_limit::ConnectionLimitExtension>());
  add(std::make_unique<network_filters::direct_response::DirectResponseExtension>());
  add(std::make_unique<network_filters::echo::EchoExtension>());
  add(std::make_unique<network_filters::http_connection_manager::HttpConnectionManagerExtension>());
  add(std::make_unique<network_filters::local_rate_limit::LocalRateLimitExtension>());
  add(std::make_unique<network_filters::lua::LuaExtension>());
  add(std::make_unique<network_filters::rbac::RbacExtension>());
  add(std::make_unique<network_filters::sni_cluster::SniClusterExtension>());
  add(std::make_unique<network_filters::tcp_proxy::TcpProxyExtension>());
  add(std::make_unique<routing::lua::LuaExtension>());
  add(std::make_unique<stickiness::app_cookie::AppCookieExtension>());
  add(std::make_unique<stickiness::cookie::CookieExtension>());
  add(std::make_unique<stickiness::header::HeaderExtension>());
  add(std::make_unique<stickiness::source_ip::SourceIpExtension>());
  add(std::make_unique<stickiness::store::StoreExtension>());
  add(std::make_unique<stickiness::tls_session::TlsSessionExtension>());
  add(std::make_unique<stickiness::uri::UriExtension>());
  add(std::make_unique<transport_sockets::plain::PlainExtension>());
  add(std::make_unique<udp_filters::udp_proxy::UdpProxyExtension>());
  add(std::make_unique<transport_sockets::proxy_protocol::ProxyProtocolExtension>());
  add(std::make_unique<transport_sockets::tls::TlsExtension>());
  add(std::make_unique<transport_sockets::upstream_tls::UpstreamTlsExtension>());
}

}  // namespace

absl::Status registerAllExtensions(base::Registry& registry) {
  absl::Status result;
  forEachExtension([&](std::unique_ptr<base::Extension> extension) {
    result.Update(registry.add(std::move(extension)));
  });
  return result;
}

int runLuaTests(std::span<const std::string> files, std::string& report) {
  return http_filters::lua::test_runner::runTests(files, report);
}

}  // namespace weir::extensions
