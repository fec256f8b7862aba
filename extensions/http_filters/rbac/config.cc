#include "extensions/http_filters/rbac/config.h"

#include <map>
#include <utility>

#include "api/weir/extensions/http_filters/rbac/v1/rbac.pb.h"
#include "extensions/http_filters/common/access/fields.h"
#include "extensions/http_filters/rbac/rbac.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::rbac {
namespace {

using config::Cursor;

constexpr size_t kMaxDepth = 16;
constexpr size_t kMaxNodes = 256;
constexpr int kMaxRules = 1000;
constexpr size_t kMaxBodyBytes = 4096;

// Each element of the repeated field `field` of `at` as `parse` reads it; at least one.
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
template <class List>
void requireSome(const List& list, const Cursor& at) {
  if (list.empty()) at.error("is empty", "write one at least");
}

std::vector<network::NamePattern> readNames(const v1::Texts& from, const Cursor& at) {
  requireSome(from.values(), at.field("values"));
  return readAll<network::NamePattern>(from.values(), &network::NamePattern::parse, at, "values");
}

// Reads trees of conditions, bounded for each rule.
class ConditionReader {
 public:
  Condition read(const v1::Condition& from, const Cursor& at, size_t depth = 0) {
    using By = v1::Condition;
    if (depth == kMaxDepth || ++nodes_ > kMaxNodes) {
      at.error("the tree is too large", "at most 16 levels and 256 conditions");
      return {};
    }
    switch (from.by_case()) {
      case By::kAll:
        return readList(from.all(), Condition::Joint::kAll, at.field("all"), depth);
      case By::kAny:
        return readList(from.any(), Condition::Joint::kAny, at.field("any"), depth);
      case By::kNot: {
        Condition::Branch branch{.joint = Condition::Joint::kNot};
        branch.of.push_back(read(from.not_(), at.field("not"), depth + 1));
        return {std::move(branch)};
      }
      case By::kSource:
        return {readSource(from.source(), false, at.field("source"))};
      case By::kDirectSource:
        return {readSource(from.direct_source(), true, at.field("direct_source"))};
      case By::kHeader:
        return {config::compileHeaderMatch(from.header(), at.field("header"))};
      case By::kQuery:
        return readQuery(from.query(), at);
      case By::kPath:
        return readPath(from.path(), at.field("path"));
      case By::kMethods:
        return readMethods(from.methods(), at.field("methods"));
      case By::kHosts:
        return {HostIn{readNames(from.hosts(), at.field("hosts"))}};
      case By::kDestinationPorts:
        return readPorts(from.destination_ports(), at.field("destination_ports"));
      case By::kServerNames:
        return {ServerNameIn{readNames(from.server_names(), at.field("server_names"))}};
      case By::kClientCertificate:
        return readCertificate(from.client_certificate(), at.field("client_certificate"));
      case By::kMetadata:
        return readMetadata(from.metadata(), at.field("metadata"));
      case By::BY_NOT_SET:
        break;
    }
    at.error("has no condition", "write one, such as `path { prefix: \"/admin\" }`");
    return {};
  }

 private:
  Condition readList(const v1::Conditions& from, Condition::Joint joint, const Cursor& at,
                     size_t depth) {
    requireSome(from.of(), at.field("of"));
    Condition::Branch branch{.joint = joint};
    for (int i = 0; i < from.of_size(); ++i) {
      branch.of.push_back(read(from.of(i), at.at("of", i), depth + 1));
    }
    return {std::move(branch)};
  }
  static SourceIn readSource(const v1::Prefixes& from, bool direct, const Cursor& at) {
    requireSome(from.prefixes(), at.field("prefixes"));
    return {network::CidrSet(readPrefixes(from.prefixes(), at, "prefixes")), direct};
  }
  static Condition readQuery(const config::v1::ParameterMatch& from, const Cursor& at) {
    google::protobuf::RepeatedPtrField<config::v1::ParameterMatch> list;
    *list.Add() = from;
    auto read = config::compileParameterMatches(list, config::ParameterKind::kQuery, at, "query");
    if (read.empty()) return {};
    return {QueryIs{std::move(read.front())}};
  }
  static Condition readPath(const v1::PathMatch& from, const Cursor& at) {
    switch (from.by_case()) {
      case v1::PathMatch::kExact:
        return readPlain(from.exact(), PathIs::Kind::kExact, at, "exact");
      case v1::PathMatch::kPrefix:
        return readPlain(from.prefix(), PathIs::Kind::kPrefix, at, "prefix");
      case v1::PathMatch::kTemplate: {
        auto shape = http::PathTemplate::parse(from.template_());
        if (shape.ok()) return {*std::move(shape)};
        config::report(shape.status(), at.field("template"));
        return {};
      }
      case v1::PathMatch::kRegex: {
        auto regex = base::Regex::compile(from.regex());
        if (regex.ok()) return {*std::move(regex)};
        config::report(regex.status(), at.field("regex"));
        return {};
      }
      case v1::PathMatch::BY_NOT_SET:
        break;
    }
    at.error("has no condition", "give it `exact`, `prefix`, `template` or `regex`");
    return {};
  }
  static Condition readPlain(const std::string& text, PathIs::Kind kind, const Cursor& at,
                             std::string_view field) {
    if (!text.starts_with('/')) at.field(field).error("does not begin with \"/\"");
    return {PathIs{kind, text}};
  }
  static Condition readMethods(const v1::Texts& from, const Cursor& at) {
    requireSome(from.values(), at.field("values"));
    MethodIn to;
    for (int i = 0; i < from.values_size(); ++i) {
      if (!http::isMethod(from.values(i))) {
        at.at("values", i)
            .error(base::concat("\"", from.values(i), "\" is no method"),
                   "write one such as \"GET\"");
      }
      to.methods.push_back(from.values(i));
    }
    return {std::move(to)};
  }
  static Condition readPorts(const v1::Ports& from, const Cursor& at) {
    requireSome(from.ports(), at.field("ports"));
    PortIn to;
    for (int i = 0; i < from.ports_size(); ++i) {
      to.ports.push_back(
          static_cast<uint16_t>(config::readNumber(from.ports(i), {1, 65535}, at.at("ports", i))));
    }
    return {std::move(to)};
  }
  static Condition readCertificate(const v1::ClientCertificate& from, const Cursor& at) {
    using network::NamePattern;
    using network::TextPattern;
    network::CertificateMatch to;
    to.uris = readAll<TextPattern>(from.uris(), &TextPattern::parse, at, "uris");
    to.dns_names = readAll<NamePattern>(from.dns_names(), &NamePattern::parse, at, "dns_names");
    to.sha256 = readAll<std::string>(from.sha256(), &network::parseFingerprint, at, "sha256");
    for (int i = 0; i < from.subjects_size(); ++i) {
      config::require(from.subjects(i), at.at("subjects", i), "write a subject such as \"CN=web\"");
      to.subjects.push_back(from.subjects(i));
    }
    return {std::move(to)};
  }
  static Condition readMetadata(const v1::MetadataMatch& from, const Cursor& at) {
    config::require(from.namespace_(), at.field("namespace"), "usually the name of a filter");
    config::require(from.key(), at.field("key"));
    MetadataIs to;
    to.name_space = from.namespace_();
    to.key = from.key();
    to.path.assign(from.path().begin(), from.path().end());
    if (from.has_value()) to.value = config::compileStringMatch(from.value(), at.field("value"));
    return {std::move(to)};
  }

  size_t nodes_ = 0;
};

RuleList readRules(const google::protobuf::RepeatedPtrField<v1::Rule>& from, const Cursor& at,
                   std::string_view field) {
  RuleList to;
  std::map<std::string, int> names;
  if (from.size() > kMaxRules) at.field(field).error("are too many", "at most 1000");
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
    Condition condition;
    if (rule.has_match()) condition = ConditionReader().read(rule.match(), here.field("match"));
    to.rules.push_back({rule.name(), rule.action() == v1::ACTION_ALLOW, std::move(condition)});
  }
  return to;
}

CountedRules count(RuleList list, stats::Store& store, const std::string& label, bool shadow) {
  CountedRules counted;
  for (size_t rule = 0; rule <= list.rules.size(); ++rule) {
    const stats::Labels labels{{"filter", label},
                               {"rule", std::string(list.nameOf(rule))},
                               {"action", list.allows(rule) ? "allow" : "deny"}};
    counted.decided.push_back(
        shadow ? store.counter("http_rbac_shadow_decisions_total",
                               "Requests that a shadow rule would have decided on.", labels)
               : store.counter("http_rbac_decisions_total", "Requests that a rule decided on.",
                               labels));
  }
  counted.list = std::move(list);
  return counted;
}

std::shared_ptr<const RbacSettings> compileSettings(const v1::Rbac& from, const std::string& label,
                                                    const Cursor& at,
                                                    config::CompileContext& context) {
  const size_t problems = at.diagnostics().list().size();
  RuleList rules = readRules(from.rules(), at, "rules");
  RuleList shadow = readRules(from.shadow_rules(), at, "shadow_rules");
  if (rules.rules.empty() && shadow.rules.empty()) {
    at.field("rules").error("there is no rule", "add one, or remove the filter");
  }
  if (from.shadow_default_action() != v1::ACTION_UNSPECIFIED && shadow.rules.empty()) {
    at.field("shadow_default_action").error("there are no shadow_rules", "add some, or remove it");
  }
  auto to = std::make_shared<RbacSettings>();
  to->status = readErrorStatus(from.status(), to->status, at.field("status"));
  to->body = from.body();
  if (to->body.size() > kMaxBodyBytes) at.field("body").error("is too long", "at most 4096 bytes");
  if (at.diagnostics().list().size() > problems) return nullptr;
  rules.allow_by_default = from.default_action() == v1::ACTION_UNSPECIFIED
                               ? rules.rules.empty()
                               : from.default_action() == v1::ACTION_ALLOW;
  shadow.allow_by_default = from.shadow_default_action() == v1::ACTION_ALLOW;
  to->rules = count(std::move(rules), context.stats, label, false);
  if (!shadow.rules.empty()) to->shadow = count(std::move(shadow), context.stats, label, true);
  return to;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> RbacExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Rbac&>(config);
  std::string label = filterLabel(from.stat_prefix(), context);
  auto settings = compileSettings(from, label, at, context);
  if (settings == nullptr) return nullptr;
  return std::make_shared<RbacFactory>(std::move(settings), std::move(label));
}

std::shared_ptr<const http::RouteFilterConfig> RbacExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const Cursor& at, config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Rbac&>(config);
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  return compileSettings(from, static_cast<const RbacFactory&>(filter).label(), at, context);
}

}  // namespace weir::extensions::http_filters::rbac
