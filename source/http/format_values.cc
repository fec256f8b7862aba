// How values are written, and those of peers: addresses, certificates, what listener filters found.
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <utility>

#include "source/base/time.h"
#include "source/http/format_escape.h"
#include "source/http/format_operators.h"

namespace weir::http {
namespace {

using network::CertificateFacts;
using network::ConnectionInfo;
using network::SecurityInfo;

// Puts the digits of the second's fraction for "%1f" to "%9f", which strftime does not have.
void expandFractions(std::string_view format, event::SystemTime time, std::string& out) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
  char digits[10];
  for (int64_t i = 8, left = nanos; i >= 0; --i, left /= 10) {
    digits[i] = static_cast<char>('0' + left % 10);
  }
  for (size_t i = 0; i < format.size(); ++i) {
    const bool escape = format[i] == '%' && i + 1 < format.size();
    if (escape && i + 2 < format.size() && format[i + 1] >= '1' && format[i + 1] <= '9' &&
        format[i + 2] == 'f') {
      out.append(digits, static_cast<size_t>(format[i + 1] - '0'));
      i += 2;
    } else if (escape && format[i + 1] == 's') {  // strftime would take UTC for local time
      Format::Values::number(seconds.count(), out);
      ++i;
    } else {
      out.push_back(format[i]);
      if (escape) out.push_back(format[++i]);
    }
  }
}

}  // namespace

void Format::Values::number(int64_t number, std::string& out) {
  char digits[24];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
}

void Format::Values::time(event::SystemTime time, const std::string& format, std::string& out) {
  if (format.empty()) {
    std::array<char, base::kRfc3339Size> text;
    out.append(base::formatRfc3339(time, text));
    return;
  }
  thread_local std::string expanded;  // keeps its capacity
  expanded.clear();
  expandFractions(format, time, expanded);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[256];
  out.append(text, std::strftime(text, sizeof text, expanded.c_str(), &parts));
}

bool Format::Values::text(std::optional<std::string_view> text, uint32_t max_length, Style style,
                          std::string& out) {
  if (!text.has_value()) return false;
  const std::string_view cut = max_length == 0 ? *text : text->substr(0, max_length);
  switch (style) {
    case Style::kLine:
      appendEscaped(cut, out);
      break;
    case Style::kJson:
      appendJsonEscaped(cut, out);
      break;
    case Style::kFieldValue:
      http::appendFieldValue(cut, out);
      break;
    case Style::kRaw:
      out.append(cut);
      break;
  }
  return true;
}

bool Format::Values::text(std::string_view text, Style style, std::string& out) {
  return !text.empty() && Values::text(std::optional(text), 0, style, out);
}

bool Format::Values::address(const network::Address* address, bool with_port, std::string& out) {
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
    number(address->port(), out);
  }
  return true;
}

bool Format::Values::port(const network::Address* address, std::string& out) {
  if (address == nullptr || !address->isIp()) return false;
  number(address->port(), out);
  return true;
}

namespace {

// The certificate that `pick` takes of the client's connection, or null.
const CertificateFacts* certificateOf(const StreamInfo& info,
                                      const CertificateFacts* (SecurityInfo::*pick)() const) {
  return info.downstream_tls == nullptr ? nullptr : (info.downstream_tls->*pick)();
}

}  // namespace

bool Format::Values::ofPeer(const Piece& piece, const StreamInfo& info, Style style,
                            std::string& out) {
  using Op = Operator;
  const auto list = [&](const std::vector<std::string>& values) {
    std::string_view separator;
    for (const std::string& value : values) {
      out.append(std::exchange(separator, ","));
      text(value, style, out);
    }
    return !values.empty();
  };
  const auto valid = [&](event::SystemTime at) { return time(at, piece.text, out), true; };
  const SecurityInfo* const security = info.downstream_tls;
  const CertificateFacts* const peer = certificateOf(info, &SecurityInfo::peerCertificate);
  const CertificateFacts* const own = certificateOf(info, &SecurityInfo::localCertificate);
  const ConnectionInfo* const connection = info.connection_info;
  switch (piece.name->op) {
    case Op::kTlsVersion:
      return security != nullptr && text(security->tlsVersion(), style, out);
    case Op::kTlsCipher:
      return security != nullptr && text(security->cipher(), style, out);
    case Op::kTlsSessionId:
      return security != nullptr && text(security->sessionId(), style, out);
    case Op::kPeerSubject:
      return peer != nullptr && text(peer->subject, style, out);
    case Op::kPeerIssuer:
      return peer != nullptr && text(peer->issuer, style, out);
    case Op::kPeerSerial:
      return peer != nullptr && text(peer->serial, style, out);
    case Op::kPeerFingerprint:
      return peer != nullptr && text(peer->sha256, style, out);
    case Op::kPeerUris:
      return peer != nullptr && list(peer->uris);
    case Op::kPeerDnsNames:
      return peer != nullptr && list(peer->dns_names);
    case Op::kPeerNotBefore:
      return peer != nullptr && valid(peer->not_before);
    case Op::kPeerNotAfter:
      return peer != nullptr && valid(peer->not_after);
    case Op::kLocalSubject:
      return own != nullptr && text(own->subject, style, out);
    case Op::kLocalUris:
      return own != nullptr && list(own->uris);
    case Op::kOriginalDestination:
      return connection != nullptr && connection->original_destination &&
             address(&*connection->original_destination, true, out);
    case Op::kProxyProtocolTlv:
      if (connection == nullptr) return false;
      for (const ConnectionInfo::ProxyTlv& tlv : connection->proxy_tlvs) {
        if (tlv.type == piece.tlv_type) return text(tlv.value, piece.max_length, style, out);
      }
      return false;
    default:
      return false;
  }
}

}  // namespace weir::http
