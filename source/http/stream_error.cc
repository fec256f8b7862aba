#include "source/http/stream_error.h"

#include "source/http/response_flags.h"

namespace weir::http {
namespace {

// Any failure that the origin side caused is the gateway's to report, as 502 unless it is one of
// time or capacity.
bool fromUpstream(const StreamError& error) {
  return error.origin == ErrorOrigin::kUpstream;
}

}  // namespace

void appendResponseFlags(uint32_t flags, std::string& out) {
  if (flags == 0) {
    out += '-';
    return;
  }
  bool first = true;
  for (const ResponseFlagText& entry : responseFlagTexts()) {
    if ((flags & static_cast<uint32_t>(entry.flag)) == 0) continue;
    if (!first) out += ',';
    out += entry.name;
    first = false;
  }
}

uint16_t statusFor(const StreamError& error) {
  switch (error.reason) {
    case ErrorReason::kNone:
      return 500;
    case ErrorReason::kProtocol:
      return fromUpstream(error) ? 502 : 400;
    case ErrorReason::kConnectionClosed:
    case ErrorReason::kConnectionReset:
    case ErrorReason::kStreamReset:
      return fromUpstream(error) ? 502 : 400;
    case ErrorReason::kConnectFailure:
      return 503;
    case ErrorReason::kConnectTimeout:
      return 504;
    case ErrorReason::kHeaderTimeout:
    case ErrorReason::kRequestTimeout:
    case ErrorReason::kIdleTimeout:
      return error.origin == ErrorOrigin::kDownstream ? 408 : 504;
    case ErrorReason::kBodyTooLarge:
      return error.origin == ErrorOrigin::kDownstream ? 413 : fromUpstream(error) ? 502 : 500;
    case ErrorReason::kHeadTooLarge:
      return fromUpstream(error) ? 502 : 431;
    case ErrorReason::kTargetTooLong:
      return 414;
    case ErrorReason::kOverflow:
    case ErrorReason::kNoCluster:
    case ErrorReason::kNoHealthyEndpoint:
    case ErrorReason::kDrain:
      return 503;
    case ErrorReason::kNoRoute:
      return 404;
    case ErrorReason::kFilter:
      return 500;
  }
  return 500;
}

ResponseFlag flagFor(const StreamError& error) {
  const bool upstream = fromUpstream(error);
  switch (error.reason) {
    case ErrorReason::kNone:
    case ErrorReason::kFilter:
      return ResponseFlag::kNone;
    case ErrorReason::kProtocol:
    case ErrorReason::kHeadTooLarge:
    case ErrorReason::kTargetTooLong:
      return upstream ? ResponseFlag::kUpstreamProtocolError
                      : ResponseFlag::kDownstreamProtocolError;
    case ErrorReason::kConnectionClosed:
    case ErrorReason::kConnectionReset:
      return upstream ? ResponseFlag::kUpstreamConnectionTermination
                      : ResponseFlag::kDownstreamConnectionTermination;
    case ErrorReason::kStreamReset:
      return upstream                              ? ResponseFlag::kUpstreamRemoteReset
             : error.origin == ErrorOrigin::kLocal ? ResponseFlag::kLocalReset
                                                   : ResponseFlag::kDownstreamConnectionTermination;
    case ErrorReason::kConnectFailure:
    case ErrorReason::kConnectTimeout:
      return ResponseFlag::kUpstreamConnectionFailure;
    case ErrorReason::kHeaderTimeout:
    case ErrorReason::kRequestTimeout:
      return upstream ? ResponseFlag::kUpstreamRequestTimeout : ResponseFlag::kDurationTimeout;
    case ErrorReason::kIdleTimeout:
      return ResponseFlag::kStreamIdleTimeout;
    case ErrorReason::kBodyTooLarge:
      return ResponseFlag::kNone;
    case ErrorReason::kOverflow:
      return ResponseFlag::kUpstreamOverflow;
    case ErrorReason::kNoRoute:
      return ResponseFlag::kNoRouteFound;
    case ErrorReason::kNoCluster:
      return ResponseFlag::kNoClusterFound;
    case ErrorReason::kNoHealthyEndpoint:
      return ResponseFlag::kNoHealthyUpstream;
    case ErrorReason::kDrain:
      return ResponseFlag::kLocalReset;
  }
  return ResponseFlag::kNone;
}

}  // namespace weir::http
