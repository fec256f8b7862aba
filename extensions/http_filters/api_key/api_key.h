#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/api_key/key_table.h"
#include "extensions/http_filters/common/access/credentials.h"
#include "extensions/http_filters/common/access/shared_slot.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::api_key {

// Immutable.
struct ApiKeyRoute final : http::RouteFilterConfig {
  std::vector<std::string> allowed;  // sorted; empty: all
};

// What the filter counts. Value.
struct ApiKeyStats {
  stats::CounterId allowed;
  stats::CounterId missing;
  stats::CounterId unknown;
  stats::CounterId forbidden;
};

// The configuration, validated. Immutable, but for the keys, which follow their files.
struct ApiKeyConfig {
  SharedSlot<KeyTable> keys;
  std::vector<CredentialPlace> places;
  bool forward = false;
  std::string client_header;
  std::vector<std::string> allowed;  // sorted; empty: all
  ApiKeyStats stats{};
};

// Immutable.
class ApiKeyFactory final : public http::HttpFilterFactory {
 public:
  explicit ApiKeyFactory(std::shared_ptr<const ApiKeyConfig> config) : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const ApiKeyConfig> config_;
};

}  // namespace weir::extensions::http_filters::api_key
