#pragma once

#include <string>

#include "extensions/http_filters/cache/cache_store.h"
#include "source/base/shared_states.h"
#include "source/config/extensions.h"

namespace weir::extensions::http_filters::cache {

// Registers http_filters/cache. Main-thread only, for the stores that it knows by their names.
class CacheExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "cache"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.cache.v1.Cache";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
  config::FilterOrder order(const google::protobuf::Message& config) const override;

 private:
  mutable base::SharedStates<CacheStore> stores_;
};

}  // namespace weir::extensions::http_filters::cache
