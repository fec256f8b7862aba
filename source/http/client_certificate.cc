#include "source/http/client_certificate.h"

#include <string>
#include <string_view>

namespace weir::http {
namespace {

using Mode = ClientCertificateHeader::Mode;

// What needs no quotes around it: neither separators of the list nor what would end the line.
bool isPlain(std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == ',' || c == ';' || c == '=' || c == '"' || c == '\\') {
      return false;
    }
  }
  return true;
}

void appendQuoted(std::string_view value, std::string& out) {
  out.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    // A certificate may say anything; the field must stay one line of visible characters.
    if (byte < 0x20 || byte == 0x7f) {
      out.push_back('?');
      continue;
    }
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void appendPair(std::string_view key, std::string_view value, std::string& out) {
  if (!out.empty()) out.push_back(';');
  out.append(key);
  out.push_back('=');
  if (isPlain(value)) {
    out.append(value);
  } else {
    appendQuoted(value, out);
  }
}

std::string percentEncoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

std::string elementOf(const ClientCertificateHeader& options,
                      const network::SecurityInfo& security) {
  const network::CertificateFacts& peer = *security.peerCertificate();
  std::string element;
  if (const network::CertificateFacts* own = security.localCertificate()) {
    if (!own->uris.empty()) appendPair("By", own->uris.front(), element);
  }
  appendPair("Hash", peer.sha256, element);
  if (options.certificate) appendPair("Cert", percentEncoded(peer.pem), element);
  if (options.subject) {
    element.append(";Subject=");
    appendQuoted(peer.subject, element);
  }
  if (options.uri) {
    for (const std::string& uri : peer.uris) appendPair("URI", uri, element);
  }
  if (options.dns) {
    for (const std::string& name : peer.dns_names) appendPair("DNS", name, element);
  }
  return element;
}

bool isVerified(const network::SecurityInfo* security) {
  return security != nullptr && security->peerVerified() && security->peerCertificate() != nullptr;
}

}  // namespace

void applyClientCertificate(const ClientCertificateHeader& options, RequestHead& head,
                            const network::SecurityInfo* security) {
  constexpr HeaderId kField = HeaderId::kXForwardedClientCert;
  if (options.mode == Mode::kAlwaysForwardOnly) return;
  const bool came = head.headers.has(kField);
  // The usual case costs nothing.
  if (!came && (options.mode == Mode::kSanitize || options.mode == Mode::kForwardOnly)) return;
  const bool verified = isVerified(security);
  const bool keep =
      verified && (options.mode == Mode::kForwardOnly || options.mode == Mode::kAppendForward);
  if (came && !keep) head.headers.remove(kField);
  const bool add =
      verified && (options.mode == Mode::kAppendForward || options.mode == Mode::kSanitizeSet);
  if (add) head.headers.add(kField, elementOf(options, *security));
}

}  // namespace weir::http
