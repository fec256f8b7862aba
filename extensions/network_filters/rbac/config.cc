#include "extensions/network_filters/rbac/config.h"

#include <map>

#include "api/weir/extensions/network_filters/rbac/v1/rbac.pb.h"
#include "extensions/network_filters/rbac/rbac.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::network_filters::rbac {
namespace {

using config::Cursor;

template <class Texts>
std::vector<network::Prefix> readPrefixes(const Texts& from, const Cursor& at,
                                          std::string_view field) {
  std::vector<network::Prefix> to;
  for (int i = 0; i < from.size(); ++i) {
    const auto prefix = network::Prefix::parse(from.Get(i));
    if (prefix.ok()) {
      to.push_back(*prefix);
    } else {
      config::report(prefix.status(), at.at(field, i));
    }
  }
  return to;
}

// Each element of the repeated field `field` of `at` as `parse` reads it.
template <class T, class Texts>
std::vector<T> readAll(const Texts& from, absl::StatusOr<T> (*parse)(std::string_view),
                       const Cursor& at, std::string_view field) {
  std::vector<T> to;
  for (int i = 0; i < from.size(); ++i) {
    auto read = parse(from.Get(i));
    if (read.ok()) {
      to.push_back(*std::move(read));
    } else {
      config::report(read.status(), at.at(field, i));
    }
  }
  return to;
}

CertificateMatch readCertificate(const v1::ClientCertificate& from, const Cursor& at) {
  CertificateMatch to;
  to.uris = readAll<TextPattern>(from.uris(), &TextPattern::parse, at, "uris");
  to.dns_names = readAll<NamePattern>(from.dns_names(), &NamePattern::parse, at, "dns_names");
  to.sha256 = readAll<std::string>(from.sha256(), &network::parseFingerprint, at, "sha256");
  for (int i = 0; i < from.subjects_size(); ++i) {
    config::require(from.subjects(i), at.at("subjects", i), "write a subject such as \"CN=web\"");
    to.subjects.push_back(from.subjects(i));
  }
  return to;
}

Match readMatch(const v1::Match& from, const Cursor& at) {
  Match to;
  to.sources = readPrefixes(from.source_prefixes(), at, "source_prefixes");
  to.direct_sources = readPrefixes(from.direct_source_prefixes(), at, "direct_source_prefixes");
  for (int i = 0; i < from.destination_ports_size(); ++i) {
    to.destination_ports.push_back(static_cast<uint16_t>(
        config::readNumber(from.destination_ports(i), {1, 65535}, at.at("destination_ports", i))));
  }
  to.server_names =
      readAll<NamePattern>(from.server_names(), &NamePattern::parse, at, "server_names");
  if (from.has_client_certificate()) {
    to.certificate = readCertificate(from.client_certificate(), at.field("client_certificate"));
  }
  to.invert = from.invert();
  return to;
}

RuleList readRules(const google::protobuf::RepeatedPtrField<v1::Rule>& from, const Cursor& at,
                   std::string_view field) {
  RuleList to;
  std::map<std::string, int> names;
  for (int i = 0; i < from.size(); ++i) {
    const v1::Rule& rule = from.Get(i);
    const Cursor here = at.at(field, i);
    config::require(rule.name(), here.field("name"), "it stands in statistics and messages");
    config::checkUnique(rule.name(), i, names, "rule", here.field("name"));
    if (rule.name() == "default") {
      here.field("name").error("\"default\" stands for no rule in statistics", "use another name");
    }
    if (rule.action() == v1::ACTION_UNSPECIFIED) {
      here.field("action").error("is required", "use ACTION_ALLOW or ACTION_DENY");
    }
    to.rules.push_back({rule.name(), rule.action() == v1::ACTION_ALLOW,
                        readMatch(rule.match(), here.field("match"))});
  }
  return to;
}

CountedRules count(RuleList list, stats::Store& store, const std::string& name, bool shadow) {
  CountedRules counted;
  for (size_t rule = 0; rule <= list.rules.size(); ++rule) {
    const stats::Labels labels{{"rbac", name},
                               {"rule", std::string(list.nameOf(rule))},
                               {"action", list.allows(rule) ? "allow" : "deny"}};
    counted.decided.push_back(
        shadow
            ? store.counter("rbac_shadow_decisions_total",
                            "Connections that a shadow rule would have decided on.", labels)
            : store.counter("rbac_decisions_total", "Connections that a rule decided on.", labels));
  }
  counted.list = std::move(list);
  return counted;
}

}  // namespace

std::shared_ptr<const network::NetworkFilterFactory> RbacExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Rbac&>(config);
  const size_t problems = at.diagnostics().list().size();
  RuleList rules = readRules(from.rules(), at, "rules");
  RuleList shadow = readRules(from.shadow_rules(), at, "shadow_rules");
  if (rules.rules.empty() && shadow.rules.empty()) {
    at.field("rules").error("there is no rule", "add one, or remove the filter");
  }
  if (from.shadow_default_action() != v1::ACTION_UNSPECIFIED && shadow.rules.empty()) {
    at.field("shadow_default_action").error("there are no shadow_rules", "add some, or remove it");
  }
  if (at.diagnostics().list().size() > problems) return nullptr;
  rules.allow_by_default = from.default_action() == v1::ACTION_UNSPECIFIED
                               ? rules.rules.empty()
                               : from.default_action() == v1::ACTION_ALLOW;
  shadow.allow_by_default = from.shadow_default_action() == v1::ACTION_ALLOW;
  auto to = std::make_shared<RbacConfig>();
  to->name = from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  to->rules = count(std::move(rules), context.stats, to->name, false);
  if (!shadow.rules.empty()) to->shadow = count(std::move(shadow), context.stats, to->name, true);
  return std::make_shared<RbacFactory>(std::move(to));
}

}  // namespace weir::extensions::network_filters::rbac
