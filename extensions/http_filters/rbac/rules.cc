#include "extensions/http_filters/rbac/rules.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "source/http/dynamic_metadata.h"
#include "source/network/connection.h"

namespace weir::extensions::http_filters::rbac {
namespace {

using http::MetadataValue;

constexpr double kMaxWhole = 9'007'199'254'740'992;  // 2^53

// The host of "host:port" or "[v6]:port".
std::string_view hostOf(std::string_view authority) {
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    return end == authority.npos ? authority : authority.substr(0, end + 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool matchesNumber(const http::TextMatcher& matcher, double number) {
  char digits[32];
  const bool whole = std::floor(number) == number && std::abs(number) < kMaxWhole;
  const auto result =
      whole ? std::to_chars(digits, digits + sizeof digits, static_cast<int64_t>(number))
            : std::to_chars(digits, digits + sizeof digits, number);
  return matcher.matches({digits, static_cast<size_t>(result.ptr - digits)});
}

bool matchesFlag(const http::TextMatcher& matcher, bool flag) {
  return matcher.matches(flag ? "true" : "false");
}

bool matchesValue(const http::TextMatcher& matcher, const MetadataValue& value) {
  switch (value.kind) {
    case MetadataValue::Kind::kText:
      return matcher.matches(value.text);
    case MetadataValue::Kind::kNumber:
      return matchesNumber(matcher, value.number);
    case MetadataValue::Kind::kBool:
      return matchesFlag(matcher, value.flag);
    case MetadataValue::Kind::kList: {
      const auto members = value.members();
      return std::any_of(members.begin(), members.end(), [&](const http::MetadataField& member) {
        return member.value.kind != MetadataValue::Kind::kList &&
               matchesValue(matcher, member.value);
      });
    }
    case MetadataValue::Kind::kNull:
    case MetadataValue::Kind::kStruct:
      break;
  }
  return false;
}

// Tests one kind of condition each.
class Tester {
 public:
  Tester(const http::RequestHead& head, const http::StreamInfo& info) : head_(head), info_(info) {}

  bool operator()(const Condition::Branch& branch) const {
    const auto holds = [this](const Condition& each) { return each.holds(head_, info_); };
    switch (branch.joint) {
      case Condition::Joint::kAll:
        return std::all_of(branch.of.begin(), branch.of.end(), holds);
      case Condition::Joint::kAny:
        return std::any_of(branch.of.begin(), branch.of.end(), holds);
      case Condition::Joint::kNot:
        return std::none_of(branch.of.begin(), branch.of.end(), holds);
    }
    return false;
  }
  bool operator()(const SourceIn& source) const {
    const network::Address* const address =
        source.direct ? info_.downstream_direct : info_.downstream_remote;
    return address != nullptr && source.prefixes.contains(*address);
  }
  bool operator()(const http::HeaderMatcher& header) const { return header.matches(head_); }
  bool operator()(const QueryIs& query) const { return query.parameter.matchesQuery(head_.path); }
  bool operator()(const PathIs& path) const {
    const std::string_view asked = head_.pathWithoutQuery();
    if (path.kind == PathIs::Kind::kExact) return asked == path.text;
    return asked.starts_with(path.text) &&
           (asked.size() == path.text.size() || path.text.ends_with('/') ||
            asked[path.text.size()] == '/');
  }
  bool operator()(const http::PathTemplate& shape) const { return shape.matches(head_.path); }
  bool operator()(const base::Regex& regex) const {
    return regex.fullMatch(head_.pathWithoutQuery());
  }
  bool operator()(const MethodIn& in) const {
    return std::find(in.methods.begin(), in.methods.end(), head_.method) != in.methods.end();
  }
  bool operator()(const HostIn& in) const { return matches(in.names, hostOf(head_.authority)); }
  bool operator()(const PortIn& in) const {
    const network::Address* local = info_.downstream_local;
    if (info_.downstream_connection != nullptr) {
      local = &info_.downstream_connection->localAddress();
    }
    return local != nullptr &&
           std::find(in.ports.begin(), in.ports.end(), local->port()) != in.ports.end();
  }
  bool operator()(const ServerNameIn& in) const {
    return matches(in.names, info_.requested_server_name);
  }
  bool operator()(const network::CertificateMatch& match) const {
    const network::SecurityInfo* const security = info_.downstream_tls;
    if (security == nullptr || !security->peerVerified()) return false;
    const network::CertificateFacts* const certificate = security->peerCertificate();
    return certificate != nullptr && match.matches(*certificate);
  }
  bool operator()(const MetadataIs& metadata) const {
    if (info_.dynamic_metadata == nullptr) return false;
    const auto* const found = info_.dynamic_metadata->find(metadata.name_space, metadata.key);
    if (found == nullptr) return false;
    if (const auto* const nested = std::get_if<const MetadataValue*>(found)) {
      const MetadataValue* value = *nested;
      for (const std::string& member : metadata.path) {
        value = value->find(member);
        if (value == nullptr) return false;
      }
      return matchesValue(metadata.value, *value);
    }
    if (!metadata.path.empty()) return false;
    if (const auto* const text = std::get_if<std::string_view>(found)) {
      return metadata.value.matches(*text);
    }
    if (const auto* const number = std::get_if<double>(found)) {
      return matchesNumber(metadata.value, *number);
    }
    return matchesFlag(metadata.value, std::get<bool>(*found));
  }

 private:
  static bool matches(const std::vector<network::NamePattern>& names, std::string_view name) {
    return !name.empty() &&
           std::any_of(names.begin(), names.end(), [name](const network::NamePattern& pattern) {
             return pattern.matches(name);
           });
  }

  const http::RequestHead& head_;
  const http::StreamInfo& info_;
};

}  // namespace

bool Condition::holds(const http::RequestHead& head, const http::StreamInfo& info) const {
  return std::visit(Tester(head, info), test);
}

size_t RuleList::decide(const http::RequestHead& head, const http::StreamInfo& info) const {
  for (size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].condition.holds(head, info)) return i;
  }
  return rules.size();
}

}  // namespace weir::extensions::http_filters::rbac
