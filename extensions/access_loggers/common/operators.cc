#include "extensions/access_loggers/common/operators.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <optional>
#include <span>
#include <utility>

#include "extensions/access_loggers/common/escape.h"
#include "source/base/time.h"
#include "source/http/route.h"

namespace weir::extensions::access_loggers {

namespace {

using Clock = event::MonotonicTime;

// Milliseconds between two moments, when both were reached.
std::optional<int64_t> elapsed(Clock from, Clock to) {
  if (from == Clock() || to == Clock() || to < from) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
}

void appendNumber(int64_t number, std::string& out) {
  char digits[24];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
}

void appendTime(event::SystemTime time, const std::string& format, std::string& out) {
  if (format.empty()) {
    std::array<char, base::kRfc3339Size> text;
    out.append(base::formatRfc3339(time, text));
    return;
  }
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[256];
  out.append(text, std::strftime(text, sizeof text, format.c_str(), &parts));
}

const std::string& hostname() {
  static const std::string name = [] {
    char text[256] = {};
    return ::gethostname(text, sizeof text - 1) == 0 ? std::string(text) : std::string();
  }();
  return name;
}

std::optional<std::string_view> requestField(const http::RequestHead& head,
                                             const std::string& name) {
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

std::optional<std::string_view> field(const http::HeaderMap& headers, const std::string& name) {
  if (name.empty() || !headers.has(name)) return std::nullopt;
  return headers.get(name);
}

// Appends what a peer sent, escaped for the kind of line.
bool appendPeerText(std::optional<std::string_view> text, uint32_t max_length, bool json,
                    std::string& out) {
  if (!text.has_value()) return false;
  const std::string_view cut = max_length == 0 ? *text : text->substr(0, max_length);
  json ? appendJsonEscaped(cut, out) : appendEscaped(cut, out);
  return true;
}

bool appendText(std::string_view text, bool json, std::string& out) {
  if (text.empty()) return false;
  json ? appendJsonEscaped(text, out) : appendEscaped(text, out);
  return true;
}

bool appendElapsed(std::optional<int64_t> milliseconds, std::string& out) {
  if (!milliseconds.has_value()) return false;
  appendNumber(*milliseconds, out);
  return true;
}

bool appendAddress(const network::Address* address, bool with_port, std::string& out) {
  if (address == nullptr || address->family() == network::Address::Family::kNone) return false;
  if (!address->isIp()) {
    appendEscaped(address->toString(), out);
    return true;
  }
  std::array<char, 64> text;
  const std::string_view ip(text.data(), address->formatIp(text.data()));
  const bool v6 = with_port && address->family() == network::Address::Family::kIpv6;
  if (v6) out.push_back('[');
  out.append(ip);
  if (v6) out.push_back(']');
  if (with_port) {
    out.push_back(':');
    appendNumber(address->port(), out);
  }
  return true;
}

// The certificate that `pick` takes of the client's connection, or null.
const network::CertificateFacts* certificateOf(
    const http::StreamInfo& info,
    const network::CertificateFacts* (network::SecurityInfo::*pick)() const) {
  return info.downstream_tls == nullptr ? nullptr : (info.downstream_tls->*pick)();
}

bool appendList(const std::vector<std::string>& values, bool json, std::string& out) {
  std::string_view separator;
  for (const std::string& value : values) {
    out.append(std::exchange(separator, ","));
    appendText(value, json, out);
  }
  return !values.empty();
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
  };
  return kNames;
}

bool Format::value(const Piece& piece, const LogEntry& entry, bool json, std::string& out) {
  const http::StreamInfo& info = entry.info;
  const auto named = [&](auto&& lookup) {
    auto found = lookup(piece.text);
    if (!found.has_value()) found = lookup(piece.alternative);
    return appendPeerText(found, piece.max_length, json, out);
  };
  switch (piece.name->op) {
    case Operator::kStartTime:
      appendTime(info.start_time, piece.text, out);
      return true;
    case Operator::kRequestHeader:
      return named([&](const std::string& n) { return requestField(entry.request, n); });
    case Operator::kResponseHeader:
      return named([&](const std::string& n) { return field(entry.response.headers, n); });
    case Operator::kResponseTrailer:
      return named([&](const std::string& n) { return field(entry.response_trailers, n); });
    case Operator::kProtocol:
      if (entry.request.method.empty() && info.status == 0) return false;  // not HTTP
      out.append(http::versionText(entry.request.version));
      return true;
    case Operator::kResponseCode:
      appendNumber(info.status, out);
      return true;
    case Operator::kResponseCodeDetails:
      return appendText(info.detail, json, out);
    case Operator::kResponseFlags:
      http::appendResponseFlags(info.flags, out);
      return true;
    case Operator::kGrpcStatus:
      if (!info.grpc_status.has_value()) return false;
      out.append(http::grpcStatusName(*info.grpc_status));
      return true;
    case Operator::kGrpcStatusNumber:
      if (!info.grpc_status.has_value()) return false;
      out.append(http::grpcStatusNumber(*info.grpc_status));
      return true;
    case Operator::kBytesReceived:
      appendNumber(static_cast<int64_t>(info.request_bytes), out);
      return true;
    case Operator::kBytesSent:
      appendNumber(static_cast<int64_t>(info.response_bytes), out);
      return true;
    case Operator::kDuration:
      return appendElapsed(elapsed(info.started, info.ended), out);
    case Operator::kRequestDuration:
      return appendElapsed(elapsed(info.started, info.request_complete), out);
    case Operator::kResponseDuration:
      return appendElapsed(elapsed(info.started, info.upstream_first_byte), out);
    case Operator::kUpstreamHost:
      return appendAddress(info.upstream_address, true, out);
    case Operator::kUpstreamCluster:
      return appendText(info.cluster, json, out);
    case Operator::kAttemptCount:
      appendNumber(info.attempts, out);
      return true;
    case Operator::kRouteName:
      return info.route != nullptr && appendText(info.route->name(), json, out);
    case Operator::kVirtualHostName:
      return info.route != nullptr && appendText(info.route->virtualHostName(), json, out);
    case Operator::kRemoteAddress:
      return appendAddress(info.downstream_remote, true, out);
    case Operator::kRemoteAddressOnly:
      return appendAddress(info.downstream_remote, false, out);
    case Operator::kDirectRemoteAddress:
      return appendAddress(info.downstream_direct, true, out);
    case Operator::kDirectRemoteAddressOnly:
      return appendAddress(info.downstream_direct, false, out);
    case Operator::kLocalAddress:
      return appendAddress(info.downstream_local, true, out);
    case Operator::kLocalAddressOnly:
      return appendAddress(info.downstream_local, false, out);
    case Operator::kLocalPort:
      if (info.downstream_local == nullptr || !info.downstream_local->isIp()) return false;
      appendNumber(info.downstream_local->port(), out);
      return true;
    case Operator::kConnectionId:
      appendNumber(static_cast<int64_t>(info.connection_id), out);
      return true;
    case Operator::kStreamId:
      return appendPeerText(info.request_id.empty() ? std::nullopt : std::optional(info.request_id),
                            0, json, out);
    case Operator::kRequestedServerName:
      return appendPeerText(info.requested_server_name.empty()
                                ? std::nullopt
                                : std::optional(info.requested_server_name),
                            piece.max_length, json, out);
    case Operator::kHostname:
      return appendText(hostname(), json, out);
    case Operator::kTlsVersion:
    case Operator::kTlsCipher:
    case Operator::kTlsSessionId:
      return info.downstream_tls != nullptr && tlsValue(piece, *info.downstream_tls, json, out);
    case Operator::kPeerSubject:
    case Operator::kPeerIssuer:
    case Operator::kPeerSerial:
    case Operator::kPeerFingerprint:
    case Operator::kPeerUris:
    case Operator::kPeerDnsNames:
    case Operator::kPeerNotBefore:
    case Operator::kPeerNotAfter: {
      const auto* peer = certificateOf(info, &network::SecurityInfo::peerCertificate);
      return peer != nullptr && certificateValue(piece, *peer, json, out);
    }
    case Operator::kLocalSubject:
    case Operator::kLocalUris: {
      const auto* own = certificateOf(info, &network::SecurityInfo::localCertificate);
      return own != nullptr && certificateValue(piece, *own, json, out);
    }
    case Operator::kOriginalDestination:
    case Operator::kProxyProtocolTlv:
      return info.connection_info != nullptr &&
             connectionValue(piece, *info.connection_info, json, out);
  }
  return false;
}

bool Format::connectionValue(const Piece& piece, const network::ConnectionInfo& connection,
                             bool json, std::string& out) {
  if (piece.name->op == Operator::kOriginalDestination) {
    const auto& destination = connection.original_destination;
    return destination.has_value() && appendAddress(&*destination, true, out);
  }
  for (const network::ConnectionInfo::ProxyTlv& tlv : connection.proxy_tlvs) {
    if (tlv.type == piece.tlv_type) return appendPeerText(tlv.value, piece.max_length, json, out);
  }
  return false;
}

bool Format::tlsValue(const Piece& piece, const network::SecurityInfo& security, bool json,
                      std::string& out) {
  switch (piece.name->op) {
    case Operator::kTlsVersion:
      return appendText(security.tlsVersion(), json, out);
    case Operator::kTlsCipher:
      return appendText(security.cipher(), json, out);
    case Operator::kTlsSessionId:
      return appendText(security.sessionId(), json, out);
    default:
      return false;
  }
}

bool Format::certificateValue(const Piece& piece, const network::CertificateFacts& certificate,
                              bool json, std::string& out) {
  switch (piece.name->op) {
    case Operator::kPeerSubject:
    case Operator::kLocalSubject:
      return appendText(certificate.subject, json, out);
    case Operator::kPeerIssuer:
      return appendText(certificate.issuer, json, out);
    case Operator::kPeerSerial:
      return appendText(certificate.serial, json, out);
    case Operator::kPeerFingerprint:
      return appendText(certificate.sha256, json, out);
    case Operator::kPeerUris:
    case Operator::kLocalUris:
      return appendList(certificate.uris, json, out);
    case Operator::kPeerDnsNames:
      return appendList(certificate.dns_names, json, out);
    case Operator::kPeerNotBefore:
      appendTime(certificate.not_before, piece.text, out);
      return true;
    case Operator::kPeerNotAfter:
      appendTime(certificate.not_after, piece.text, out);
      return true;
    default:
      return false;
  }
}

}  // namespace weir::extensions::access_loggers
