#include "source/config/route_match_compiler.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/regex.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/http/path_template.h"
#include "source/http/semantics.h"

namespace weir::config {
namespace {

constexpr int kMostMethods = 64;
constexpr int kMostPrefixes = 4096;
constexpr int kMostServerNames = 256;
constexpr int kMostMetadata = 64;
constexpr int kMostMetadataNames = 16;

// ---- paths ------------------------------------------------------------------------------------

// A path that a request could have: what is matched has no query.
void checkPath(std::string_view path, const Cursor& at) {
  if (!path.starts_with('/')) {
    at.error("a path begins with \"/\"",
             base::concat("write \"", path.starts_with('*') ? "/" : base::concat("/", path), "\""));
  } else if (path.find_first_of("?#") != std::string_view::npos) {
    at.error("would never match: the query is not part of what is matched",
             base::concat("write \"", path.substr(0, path.find_first_of("?#")), "\""));
  } else if (!http::isTarget(path)) {
    at.error("would never match: a path has no spaces or control characters",
             "write them percent-encoded");
  }
}

void checkRegex(const std::string& pattern, bool ignore_case, const Cursor& at) {
  const auto regex = base::Regex::compile(ignore_case ? base::concat("(?i)", pattern) : pattern);
  if (!regex.ok()) report(regex.status(), at);
}

void checkTemplate(const std::string& text, const Cursor& at) {
  const auto parsed = http::PathTemplate::parse(text);
  if (!parsed.ok()) report(parsed.status(), at);
}

// ---- contradictions ---------------------------------------------------------------------------

std::string_view suggestedMethod(std::string_view method) {
  static constexpr std::string_view kMethods[] = {"GET",     "HEAD",  "POST",    "PUT",  "DELETE",
                                                  "OPTIONS", "PATCH", "CONNECT", "TRACE"};
  for (const std::string_view known : kMethods) {
    if (known != method && base::equalsIgnoreCase(known, method)) return known;
  }
  return {};
}

std::vector<std::string> compileMethods(const v1::RouteMatch& from, const Cursor& at) {
  if (from.methods_size() > kMostMethods) {
    at.field("methods").error("has more than 64 methods", "leave methods out for all");
  }
  std::vector<std::string> methods;
  std::map<std::string, int> seen;
  for (int i = 0; i < from.methods_size(); ++i) {
    const std::string& method = from.methods(i);
    const Cursor here = at.at("methods", i);
    if (!http::isToken(method)) {
      here.error(base::concat("would never match: \"", method, "\" is no method"),
                 "write \"GET\", \"POST\" and so on");
    } else if (const auto known = suggestedMethod(method); !known.empty()) {
      here.error("would never match: methods are case-sensitive",
                 base::concat("write \"", known, "\""));
    }
    checkUnique(method, i, seen, "method", here);
    methods.push_back(method);
  }
  return methods;
}

// One thing cannot be two texts at once.
template <class Matcher>
void checkContradictions(const std::vector<Matcher>& matchers, const Cursor& at,
                         std::string_view field) {
  std::map<std::string_view, std::string_view> values;
  for (size_t i = 0; i < matchers.size(); ++i) {
    const auto only = matchers[i].text().only();
    if (!only || matchers[i].inverted()) continue;
    const auto [other, added] = values.emplace(matchers[i].name(), *only);
    if (added || other->second == *only) continue;
    at.at(field, static_cast<int>(i))
        .error(base::concat("would never match: ", matchers[i].name(), " has to be \"",
                            other->second, "\" and \"", *only, "\""),
               "remove one, or make it a regex: \"a|b\"");
  }
}

// ---- where from, and how ----------------------------------------------------------------------

router::SourceCondition compileSource(const v1::SourceMatch& from, const Cursor& at) {
  if (from.prefixes_size() == 0) {
    at.field("prefixes").error("is required", "write \"10.0.0.0/8\"");
  }
  if (from.prefixes_size() > kMostPrefixes) {
    at.field("prefixes").error("has more than 4096 prefixes", "use http_filters/ip_filter");
  }
  router::SourceCondition condition;
  std::vector<network::Prefix> prefixes;
  for (int i = 0; i < from.prefixes_size(); ++i) {
    const auto prefix = network::Prefix::parse(from.prefixes(i));
    if (!prefix.ok()) {
      report(prefix.status(), at.at("prefixes", i));
      continue;
    }
    prefixes.push_back(*prefix);
    if (i > 0) condition.text += ", ";
    condition.text += prefix->toString();
  }
  condition.prefixes = network::CidrSet(prefixes);
  condition.invert = from.invert();
  condition.direct = from.direct();
  return condition;
}

void checkServerName(std::string_view name, const Cursor& at) {
  const std::string_view host = name.starts_with("*.") ? name.substr(2) : name;
  if (host.empty() || !http::isAuthority(host) ||
      host.find_first_of(":[*") != std::string_view::npos) {
    at.error(base::concat("would never match: \"", name, "\" is no server name"),
             "write \"shop.example\" or \"*.shop.example\"");
  }
}

router::TlsCondition compileTls(const v1::TlsMatch& from, const Cursor& at) {
  router::TlsCondition condition;
  if (from.has_secured()) condition.secured = from.secured();
  if (from.has_certificate_presented()) {
    condition.certificate_presented = from.certificate_presented();
  }
  if (from.has_certificate_validated()) {
    condition.certificate_validated = from.certificate_validated();
  }
  if (from.server_names_size() > kMostServerNames) {
    at.field("server_names").error("has more than 256 names", "divide it among routes");
  }
  for (int i = 0; i < from.server_names_size(); ++i) {
    checkServerName(from.server_names(i), at.at("server_names", i));
    condition.server_names.push_back(base::lowered(from.server_names(i)));
  }
  condition.subject_alt_names =
      compileStringMatches(from.subject_alt_names(), at, "subject_alt_names");
  const bool more = condition.certificate_presented || condition.certificate_validated ||
                    !condition.server_names.empty() || !condition.subject_alt_names.empty();
  if (!condition.secured && !more) {
    at.error("says nothing", "write secured: true, or remove it");
  } else if (!condition.secured) {
    condition.secured = true;
  } else if (!*condition.secured && more) {
    at.field("secured").error("would never match: a plain connection has nothing of TLS",
                              "remove it, or all else here");
  }
  const bool wants_names = !condition.subject_alt_names.empty();
  const bool not_presented = condition.certificate_presented == false;
  const bool validated = condition.certificate_validated == true || wants_names;
  if (not_presented && validated) {
    at.field("certificate_presented")
        .error("would never match: what is not presented is not validated", "write true");
  } else if (wants_names && condition.certificate_validated == false) {
    at.field("certificate_validated")
        .error("would never match: only names of a validated certificate count", "write true");
  }
  return condition;
}

// ---- metadata ---------------------------------------------------------------------------------

router::MetadataCondition compileMetadata(const v1::MetadataMatch& from, const Cursor& at) {
  router::MetadataCondition condition;
  require(from.namespace_(), at.field("namespace"), "name the filter that sets it");
  condition.name_space = from.namespace_();
  condition.invert = from.invert();
  condition.path.assign(from.path().begin(), from.path().end());
  if (condition.path.empty()) {
    at.field("path").error("is required", "name the key that the filter sets");
    condition.path.emplace_back();
  } else if (condition.path.size() > kMostMetadataNames) {
    at.field("path").error("has more than 16 names", "shorten it");
  }
  for (int i = 0; i < from.path_size(); ++i) require(from.path(i), at.at("path", i));
  switch (from.by_case()) {
    case v1::MetadataMatch::kText:
      condition.text = compileStringMatch(from.text(), at.field("text"));
      break;
    case v1::MetadataMatch::kNumber:
      condition.number = from.number();
      break;
    case v1::MetadataMatch::kBoolean:
      condition.boolean = from.boolean();
      break;
    case v1::MetadataMatch::kPresent:
      condition.invert = from.invert() == from.present();
      break;
    case v1::MetadataMatch::BY_NOT_SET:
      break;
  }
  return condition;
}

bool asksForMore(const v1::RouteMatch& from) {
  return from.methods_size() + from.headers_size() + from.query_parameters_size() +
                 from.cookies_size() + from.dynamic_metadata_size() >
             0 ||
         from.has_source() || from.has_tls() || from.has_fraction() || from.has_grpc();
}

void checkGrpc(const router::RouteConditions& conditions, const Cursor& at) {
  const auto& methods = conditions.methods;
  if (conditions.grpc != true || methods.empty()) return;
  if (std::find(methods.begin(), methods.end(), "POST") != methods.end()) return;
  at.field("grpc").error("would never match: the method of gRPC calls is POST",
                         "add it to methods, or remove these");
}

}  // namespace

router::PathMatch compilePathMatch(const v1::RouteMatch& from, const Cursor& at) {
  using Kind = router::PathMatch::Kind;
  const bool any_case = from.ignore_case();
  switch (from.by_case()) {
    case v1::RouteMatch::kPath:
      checkPath(from.path(), at.field("path"));
      return {Kind::kExact, from.path(), any_case};
    case v1::RouteMatch::kPrefix:
      checkPath(from.prefix(), at.field("prefix"));
      return {Kind::kPrefix, from.prefix(), any_case};
    case v1::RouteMatch::kSegmentPrefix:
      checkPath(from.segment_prefix(), at.field("segment_prefix"));
      return {Kind::kSegmentPrefix, from.segment_prefix(), any_case};
    case v1::RouteMatch::kRegex:
      checkRegex(from.regex(), any_case, at.field("regex"));
      return {Kind::kRegex, from.regex(), any_case};
    case v1::RouteMatch::kPathTemplate:
      checkTemplate(from.path_template(), at.field("path_template"));
      return {Kind::kTemplate, from.path_template(), any_case};
    case v1::RouteMatch::BY_NOT_SET:
      break;
  }
  if (any_case) {
    at.field("ignore_case").error("has no effect: no path is compared", "remove it");
  }
  return {Kind::kPrefix, "/"};
}

std::shared_ptr<const router::RouteConditions> compileRouteConditions(const v1::RouteMatch& from,
                                                                      const Cursor& at) {
  if (!asksForMore(from)) return nullptr;
  auto conditions = std::make_shared<router::RouteConditions>();
  conditions->methods = compileMethods(from, at);
  conditions->headers = compileHeaderMatches(from.headers(), at, "headers");
  checkContradictions(conditions->headers, at, "headers");
  conditions->query = compileParameterMatches(from.query_parameters(), ParameterKind::kQuery, at,
                                              "query_parameters");
  checkContradictions(conditions->query, at, "query_parameters");
  conditions->cookies =
      compileParameterMatches(from.cookies(), ParameterKind::kCookie, at, "cookies");
  checkContradictions(conditions->cookies, at, "cookies");
  if (from.has_source()) conditions->source = compileSource(from.source(), at.field("source"));
  if (from.has_tls()) conditions->tls = compileTls(from.tls(), at.field("tls"));
  if (from.has_grpc()) conditions->grpc = from.grpc();
  checkGrpc(*conditions, at);
  if (from.dynamic_metadata_size() > kMostMetadata) {
    at.field("dynamic_metadata").error("has more than 64 conditions", "leave some out");
  }
  for (int i = 0; i < from.dynamic_metadata_size(); ++i) {
    conditions->metadata.push_back(
        compileMetadata(from.dynamic_metadata(i), at.at("dynamic_metadata", i)));
  }
  if (from.has_fraction()) {
    conditions->fraction = compileFraction(from.fraction(), at.field("fraction"));
  }
  return conditions;
}

}  // namespace weir::config
