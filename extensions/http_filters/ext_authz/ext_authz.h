#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::ext_authz {

// Names of fields, in lower case; some as what they begin with. Immutable.
class FieldNames {
 public:
  void add(std::string name) { names_.push_back(std::move(name)); }
  void addPrefix(std::string prefix) { prefixes_.push_back(std::move(prefix)); }
  bool has(std::string_view name) const;
  bool empty() const { return names_.empty() && prefixes_.empty(); }

 private:
  std::vector<std::string> names_;
  std::vector<std::string> prefixes_;
};

// A field of the question. Value.
struct ContextField {
  std::string name;
  std::string value;
};

// Immutable.
struct ExtAuthzRoute final : http::RouteFilterConfig {
  std::vector<ContextField> context;
};

// What the filter counts. Value.
struct ExtAuthzStats {
  stats::CounterId allowed;
  stats::CounterId denied;
  stats::CounterId failed;
  stats::CounterId failed_open;
  stats::CounterId too_large;
};

// The configuration, validated. Immutable.
struct ExtAuthzConfig {
  std::string cluster;
  std::string authority;    // empty: the request's
  std::string path_prefix;  // in front of the request's
  std::string path;         // empty: path_prefix and the request's
  std::string method;       // empty: the request's
  std::chrono::milliseconds timeout{1000};
  FieldNames request_fields;
  std::vector<ContextField> context;
  size_t max_body_bytes = 0;
  bool allow_partial_body = false;
  FieldNames upstream_fields;
  FieldNames appended_fields;
  FieldNames client_fields;
  FieldNames denied_fields;
  bool allow_on_failure = false;
  uint16_t failure_status = 503;
  std::string metadata_field;
  bool clear_route_cache = false;
  ExtAuthzStats stats{};
};

// Immutable.
class ExtAuthzFactory final : public http::HttpFilterFactory {
 public:
  explicit ExtAuthzFactory(std::shared_ptr<const ExtAuthzConfig> config)
      : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const ExtAuthzConfig> config_;
};

}  // namespace weir::extensions::http_filters::ext_authz
