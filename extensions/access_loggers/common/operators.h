#pragma once

#include "extensions/access_loggers/common/format.h"

// The operators of a format, for format.cc (which reads formats) and operators.cc (which has the
// values).
namespace weir::extensions::access_loggers {

enum class Format::Operator : uint8_t {
  kStartTime,
  kRequestHeader,
  kResponseHeader,
  kResponseTrailer,
  kProtocol,
  kResponseCode,
  kResponseCodeDetails,
  kResponseFlags,
  kGrpcStatus,
  kGrpcStatusNumber,
  kBytesReceived,
  kBytesSent,
  kDuration,
  kRequestDuration,
  kResponseDuration,
  kUpstreamHost,
  kUpstreamCluster,
  kAttemptCount,
  kRouteName,
  kVirtualHostName,
  kRemoteAddress,
  kRemoteAddressOnly,
  kDirectRemoteAddress,
  kDirectRemoteAddressOnly,
  kLocalAddress,
  kLocalAddressOnly,
  kLocalPort,
  kConnectionId,
  kStreamId,
  kRequestedServerName,
  kHostname,
  kTlsVersion,
  kTlsCipher,
  kTlsSessionId,
  kPeerSubject,
  kPeerIssuer,
  kPeerSerial,
  kPeerFingerprint,
  kPeerUris,
  kPeerDnsNames,
  kPeerNotBefore,
  kPeerNotAfter,
  kLocalSubject,
  kLocalUris,
  kOriginalDestination,
  kProxyProtocolTlv,
};

struct Format::Name {
  std::string_view text;
  Operator op;
  bool numeric;
  enum class Argument : uint8_t { kNone, kTime, kHeader, kTlvType } argument;
};

}  // namespace weir::extensions::access_loggers
