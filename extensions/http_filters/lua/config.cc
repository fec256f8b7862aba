#include "extensions/http_filters/lua/config.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/weir/extensions/http_filters/lua/v1/lua.pb.h"
#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/base/concat.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"
#include "source/config/lua_script.h"
#include "source/config/metadata_compiler.h"

namespace weir::extensions::http_filters::lua {
namespace {

constexpr uint32_t kMaxBodyBytes = 1U << 30;
constexpr int kMaxSources = 1000;

std::shared_ptr<weir::lua::Script> compileScript(const config::v1::LuaScript& from,
                                                 std::string_view name, const config::Cursor& at,
                                                 config::CompileContext& context) {
  return config::compileLuaScript(from,
                                  {.default_name = name,
                                   .entry_points = entryPointNames(),
                                   .modules = {std::make_shared<LuaModule>()}},
                                  at, context);
}

// In the order of their names, so that messages have one too.
void compileSources(const v1::Lua& from, const config::Cursor& at, config::CompileContext& context,
                    LuaSettings& to) {
  const config::Cursor inside = at.field("sources");
  if (from.sources_size() > kMaxSources) inside.error("are too many", "at most 1000");
  std::vector<std::string> names;
  for (const auto& [name, script] : from.sources()) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (!config::require(name, inside, "give the source a key: routes choose it by that")) continue;
    auto script = compileScript(from.sources().at(name), name, inside, context);
    if (script != nullptr) to.sources.emplace_back(name, std::move(script));
  }
}

// `name`, unless it is empty, is one of the filter's sources.
bool checkSource(const std::string& name, const LuaSettings& settings, const config::Cursor& at) {
  if (name.empty()) return true;
  std::vector<std::string> names;
  for (const auto& [known, script] : settings.sources) names.push_back(known);
  if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  at.error(base::concat("the filter has no source \"", name, "\""),
           names.empty() ? "add it to the filter's `sources`" : config::suggestion(name, names));
  return false;
}

void refuseInRoute(bool there, const config::Cursor& at) {
  if (there) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> LuaExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Lua&>(config);
  LuaSettings settings;
  if (!from.source().empty()) {
    at.field("source").error("belongs to a route's settings of the filter", "leave it out here");
  }
  if (from.has_filter_context()) {
    at.field("filter_context")
        .error("belongs to a route's settings of the filter", "leave it out here");
  }
  if (!from.has_script() && from.sources().empty()) {
    at.error("has no script", "write `script { file: \"…\" }`, or `sources` for routes");
    return nullptr;
  }
  settings.clears_route_cache = !from.keep_route();
  settings.max_body_bytes =
      static_cast<uint32_t>(config::readNumberOr(from.max_body_bytes(), settings.max_body_bytes,
                                                 {1, kMaxBodyBytes}, at.field("max_body_bytes")));
  settings.metadata_namespace = from.metadata_namespace();
  if (from.has_script()) {
    settings.script = compileScript(from.script(), "lua", at.field("script"), context);
    if (settings.script == nullptr) return nullptr;
  }
  compileSources(from, at, context, settings);
  return std::make_shared<LuaFilterFactory>(std::move(settings));
}

std::shared_ptr<const http::RouteFilterConfig> LuaExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const config::Cursor& at, config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Lua&>(config);
  refuseInRoute(!from.sources().empty(), at.field("sources"));
  refuseInRoute(from.keep_route(), at.field("keep_route"));
  refuseInRoute(from.max_body_bytes() != 0, at.field("max_body_bytes"));
  refuseInRoute(!from.metadata_namespace().empty(), at.field("metadata_namespace"));
  if (from.has_script() && !from.source().empty()) {
    at.field("source").error("stands beside `script`", "leave one of them out");
    return nullptr;
  }
  const LuaSettings& settings = static_cast<const LuaFilterFactory&>(filter).settings();
  if (!checkSource(from.source(), settings, at.field("source"))) return nullptr;
  auto to = std::make_shared<LuaRoute>();
  to->source = from.source();
  if (from.has_script()) {
    to->script = compileScript(from.script(), "lua", at.field("script"), context);
    if (to->script == nullptr) return nullptr;
  }
  if (from.has_filter_context()) {
    google::protobuf::Map<std::string, google::protobuf::Struct> contexts;
    contexts["filter_context"] = from.filter_context();
    to->context = config::compileMetadata(contexts, at.field("filter_context"));
    if (to->context == nullptr) return nullptr;
  }
  return to;
}

}  // namespace weir::extensions::http_filters::lua
