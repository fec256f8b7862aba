#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/network/address.h"
#include "source/network/certificate_match.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::network_filters::rbac {

// What is known of a connection. Views for the call.
struct Facts {
  const network::Address* source = nullptr;
  const network::Address* direct_source = nullptr;
  uint16_t destination_port = 0;
  std::string_view server_name = {};                       // lower case; empty: none
  const network::CertificateFacts* certificate = nullptr;  // null: none that was checked
};

using network::CertificateMatch;
using network::NamePattern;
using network::TextPattern;

// Conditions on a connection. Value.
struct Match {
  std::vector<network::Prefix> sources;
  std::vector<network::Prefix> direct_sources;
  std::vector<uint16_t> destination_ports;
  std::vector<NamePattern> server_names;
  std::optional<CertificateMatch> certificate;
  bool invert = false;
  bool matches(const Facts& facts) const { return holds(facts) != invert; }

 private:
  bool holds(const Facts& facts) const;
};

struct Rule {
  std::string name;
  bool allow = false;
  Match match;
};

// Rules in order, the first that matches decides. Immutable.
struct RuleList {
  std::vector<Rule> rules;
  bool allow_by_default = false;

  // Index of the rule that decides; rules.size(): the default.
  size_t decide(const Facts& facts) const;
  bool allows(size_t rule) const {
    return rule < rules.size() ? rules[rule].allow : allow_by_default;
  }
  std::string_view nameOf(size_t rule) const {
    return rule < rules.size() ? std::string_view(rules[rule].name) : "default";
  }
};

}  // namespace weir::extensions::network_filters::rbac
