#include "extensions/stickiness/header/header.h"

#include <optional>
#include <string_view>

#include "extensions/stickiness/common/learnt_stickiness.h"
#include "source/base/concat.h"
#include "source/http/header_map.h"

namespace weir::extensions::stickiness::header {
namespace {

auto onlyValueOf(const std::string& name) {
  return [name](const http::HeaderMap& headers) -> std::optional<std::string_view> {
    if (headers.count(name) != 1) return std::nullopt;
    return headers.get(name);
  };
}

}  // namespace

std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options) {
  return std::make_shared<LearntStickinessFactory>(
      LearntStickinessFactory::Options{
          .kind = "header",
          .identity = base::concat("header ", options.request_header, " ", options.response_header),
          .limits = options.limits},
      SessionIds{.in_request = onlyValueOf(options.request_header),
                 .in_answer = onlyValueOf(options.response_header),
                 .most_bytes = options.most_bytes,
                 .from_requests = options.from_requests});
}

}  // namespace weir::extensions::stickiness::header
