#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "source/base/regex.h"
#include "source/http/matchers.h"
#include "source/http/message.h"
#include "source/http/path_template.h"
#include "source/http/stream_info.h"
#include "source/network/certificate_match.h"
#include "source/network/cidr_set.h"

namespace weir::extensions::http_filters::rbac {

// Conditions on single facts. Values.
struct SourceIn {
  network::CidrSet prefixes;
  bool direct = false;
};
struct QueryIs {
  http::ParameterMatcher parameter;
};
struct PathIs {
  enum class Kind : uint8_t { kExact, kPrefix };
  Kind kind = Kind::kExact;
  std::string text;
};
struct MethodIn {
  std::vector<std::string> methods;
};
struct HostIn {
  std::vector<network::NamePattern> names;
};
struct PortIn {
  std::vector<uint16_t> ports;
};
struct ServerNameIn {
  std::vector<network::NamePattern> names;
};
struct MetadataIs {
  std::string name_space;
  std::string key;
  std::vector<std::string> path;
  http::TextMatcher value = http::TextMatcher::present();
};

// A tree of conditions on requests. Immutable.
struct Condition {
  enum class Joint : uint8_t { kAll, kAny, kNot };
  struct Branch {
    Joint joint = Joint::kAll;
    std::vector<Condition> of = {};
  };
  using Test = std::variant<Branch, SourceIn, http::HeaderMatcher, QueryIs, PathIs,
                            http::PathTemplate, base::Regex, MethodIn, HostIn, PortIn, ServerNameIn,
                            network::CertificateMatch, MetadataIs>;

  // kAll of nothing holds always.
  Test test = Branch();

  // Does not allocate, unless a header field is there several times.
  bool holds(const http::RequestHead& head, const http::StreamInfo& info) const;
};

struct Rule {
  std::string name;
  bool allow = false;
  Condition condition;
};

// Rules in order, the first that matches decides. Immutable.
struct RuleList {
  std::vector<Rule> rules;
  bool allow_by_default = false;

  // Index of the rule that decides; rules.size(): the default.
  size_t decide(const http::RequestHead& head, const http::StreamInfo& info) const;
  bool allows(size_t rule) const {
    return rule < rules.size() ? rules[rule].allow : allow_by_default;
  }
  std::string_view nameOf(size_t rule) const {
    return rule < rules.size() ? std::string_view(rules[rule].name) : "default";
  }
};

}  // namespace weir::extensions::http_filters::rbac
