#include "extensions/stickiness/tls_session/tls_session.h"

#include "extensions/stickiness/common/table_stickiness.h"
#include "source/upstream/hash_policy.h"

namespace weir::extensions::stickiness::tls_session {

std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options) {
  const upstream::HashPolicy policy({{.kind = upstream::HashKey::Kind::kTlsSession}});
  return std::make_shared<TableStickinessFactory>(
      TableStickinessFactory::Options{.kind = "tls_session",
                                      .identity = "tls_session",
                                      .serves_connections = true,
                                      .limits = options.limits},
      [policy](const upstream::PickContext& context) { return policy.hash(context); });
}

}  // namespace weir::extensions::stickiness::tls_session
