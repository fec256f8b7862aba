#include "source/http/response_flags.h"

#include <array>

namespace weir::http {
namespace {

using enum ResponseFlag;

constexpr std::array kTexts = {
    ResponseFlagText{kNoHealthyUpstream, "UH", "no endpoint of the cluster could be picked",
                     "GET /clusters shows health, the operator's word and `why_none`"},
    ResponseFlagText{kUpstreamConnectionFailure, "UF",
                     "no connection to the endpoint could be opened",
                     "does something listen at the endpoint's address, and do firewall and TLS let "
                     "Weir in? See connect_failures in GET /clusters"},
    ResponseFlagText{kUpstreamOverflow, "UO",
                     "a limit of the cluster or of its endpoints was reached",
                     "max_connections, max_requests, max_pending_requests and queue_timeout of the "
                     "cluster, against the metrics cluster_…_refused"},
    ResponseFlagText{kNoRouteFound, "NR", "no route matches the request",
                     "POST /explain with the request says why each route did not match"},
    ResponseFlagText{kUpstreamRetryLimitExceeded, "URX", "all retries were used up",
                     "why attempts fail (UF, UC, UT beside it), and max_retries of the route"},
    ResponseFlagText{kNoClusterFound, "NC", "there is no such cluster",
                     "the cluster's name that the request, a script or a filter has given"},
    ResponseFlagText{kDurationTimeout, "DT", "the exchange or the request took longer than it may",
                     "timeouts of the connection manager"},
    ResponseFlagText{kDownstreamConnectionTermination, "DC",
                     "the client went before it had its answer",
                     "the client's own time limit, or how long the endpoint took"},
    ResponseFlagText{kUpstreamConnectionTermination, "UC",
                     "the endpoint closed or broke the connection in the midst",
                     "the endpoint's log at that time; an idle time of its connections that is "
                     "shorter than idle_timeout of the cluster"},
    ResponseFlagText{kUpstreamRequestTimeout, "UT", "the endpoint did not answer in time",
                     "the route's timeout and per_try_timeout, and the endpoint's response times"},
    ResponseFlagText{kLocalReset, "LR", "Weir broke the exchange off",
                     "the detail; a drain that ran out of time does so"},
    ResponseFlagText{kUpstreamRemoteReset, "UR", "the endpoint broke the stream off",
                     "the endpoint's log at that time"},
    ResponseFlagText{kStreamIdleTimeout, "SI", "no byte moved for too long",
                     "stream_idle of the connection manager, idle_timeout of the route"},
    ResponseFlagText{kDownstreamProtocolError, "DPE", "the client broke HTTP",
                     "the detail says what is wrong with the request"},
    ResponseFlagText{kUpstreamProtocolError, "UPE", "the endpoint broke HTTP",
                     "the detail says what is wrong with the answer; is http_protocol of the "
                     "cluster what the endpoint speaks?"},
    ResponseFlagText{kOverloadManager, "OM", "Weir itself had no room",
                     "memory and connections of the process in GET /stats"},
    ResponseFlagText{kRateLimited, "RL", "a rate limit was reached",
                     "which filter answered, and its limits"},
    ResponseFlagText{kUnauthorized, "UAEX", "the authorization service refused, or failed",
                     "the service of http_filters/ext_authz, and its log"},
    ResponseFlagText{kFaultInjected, "FI", "a fault was injected on purpose", "http_filters/fault"},
    ResponseFlagText{kDelayInjected, "DI", "it was delayed on purpose", "http_filters/fault"},
    ResponseFlagText{kRateLimitServiceError, "RLSE",
                     "those who count for the rate limit could not be asked",
                     "the Redis of http_filters/rate_limit"},
    ResponseFlagText{kResponseFromCache, "RFCF", "the cache answered", "http_filters/cache"},
    ResponseFlagText{kFailedLocalHealthCheck, "LH", "Weir said that it is not healthy",
                     "http_filters/health_check and the clusters that it looks at"},
    ResponseFlagText{kDropOverload, "DO", "it was shed, to keep the endpoints from overload",
                     "http_filters/admission_control or adaptive_concurrency, and how the "
                     "endpoints do"},
    ResponseFlagText{kUpstreamMaxStreamDuration, "UMSDR",
                     "the exchange took longer than its route lets it",
                     "the route's longest duration"},
    ResponseFlagText{kHedged, "HG", "a second attempt ran beside a slow one",
                     "hedge of the route, and how long its endpoints take"},
    ResponseFlagText{kInternalRedirect, "IR", "a redirect of an endpoint was followed here",
                     "internal_redirects of the route"},
};

}  // namespace

std::span<const ResponseFlagText> responseFlagTexts() {
  return kTexts;
}

std::optional<ResponseFlag> responseFlagNamed(std::string_view name) {
  for (const ResponseFlagText& text : kTexts) {
    if (text.name == name) return text.flag;
  }
  return std::nullopt;
}

}  // namespace weir::http
