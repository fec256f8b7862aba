#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http {

// Who caused a stream to fail.
enum class ErrorOrigin : uint8_t { kDownstream, kUpstream, kLocal };

enum class ErrorReason : uint8_t {
  kNone,
  kProtocol,          // the peer broke HTTP
  kConnectionClosed,  // the peer closed in the midst
  kConnectionReset,   // the peer or network broke the connection
  kConnectFailure,
  kConnectTimeout,
  kHeaderTimeout,   // head not complete in time
  kRequestTimeout,  // whole exchange took too long
  kIdleTimeout,     // no byte in either direction for too long
  kBodyTooLarge,
  kHeadTooLarge,
  kTargetTooLong,
  kOverflow,  // a limit of the cluster or endpoint
  kNoRoute,
  kNoCluster,
  kNoHealthyEndpoint,
  kFilter,       // a filter answered or failed
  kStreamReset,  // the peer reset only this stream
  kDrain,        // shut down
};

// Response flags as access logs print them, in Envoy's spelling; a set.
enum class ResponseFlag : uint32_t {
  kNone = 0,
  kNoHealthyUpstream = 1u << 0,                // UH
  kUpstreamConnectionFailure = 1u << 1,        // UF
  kUpstreamOverflow = 1u << 2,                 // UO
  kNoRouteFound = 1u << 3,                     // NR
  kUpstreamRetryLimitExceeded = 1u << 4,       // URX
  kNoClusterFound = 1u << 5,                   // NC
  kDurationTimeout = 1u << 6,                  // DT
  kDownstreamConnectionTermination = 1u << 7,  // DC
  kUpstreamConnectionTermination = 1u << 8,    // UC
  kUpstreamRequestTimeout = 1u << 9,           // UT
  kLocalReset = 1u << 10,                      // LR
  kUpstreamRemoteReset = 1u << 11,             // UR
  kStreamIdleTimeout = 1u << 12,               // SI
  kDownstreamProtocolError = 1u << 13,         // DPE
  kUpstreamProtocolError = 1u << 14,           // UPE
  kOverloadManager = 1u << 15,                 // OM
  kRateLimited = 1u << 16,                     // RL
  kUnauthorized = 1u << 17,                    // UAEX
  kFaultInjected = 1u << 18,                   // FI
  kDelayInjected = 1u << 19,                   // DI
  kRateLimitServiceError = 1u << 20,           // RLSE: who counts could not be asked
  kResponseFromCache = 1u << 21,               // RFCF
  kFailedLocalHealthCheck = 1u << 22,          // LH
  kDropOverload = 1u << 23,                    // DO: shed, before any limit was reached
  kUpstreamMaxStreamDuration = 1u << 24,       // UMSDR: the route's
  kHedged = 1u << 25,                          // HG: a second attempt ran beside the first
  kInternalRedirect = 1u << 26,                // IR: an endpoint's redirect was followed here
};
// "UF,URX", "-" for none; appended to `out`.
void appendResponseFlags(uint32_t flags, std::string& out);

// Why a stream failed, for the response, the flags, the statistics and the retry decision at once.
// Sixteen bytes, which the parsers return in registers all the way up.
struct StreamError {
  constexpr StreamError() = default;
  // `detail`: static text for logs: what exactly ("bare LF in header"); never peer input.
  constexpr StreamError(ErrorOrigin origin, ErrorReason reason, bool retry_safe = false,
                        std::string_view detail = {}, bool unanswered = false)
      : origin(origin),
        reason(reason),
        retry_safe(retry_safe),
        unanswered(unanswered),
        detail_size_(static_cast<uint32_t>(detail.size())),
        detail_(detail.data()) {}

  std::string_view detail() const { return {detail_, detail_size_}; }

  ErrorOrigin origin = ErrorOrigin::kLocal;
  ErrorReason reason = ErrorReason::kNone;
  bool retry_safe = false;  // true: surely nothing of the request was processed by the peer
  bool unanswered = false;  // upstream: no byte of an answer had come

 private:
  uint32_t detail_size_ = 0;
  const char* detail_ = nullptr;
};
static_assert(sizeof(StreamError) == 16);

// The one place that says what a failure looks like to the client and in the log.
uint16_t statusFor(const StreamError& error);  // 400, 408, 413, 414, 431, 502, 503, 504 …
ResponseFlag flagFor(const StreamError& error);

}  // namespace weir::http
