#include "extensions/http_filters/cors/config.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/cors/v1/cors.pb.h"
#include "extensions/http_filters/cors/cors.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::cors {
namespace {

constexpr std::string_view kAll = "*";

void compileOrigins(const v1::Cors& from, const config::Cursor& at, CorsPolicy& to) {
  if (from.allow_origins().empty()) {
    at.field("allow_origins")
        .error("allows nobody", "write allow_origins { exact: \"https://shop.example\" }");
  }
  for (int i = 0; i < from.allow_origins_size(); ++i) {
    const config::Cursor here = at.at("allow_origins", i);
    http::TextMatcher matcher = config::compileStringMatch(from.allow_origins(i), here);
    const auto only = matcher.only();
    to.any_origin |= only == kAll;
    to.null_origin |= only == "null";
    // Neither is anybody's: who matches both matches all.
    const bool all = only == kAll || (matcher.matches("https://a1.probe.invalid") &&
                                      matcher.matches("http://[2001:db8::7]:8081"));
    if (from.allow_credentials() && (all || only == "null")) {
      here.error("with allow_credentials every page could act for its visitors",
                 "name the origins, or remove allow_credentials");
    }
    if (only && only != kAll && only != "null" && only->find("://") == std::string_view::npos) {
      here.error(base::concat("\"", *only, "\" is no origin"),
                 base::concat("write \"https://", *only, "\""));
    }
    if (only && only->find("://") != std::string_view::npos &&
        only->find('/', only->find("://") + 3) != std::string_view::npos) {
      here.error(
          base::concat("\"", *only, "\" has a path, and origins have none"),
          base::concat("write \"", only->substr(0, only->find('/', only->find("://") + 3)), "\""));
    }
    to.origins.push_back(std::move(matcher));
  }
}

// "a, b"; "*" stands alone, or beside names that it does not cover.
template <class Texts>
std::string joined(const Texts& texts, const config::Cursor& at, std::string_view field) {
  std::string all;
  for (int i = 0; i < texts.size(); ++i) {
    if (!http::isToken(texts[i])) {
      at.at(field, i).error(base::concat("\"", texts[i], "\" is not a name"),
                            "use letters, digits, \"-\" and \"_\", or \"*\" for all");
    }
    all += (all.empty() ? "" : ", ") + texts[i];
  }
  return all;
}

std::shared_ptr<const CorsPolicy> compilePolicy(const v1::Cors& from, const config::Cursor& at) {
  auto policy = std::make_shared<CorsPolicy>();
  compileOrigins(from, at, *policy);
  policy->credentials = from.allow_credentials();
  policy->private_network = from.allow_private_network();
  policy->shadow = from.shadow();
  if (!from.allow_methods().empty()) {
    policy->methods = joined(from.allow_methods(), at, "allow_methods");
  }
  policy->headers = joined(from.allow_headers(), at, "allow_headers");
  policy->expose = joined(from.expose_headers(), at, "expose_headers");
  const auto& exposed = from.expose_headers();
  if (from.allow_credentials() &&
      std::find(exposed.begin(), exposed.end(), kAll) != exposed.end()) {
    at.field("expose_headers")
        .error("\"*\" means nothing with allow_credentials", "name the fields");
  }
  if (from.has_max_age()) {
    const auto age = config::readDuration(&from.max_age(), {}, {std::chrono::milliseconds(0)},
                                          at.field("max_age"));
    policy->max_age = base::concat(std::chrono::duration_cast<std::chrono::seconds>(age).count());
  }
  return policy;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> CorsExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Cors&>(config);
  const std::string label =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", label}});
  };
  const CorsStats stats{
      .allowed = counter("cors_origin_allowed_total", "Requests with an Origin that may read."),
      .denied = counter("cors_origin_denied_total", "Requests with an Origin that may not read."),
      .preflights = counter("cors_preflights_total", "Preflights, whatever came of them."),
  };
  return std::make_shared<CorsFactory>(compilePolicy(from, at), stats);
}

std::shared_ptr<const http::RouteFilterConfig> CorsExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::Cors&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix").error("belongs to the filter, not to a route", "remove it");
  }
  return compilePolicy(from, at);
}

}  // namespace weir::extensions::http_filters::cors
