#include "source/http/format_operators.h"

#include <unistd.h>

#include <chrono>
#include <optional>
#include <span>

#include "source/http/route.h"

namespace weir::http {

namespace {

using Clock = event::MonotonicTime;

// Milliseconds between two moments, when both were reached.
std::optional<int64_t> elapsed(Clock from, Clock to) {
  if (from == Clock() || to == Clock() || to < from) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
}

const std::string& hostname() {
  static const std::string name = [] {
    char text[256] = {};
    return ::gethostname(text, sizeof text - 1) == 0 ? std::string(text) : std::string();
  }();
  return name;
}

std::optional<std::string_view> requestField(const RequestHead& head, const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::string_view text;
  if (name == ":method") {
    text = head.method;
  } else if (name == ":path") {
    text = head.path;
  } else if (name == ":authority") {
    text = head.authority;
  } else if (name == ":scheme") {
    text = head.scheme;
  } else if (!head.headers.has(name)) {
    return std::nullopt;
  } else {
    return head.headers.get(name);
  }
  return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::string_view> field(const HeaderMap& headers, const std::string& name) {
  if (name.empty() || !headers.has(name)) return std::nullopt;
  return headers.get(name);
}

bool appendElapsed(std::optional<int64_t> milliseconds, std::string& out) {
  if (!milliseconds.has_value()) return false;
  Format::Values::number(*milliseconds, out);
  return true;
}

}  // namespace

// The one place that names the operators.
std::span<const Format::Name> Format::names() {
  using Op = Operator;
  using enum Name::Argument;
  static constexpr Name kNames[] = {
      {"START_TIME", Op::kStartTime, false, kTime},
      {"REQ", Op::kRequestHeader, false, kHeader},
      {"RESP", Op::kResponseHeader, false, kHeader},
      {"TRAILER", Op::kResponseTrailer, false, kHeader},
      {"PROTOCOL", Op::kProtocol, false, kNone},
      {"RESPONSE_CODE", Op::kResponseCode, true, kNone},
      {"RESPONSE_CODE_DETAILS", Op::kResponseCodeDetails, false, kNone},
      {"RESPONSE_FLAGS", Op::kResponseFlags, false, kNone},
      {"GRPC_STATUS", Op::kGrpcStatus, false, kNone},
      {"GRPC_STATUS_NUMBER", Op::kGrpcStatusNumber, true, kNone},
      {"BYTES_RECEIVED", Op::kBytesReceived, true, kNone},
      {"BYTES_SENT", Op::kBytesSent, true, kNone},
      {"DURATION", Op::kDuration, true, kNone},
      {"REQUEST_DURATION", Op::kRequestDuration, true, kNone},
      {"RESPONSE_DURATION", Op::kResponseDuration, true, kNone},
      {"UPSTREAM_HOST", Op::kUpstreamHost, false, kNone},
      {"UPSTREAM_CLUSTER", Op::kUpstreamCluster, false, kNone},
      {"UPSTREAM_REQUEST_ATTEMPT_COUNT", Op::kAttemptCount, true, kNone},
      {"ROUTE_NAME", Op::kRouteName, false, kNone},
      {"VIRTUAL_HOST_NAME", Op::kVirtualHostName, false, kNone},
      {"DOWNSTREAM_REMOTE_ADDRESS", Op::kRemoteAddress, false, kNone},
      {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Op::kRemoteAddressOnly, false, kNone},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Op::kDirectRemoteAddress, false, kNone},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Op::kDirectRemoteAddressOnly, false, kNone},
      {"DOWNSTREAM_LOCAL_ADDRESS", Op::kLocalAddress, false, kNone},
      {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Op::kLocalAddressOnly, false, kNone},
      {"DOWNSTREAM_LOCAL_PORT", Op::kLocalPort, true, kNone},
      {"CONNECTION_ID", Op::kConnectionId, true, kNone},
      {"STREAM_ID", Op::kStreamId, false, kNone},
      {"REQUESTED_SERVER_NAME", Op::kRequestedServerName, false, kNone},
      {"HOSTNAME", Op::kHostname, false, kNone},
      {"DOWNSTREAM_TLS_VERSION", Op::kTlsVersion, false, kNone},
      {"DOWNSTREAM_TLS_CIPHER", Op::kTlsCipher, false, kNone},
      {"DOWNSTREAM_TLS_SESSION_ID", Op::kTlsSessionId, false, kNone},
      {"DOWNSTREAM_PEER_SUBJECT", Op::kPeerSubject, false, kNone},
      {"DOWNSTREAM_PEER_ISSUER", Op::kPeerIssuer, false, kNone},
      {"DOWNSTREAM_PEER_SERIAL", Op::kPeerSerial, false, kNone},
      {"DOWNSTREAM_PEER_FINGERPRINT_256", Op::kPeerFingerprint, false, kNone},
      {"DOWNSTREAM_PEER_URI_SAN", Op::kPeerUris, false, kNone},
      {"DOWNSTREAM_PEER_DNS_SAN", Op::kPeerDnsNames, false, kNone},
      {"DOWNSTREAM_PEER_CERT_V_START", Op::kPeerNotBefore, false, kTime},
      {"DOWNSTREAM_PEER_CERT_V_END", Op::kPeerNotAfter, false, kTime},
      {"DOWNSTREAM_LOCAL_SUBJECT", Op::kLocalSubject, false, kNone},
      {"DOWNSTREAM_LOCAL_URI_SAN", Op::kLocalUris, false, kNone},
      {"DOWNSTREAM_ORIGINAL_DESTINATION", Op::kOriginalDestination, false, kNone},
      {"PROXY_PROTOCOL_TLV", Op::kProxyProtocolTlv, false, kTlvType},
      {"REQ_WITHOUT_QUERY", Op::kRequestHeaderWithoutQuery, false, kHeader},
      {"QUERY", Op::kQuery, false, kName},
      {"QUERY_PARAM", Op::kQuery, false, kName},  // Envoy's name
      {"COOKIE", Op::kCookie, false, kName},
      {"PATH_CAPTURE", Op::kPathCapture, false, kName},
      {"DYNAMIC_METADATA", Op::kDynamicMetadata, false, kPath},
      {"METADATA", Op::kMetadata, false, kPath},
      {"TRACE_ID", Op::kTraceId, false, kNone},
      {"SPAN_ID", Op::kSpanId, false, kNone},
      {"UPSTREAM_PATH", Op::kUpstreamPath, false, kNone},
      {"UPSTREAM_AUTHORITY", Op::kUpstreamAuthority, false, kNone},
      {"UPSTREAM_REMOTE_ADDRESS", Op::kUpstreamHost, false, kNone},  // Envoy has both
      {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Op::kUpstreamHostOnly, false, kNone},
      {"UPSTREAM_REMOTE_PORT", Op::kUpstreamPort, true, kNone},
      {"DOWNSTREAM_REMOTE_PORT", Op::kRemotePort, true, kNone},
      {"DOWNSTREAM_DIRECT_REMOTE_PORT", Op::kDirectRemotePort, true, kNone},
      {"RESPONSE_TX_DURATION", Op::kResponseSendDuration, true, kNone},
  };
  return kNames;
}

bool Format::value(const Piece& piece, const LogEntry& entry, Style style, std::string& out) {
  const StreamInfo& info = entry.info;
  // What is not there is empty there, and 0 or "-" in logs.
  const bool for_message = style == Style::kFieldValue || style == Style::kRaw;
  const auto named = [&](auto&& lookup) {
    auto found = lookup(piece.text);
    if (!found.has_value()) found = lookup(piece.alternative);
    return Values::text(found, piece.max_length, style, out);
  };
  switch (piece.name->op) {
    case Operator::kStartTime:
      Values::time(info.start_time, piece.text, out);
      return true;
    case Operator::kRequestHeader:
      return named([&](const std::string& n) { return requestField(entry.request, n); });
    case Operator::kRequestHeaderWithoutQuery:
      return named([&](const std::string& n) {
        auto found = requestField(entry.request, n);
        if (found) found = found->substr(0, found->find('?'));
        return found;
      });
    case Operator::kResponseHeader:
      return named([&](const std::string& n) { return field(entry.response.headers, n); });
    case Operator::kResponseTrailer:
      return named([&](const std::string& n) { return field(entry.response_trailers, n); });
    case Operator::kProtocol:
      if (entry.request.method.empty() && info.status == 0) return false;  // not HTTP
      out.append(versionText(entry.request.version));
      return true;
    case Operator::kResponseCode:
      if (for_message && info.status == 0 && entry.response.status == 0) return false;
      Values::number(for_message && info.status == 0 ? entry.response.status : info.status, out);
      return true;
    case Operator::kResponseCodeDetails:
      return Values::text(info.detail, style, out);
    case Operator::kResponseFlags:
      if (for_message && info.flags == 0) return false;
      appendResponseFlags(info.flags, out);
      return true;
    case Operator::kGrpcStatus:
      if (!info.grpc_status.has_value()) return false;
      out.append(grpcStatusName(*info.grpc_status));
      return true;
    case Operator::kGrpcStatusNumber:
      if (!info.grpc_status.has_value()) return false;
      out.append(grpcStatusNumber(*info.grpc_status));
      return true;
    case Operator::kBytesReceived:
      Values::number(static_cast<int64_t>(info.request_bytes), out);
      return true;
    case Operator::kBytesSent:
      Values::number(static_cast<int64_t>(info.response_bytes), out);
      return true;
    case Operator::kDuration:
      return appendElapsed(elapsed(info.started, info.ended), out);
    case Operator::kRequestDuration:
      return appendElapsed(elapsed(info.started, info.request_complete), out);
    case Operator::kResponseDuration:
      return appendElapsed(elapsed(info.started, info.upstream_first_byte), out);
    case Operator::kUpstreamHost:
      return Values::address(info.upstream_address, true, out);
    case Operator::kUpstreamCluster:
      return Values::text(info.cluster, style, out);
    case Operator::kAttemptCount:
      Values::number(info.attempts, out);
      return true;
    case Operator::kRouteName:
      return info.route != nullptr && Values::text(info.route->name(), style, out);
    case Operator::kVirtualHostName:
      return info.route != nullptr && Values::text(info.route->virtualHostName(), style, out);
    case Operator::kRemoteAddress:
      return Values::address(info.downstream_remote, true, out);
    case Operator::kRemoteAddressOnly:
      return Values::address(info.downstream_remote, false, out);
    case Operator::kDirectRemoteAddress:
      return Values::address(info.downstream_direct, true, out);
    case Operator::kDirectRemoteAddressOnly:
      return Values::address(info.downstream_direct, false, out);
    case Operator::kLocalAddress:
      return Values::address(info.downstream_local, true, out);
    case Operator::kLocalAddressOnly:
      return Values::address(info.downstream_local, false, out);
    case Operator::kLocalPort:
      return Values::port(info.downstream_local, out);
    case Operator::kConnectionId:
      Values::number(static_cast<int64_t>(info.connection_id), out);
      return true;
    case Operator::kStreamId:
      return Values::text(info.request_id.empty() ? std::nullopt : std::optional(info.request_id),
                          0, style, out);
    case Operator::kRequestedServerName:
      return Values::text(info.requested_server_name.empty()
                              ? std::nullopt
                              : std::optional(info.requested_server_name),
                          piece.max_length, style, out);
    case Operator::kHostname:
      return Values::text(hostname(), style, out);
    case Operator::kUpstreamHostOnly:
      return Values::address(info.upstream_address, false, out);
    case Operator::kUpstreamPort:
      return Values::port(info.upstream_address, out);
    case Operator::kRemotePort:
      return Values::port(info.downstream_remote, out);
    case Operator::kDirectRemotePort:
      return Values::port(info.downstream_direct, out);
    case Operator::kResponseSendDuration:
      return appendElapsed(elapsed(info.upstream_first_byte, info.ended), out);
    case Operator::kTlsVersion:
    case Operator::kTlsCipher:
    case Operator::kTlsSessionId:
    case Operator::kPeerSubject:
    case Operator::kPeerIssuer:
    case Operator::kPeerSerial:
    case Operator::kPeerFingerprint:
    case Operator::kPeerUris:
    case Operator::kPeerDnsNames:
    case Operator::kPeerNotBefore:
    case Operator::kPeerNotAfter:
    case Operator::kLocalSubject:
    case Operator::kLocalUris:
    case Operator::kOriginalDestination:
    case Operator::kProxyProtocolTlv:
      return Values::ofPeer(piece, info, style, out);
    case Operator::kQuery:
    case Operator::kCookie:
    case Operator::kPathCapture:
    case Operator::kDynamicMetadata:
    case Operator::kMetadata:
    case Operator::kTraceId:
    case Operator::kSpanId:
    case Operator::kUpstreamPath:
    case Operator::kUpstreamAuthority:
      return Values::ofRequest(piece, entry, style, out);
  }
  return false;
}

}  // namespace weir::http
