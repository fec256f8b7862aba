#include "extensions/network_filters/rbac/rules.h"

#include <algorithm>

#include "source/base/ascii.h"

namespace weir::extensions::network_filters::rbac {
namespace {

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

bool contains(const std::vector<network::Prefix>& prefixes, const network::Address* address) {
  return anyOf(prefixes, [&](const network::Prefix& prefix) {
    return address != nullptr && prefix.contains(*address);
  });
}

}  // namespace

bool NamePattern::matches(std::string_view name) const {
  if (!wildcard) return base::equalsIgnoreCase(name, text);
  return name.size() > text.size() &&
         base::equalsIgnoreCase(name.substr(name.size() - text.size()), text);
}

bool CertificateMatch::matches(const network::CertificateFacts& certificate) const {
  return anyMatch(uris, certificate.uris) && anyMatch(dns_names, certificate.dns_names) &&
         anyOf(sha256, [&](const std::string& hash) { return hash == certificate.sha256; }) &&
         anyOf(subjects,
               [&](const std::string& subject) { return subject == certificate.subject; });
}

bool Match::holds(const Facts& facts) const {
  if (!contains(sources, facts.source)) return false;
  if (!contains(direct_sources, facts.direct_source)) return false;
  if (!anyOf(destination_ports, [&](uint16_t port) { return port == facts.destination_port; })) {
    return false;
  }
  if (!anyOf(server_names, [&](const NamePattern& name) {
        return !facts.server_name.empty() && name.matches(facts.server_name);
      })) {
    return false;
  }
  if (!certificate) return true;
  return facts.certificate != nullptr && certificate->matches(*facts.certificate);
}

size_t RuleList::decide(const Facts& facts) const {
  for (size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].match.matches(facts)) return i;
  }
  return rules.size();
}

}  // namespace weir::extensions::network_filters::rbac
