#include "extensions/http_filters/header_mutation/config.h"

#include <string>
#include <utility>

#include "api/weir/config/v1/header_rules.pb.h"
#include "api/weir/extensions/http_filters/header_mutation/v1/header_mutation.pb.h"
#include "extensions/http_filters/header_mutation/header_mutation.h"
#include "source/base/concat.h"
#include "source/config/header_rules_compiler.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::header_mutation {
namespace {

template <class Values>
void checkTrailers(const Values& values, const config::Cursor& at, std::string_view field) {
  for (int i = 0; i < values.size(); ++i) {
    base::Arena arena;
    http::HeaderMap one(arena);
    one.add(values[i].name(), "");
    if (http::validateTrailers(one).reason == http::ErrorReason::kNone) continue;
    at.at(field, i).error(base::concat("\"", values[i].name(), "\" may not stand in trailers"),
                          "put it on the head");
  }
}

std::shared_ptr<const http::HeaderRules> compileTrailers(const config::v1::HeaderRules& from,
                                                         const config::Cursor& at) {
  checkTrailers(from.set(), at, "set");
  checkTrailers(from.add_if_absent(), at, "add_if_absent");
  checkTrailers(from.append(), at, "append");
  checkTrailers(from.add(), at, "add");
  return config::compileHeaderRules(from, at);
}

std::shared_ptr<Mutations> compileMutations(const v1::HeaderMutation& from,
                                            const config::Cursor& at) {
  auto to = std::make_shared<Mutations>();
  to->request = config::compileHeaderRules(from.request(), at.field("request"));
  to->response = config::compileHeaderRules(from.response(), at.field("response"));
  to->request_trailers = compileTrailers(from.request_trailers(), at.field("request_trailers"));
  to->response_trailers = compileTrailers(from.response_trailers(), at.field("response_trailers"));
  return to;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> HeaderMutationExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::HeaderMutation&>(config);
  auto mutations = compileMutations(from, at);
  mutations->clear_route_cache = from.clear_route_cache();
  if (from.replace()) {
    at.field("replace").error("is for routes", "remove it");
  }
  const std::string label =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const HeaderMutationStats stats{
      .requests = context.stats.counter("header_mutation_requests_total",
                                        "Requests to whose fields rules were applied.",
                                        {{"filter", label}}),
      .responses = context.stats.counter("header_mutation_responses_total",
                                         "Responses to whose fields rules were applied.",
                                         {{"filter", label}}),
  };
  return std::make_shared<HeaderMutationFactory>(std::move(mutations), stats);
}

std::shared_ptr<const http::RouteFilterConfig> HeaderMutationExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::HeaderMutation&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix").error("belongs to the filter, not to a route", "remove it");
  }
  if (from.clear_route_cache()) {
    at.field("clear_route_cache").error("belongs to the filter, not to a route", "remove it");
  }
  auto mutations = compileMutations(from, at);
  mutations->replace = from.replace();
  return mutations;
}

}  // namespace weir::extensions::http_filters::header_mutation
