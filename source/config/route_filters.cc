// What routes and virtual hosts say of HTTP filters.

#include <utility>

#include "api/weir/config/v1/extension.pb.h"
#include "api/weir/config/v1/route.pb.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

// The position of the filter that `name` names, or nothing after saying why there is none.
std::optional<uint32_t> positionOf(std::string_view name,
                                   std::span<const Compiler::HttpFilter> filters,
                                   const Cursor& at) {
  std::optional<uint32_t> found;
  std::vector<std::string> names;
  for (uint32_t i = 0; i < filters.size(); ++i) {
    names.push_back(filters[i].name);
    if (filters[i].name != name) continue;
    if (found) {
      at.error(base::concat("several http_filters are named \"", name, "\""),
               "give each a name of its own");
      return std::nullopt;
    }
    found = i;
  }
  if (found) return found;
  at.error(base::concat("there is no \"", name, "\" among the http_filters"),
           names.empty() ? "the connection manager has none" : suggestion(name, names));
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const http::RouteFilterConfig> HttpFilterExtension::compileRoute(
    const google::protobuf::Message&, const http::HttpFilterFactory&, const Cursor& at,
    CompileContext&) const {
  at.error(base::concat("http_filters/", name(), " has no settings for routes"),
           "remove them, or write disabled: true");
  return nullptr;
}

std::optional<http::RouteFilter> Compiler::routeFilter(const v1::RouteFilter& from,
                                                       std::span<const HttpFilter> filters,
                                                       const Cursor& at, CompileContext& context) {
  if (!require(from.name(), at.field("name"), "name a filter of http_filters")) return std::nullopt;
  const auto position = positionOf(from.name(), filters, at.field("name"));
  if (!position) return std::nullopt;
  if (from.settings_case() == v1::RouteFilter::kDisabled) {
    if (!from.disabled()) {
      at.field("disabled")
          .error("says nothing: a filter is not disabled unless a route says so",
                 "write true, or remove it");
    }
    return http::RouteFilter{.position = *position, .disabled = from.disabled()};
  }
  if (from.settings_case() != v1::RouteFilter::kConfig) {
    at.error(base::concat("says nothing of \"", from.name(), "\""),
             "give it disabled: true or a config");
    return std::nullopt;
  }
  v1::Extension settings;
  *settings.mutable_config() = from.config();
  const auto resolved = resolve<HttpFilterExtension>(settings, at);
  const HttpFilter& own = filters[*position];
  const HttpFilterExtension* const filter = own.extension;
  if (!resolved || filter == nullptr) return std::nullopt;
  if (resolved.extension != filter) {
    at.field("config").error(
        base::concat("\"", from.name(), "\" is an http_filters/", filter->name(),
                     ", and these are ", "settings of http_filters/", resolved.extension->name()),
        base::concat("write config { [http_filters/", filter->name(), "] { … } }"));
    return std::nullopt;
  }
  if (own.factory == nullptr) return std::nullopt;  // what is wrong has been said
  auto config = filter->compileRoute(*resolved.config, *own.factory, at.field("config"), context);
  if (config == nullptr) return std::nullopt;
  return http::RouteFilter{.position = *position, .config = std::move(config)};
}

}  // namespace weir::config
