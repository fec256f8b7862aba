#include "source/network/certificate_match.h"

#include <algorithm>

#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::network {
namespace {

absl::Status bad(const std::string& message) {
  return absl::InvalidArgumentError(absl::string_view(message));
}

// Whether `test` holds for one of `patterns` at least; an empty list asks for nothing.
template <class T, class Test>
bool anyOf(const std::vector<T>& patterns, Test test) {
  return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), test);
}

// Whether one of `values` matches one of `patterns`.
template <class T>
bool anyMatch(const std::vector<T>& patterns, const std::vector<std::string>& values) {
  return anyOf(patterns, [&](const T& pattern) {
    return std::any_of(values.begin(), values.end(),
                       [&](const std::string& value) { return pattern.matches(value); });
  });
}

}  // namespace

absl::StatusOr<NamePattern> NamePattern::parse(std::string_view text) {
  const std::string name = base::lowered(text);
  const bool wildcard = name.starts_with("*.");
  const std::string_view host = std::string_view(name).substr(wildcard ? 2 : 0);
  if (host.empty() || host.front() == '.' || host.find('*') != std::string_view::npos) {
    return bad(base::concat("\"", text, "\" is not a host name; write one such as ",
                            "\"shop.example\" or \"*.shop.example\""));
  }
  return NamePattern{wildcard ? name.substr(1) : name, wildcard};
}

bool NamePattern::matches(std::string_view name) const {
  if (!wildcard) return base::equalsIgnoreCase(name, text);
  return name.size() > text.size() &&
         base::equalsIgnoreCase(name.substr(name.size() - text.size()), text);
}

absl::StatusOr<TextPattern> TextPattern::parse(std::string_view text) {
  const bool prefix = text.ends_with("*");
  if (prefix) text.remove_suffix(1);
  if (text.empty()) return bad("is required; write a URI, or its beginning and \"*\"");
  if (text.find('*') != std::string_view::npos) {
    return bad("only the end may be \"*\"; write the beginning of the URI before it");
  }
  return TextPattern{std::string(text), prefix};
}

absl::StatusOr<std::string> parseFingerprint(std::string_view text) {
  std::string hash = base::lowered(text);
  std::erase(hash, ':');
  if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return bad(base::concat("\"", text, "\" is not a SHA-256; write 64 hexadecimal digits"));
  }
  return hash;
}

bool CertificateMatch::matches(const CertificateFacts& certificate) const {
  return anyMatch(uris, certificate.uris) && anyMatch(dns_names, certificate.dns_names) &&
         anyOf(sha256, [&](const std::string& hash) { return hash == certificate.sha256; }) &&
         anyOf(subjects,
               [&](const std::string& subject) { return subject == certificate.subject; });
}

}  // namespace weir::network
