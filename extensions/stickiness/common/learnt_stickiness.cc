#include "extensions/stickiness/common/learnt_stickiness.h"

#include "extensions/stickiness/common/sticky_tables.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::stickiness {

using upstream::PickContext;
using upstream::StickyAnswer;
using upstream::StickyHost;
using upstream::StickyRequest;
using Outcome = StickyRequest::Outcome;

uint64_t LearntStickiness::keyOf(std::optional<std::string_view> id) const {
  const bool counts = id && !id->empty() && id->size() <= ids_.most_bytes;
  return counts ? table_->keyOf(*id) : 0;
}

StickyAnswer LearntStickiness::find(const PickContext& context, StickyRequest& request) {
  if (context.request == nullptr) return {};
  request.key = keyOf(ids_.in_request(context.request->headers));
  if (request.key == 0) return {};
  const uint64_t uid = request.only_look ? table_->look(request.key, context.now)
                                         : table_->find(request.key, context.now).uid;
  return uid == 0 ? StickyAnswer() : StickyAnswer::bound(uid);
}

// An id that is known moves to the endpoint that is asked instead.
uint64_t LearntStickiness::onChosen(const PickContext& context, StickyRequest& request,
                                    const StickyHost& host) {
  if (request.key == 0 || request.outcome == Outcome::kFollowed) return 0;
  if (request.found == 0 && !ids_.from_requests) return 0;
  const uint64_t bound =
      table_->bind(request.key, host.uid(), host.usage, request.found, context.now);
  if (bound == host.uid() && request.found == 0) cluster_.stickyCells().bound.add();
  return bound;
}

// One that only repeats the request's id does not take it away from where it belongs.
void LearntStickiness::onAnswer(const PickContext&, StickyRequest& request, const StickyHost& host,
                                http::ResponseHead& head) {
  const uint64_t key = keyOf(ids_.in_answer(head.headers));
  if (key == 0 || (key == request.key && request.outcome == Outcome::kElsewhere)) return;
  const auto now = cluster_.io().dispatcher().now();
  if (!table_->put(key, host.uid(), host.usage, now)) cluster_.stickyCells().bound.add();
}

std::unique_ptr<upstream::Stickiness> LearntStickinessFactory::create(
    const upstream::StickinessContext& context) const {
  return std::make_unique<LearntStickiness>(
      ids_, stickyTable(context, options_.identity, options_.limits), context.cluster);
}

}  // namespace weir::extensions::stickiness
