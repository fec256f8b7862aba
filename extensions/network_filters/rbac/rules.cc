#include "extensions/network_filters/rbac/rules.h"

#include <algorithm>

namespace weir::extensions::network_filters::rbac {
namespace {

// Whether `test` holds for one of `patterns` at least; an empty list asks for nothing.
template <class T, class Test>
bool anyOf(const std::vector<T>& patterns, Test test) {
  return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), test);
}

bool contains(const std::vector<network::Prefix>& prefixes, const network::Address* address) {
  return anyOf(prefixes, [&](const network::Prefix& prefix) {
    return address != nullptr && prefix.contains(*address);
  });
}

}  // namespace

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
