#include "extensions/stickiness/uri/uri.h"

#include <optional>
#include <utility>

#include "extensions/stickiness/common/table_stickiness.h"
#include "source/base/concat.h"
#include "source/base/hash.h"
#include "source/http/message.h"
#include "source/upstream/hash_policy.h"

namespace weir::extensions::stickiness::uri {
namespace {

ClientHash hashOf(const Options& options) {
  if (!options.parameter.empty()) {
    upstream::HashPolicy policy(
        {{.kind = upstream::HashKey::Kind::kQueryParameter, .name = options.parameter}});
    return [policy = std::move(policy)](const upstream::PickContext& context) {
      return policy.hash(context);
    };
  }
  const uint32_t segments = options.segments;
  return [segments](const upstream::PickContext& context) -> std::optional<uint64_t> {
    if (context.request == nullptr || context.request->path.empty()) return std::nullopt;
    return base::hash64(leadingSegments(context.request->pathWithoutQuery(), segments));
  };
}

}  // namespace

std::string_view leadingSegments(std::string_view path, uint32_t segments) {
  if (segments == 0 || path.empty()) return path;
  size_t end = 0;  // of the last segment that counts
  for (uint32_t i = 0; i < segments && end != std::string_view::npos; ++i) {
    end = path.find('/', end + 1);
  }
  return path.substr(0, end);
}

std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options) {
  return std::make_shared<TableStickinessFactory>(
      TableStickinessFactory::Options{
          .kind = "uri",
          .identity = options.parameter.empty() ? base::concat("uri path ", options.segments)
                                                : base::concat("uri parameter ", options.parameter),
          .limits = options.limits},
      hashOf(options));
}

}  // namespace weir::extensions::stickiness::uri
