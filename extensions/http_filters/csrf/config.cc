#include "extensions/http_filters/csrf/config.h"

#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/csrf/v1/csrf.pb.h"
#include "extensions/http_filters/csrf/csrf.h"
#include "source/config/match_compiler.h"

namespace weir::extensions::http_filters::csrf {
namespace {

std::shared_ptr<const CsrfPolicy> compilePolicy(const v1::Csrf& from, const config::Cursor& at) {
  auto policy = std::make_shared<CsrfPolicy>();
  policy->additional_origins =
      config::compileStringMatches(from.additional_origins(), at, "additional_origins");
  if (from.has_enforced()) {
    policy->enforced = config::compileFraction(from.enforced(), at.field("enforced"));
  }
  policy->shadow = from.shadow();
  if (from.shadow() && from.has_enforced()) {
    at.field("enforced").error("has no effect beside shadow", "give only one of them");
  }
  return policy;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> CsrfExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Csrf&>(config);
  const std::string label =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto denied = [&](std::string_view reason) {
    return context.stats.counter("csrf_denied_total",
                                 "Requests refused because another site may have sent them.",
                                 {{"filter", label}, {"reason", std::string(reason)}});
  };
  const CsrfStats stats{
      .allowed = context.stats.counter("csrf_allowed_total",
                                       "Requests that came from where they may come from.",
                                       {{"filter", label}}),
      .missing = denied("no_origin"),
      .foreign = denied("foreign_origin"),
      .shadow_denied = context.stats.counter(
          "csrf_shadow_denied_total",
          "Requests that passed because of `shadow` or `enforced`, but would be refused.",
          {{"filter", label}}),
  };
  return std::make_shared<CsrfFactory>(compilePolicy(from, at), stats);
}

std::shared_ptr<const http::RouteFilterConfig> CsrfExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::Csrf&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix").error("belongs to the filter, not to a route", "remove it");
  }
  return compilePolicy(from, at);
}

}  // namespace weir::extensions::http_filters::csrf
