#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "extensions/http_filters/body_matcher/json_values.h"
#include "source/base/regex.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::body_matcher {

// What the filter counts. Immutable.
struct BodyMatcherStats {
  stats::CounterId read;
  stats::CounterId too_large;
  stats::CounterId malformed;
  stats::CounterId overflow;
};

// The configuration, validated, of the filter or of a route. Immutable.
struct BodyMatcherOptions final : public http::RouteFilterConfig {
  // Somewhere in the body.
  struct TextValue {
    std::string key;
    std::string contains = {};
    std::optional<base::Regex> regex = {};  // instead of that
  };
  struct MediaType {
    std::string type;         // in lower case
    std::string suffix = {};  // "application/*+json": begins with `type` and ends so
    bool matches(std::string_view media_type) const;
  };

  std::vector<TextValue> texts = {};
  std::vector<std::string> json_keys = {};
  std::vector<JsonPointer> pointers = {};  // as json_keys
  std::vector<MediaType> content_types = {};
  uint32_t max_bytes = 64 * 1024;
  bool refuse_too_large = false;
  bool refuse_malformed = false;
  std::string metadata_namespace = "body_matcher";
};

// Binds the options to a worker. Immutable.
class BodyMatcherFilterFactory final : public http::HttpFilterFactory {
 public:
  BodyMatcherFilterFactory(std::shared_ptr<const BodyMatcherOptions> options,
                           const BodyMatcherStats& stats)
      : options_(std::move(options)), stats_(stats) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const BodyMatcherOptions> options_;
  const BodyMatcherStats stats_;
};

}  // namespace weir::extensions::http_filters::body_matcher
