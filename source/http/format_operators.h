#pragma once

#include <optional>

#include "source/http/format.h"

// The operators of a format, for format.cc (which reads formats) and operators.cc (which has the
// values).
namespace weir::http {

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
  kRequestHeaderWithoutQuery,
  kQuery,
  kCookie,
  kPathCapture,
  kDynamicMetadata,
  kMetadata,
  kTraceId,
  kSpanId,
  kUpstreamPath,
  kUpstreamAuthority,
  kUpstreamHostOnly,
  kUpstreamPort,
  kRemotePort,
  kDirectRemotePort,
  kResponseSendDuration,
};

struct Format::Name {
  std::string_view text;
  Operator op;
  bool numeric;
  enum class Argument : uint8_t { kNone, kTime, kHeader, kTlvType, kName, kPath } argument;
};

// The values of some operators, in files of their own. Each appends and says whether there is one.
struct Format::Values {
  static bool ofPeer(const Piece& piece, const StreamInfo& info, Style style, std::string& out);
  static bool ofRequest(const Piece& piece, const LogEntry& entry, Style style, std::string& out);
  // As JSON, when it is the whole text.
  static bool metadataJson(const Piece& piece, const StreamInfo& info, std::string& out);

  // What peers or operators said, by style.
  static bool text(std::optional<std::string_view> text, uint32_t max_length, Style style,
                   std::string& out);
  static bool text(std::string_view text, Style style, std::string& out);
  static bool address(const network::Address* address, bool with_port, std::string& out);
  static bool port(const network::Address* address, std::string& out);
  // `format`: of strftime, and "%1f" to "%9f" for fractions of a second; empty: RFC 3339.
  static void time(event::SystemTime time, const std::string& format, std::string& out);
  static void number(int64_t number, std::string& out);
};

}  // namespace weir::http
