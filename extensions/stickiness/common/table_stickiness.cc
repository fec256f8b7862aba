#include "extensions/stickiness/common/table_stickiness.h"

#include "extensions/stickiness/common/sticky_tables.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::stickiness {

using upstream::PickContext;
using upstream::StickyAnswer;
using upstream::StickyHost;
using upstream::StickyRequest;

StickyAnswer TableStickiness::find(const PickContext& context, StickyRequest& request) {
  // Anew each time: a session may have come to another table since.
  const std::optional<uint64_t> hash = hash_(context);
  request.key = hash ? table_->keyOf(*hash) : 0;
  if (!hash) return {};
  const uint64_t uid = request.only_look ? table_->look(request.key, context.now)
                                         : table_->find(request.key, context.now).uid;
  return uid == 0 ? StickyAnswer() : StickyAnswer::bound(uid);
}

uint64_t TableStickiness::onChosen(const PickContext& context, StickyRequest& request,
                                   const StickyHost& host) {
  if (request.key == 0 || request.outcome == StickyRequest::Outcome::kFollowed) return 0;
  const uint64_t bound =
      table_->bind(request.key, host.uid(), host.usage, request.found, context.now);
  if (bound == host.uid() && request.found == 0) cluster_.stickyCells().bound.add();
  return bound;
}

std::unique_ptr<upstream::Stickiness> TableStickinessFactory::create(
    const upstream::StickinessContext& context) const {
  return std::make_unique<TableStickiness>(
      hash_, stickyTable(context, options_.identity, options_.limits), context.cluster);
}

}  // namespace weir::extensions::stickiness
