#include "extensions/stickiness/store/store.h"

#include <atomic>
#include <optional>
#include <utility>

#include "extensions/stickiness/common/sticky_tables.h"
#include "source/base/concat.h"
#include "source/base/string_map.h"
#include "source/http/message.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::stickiness::store {
namespace {

using std::optional;
using std::string_view;
using upstream::HostSet;
using upstream::StickyAnswer;
using upstream::StickyRequest;

// Finds hosts of a cluster by their endpoint's id; made anew when the host set is another one, and
// somebody asks. Worker-confined.
class HostsById {
 public:
  const HostSet::Host* find(const HostSet& hosts, string_view id) {
    if (version_ != hosts.version || by_uid_ != hosts.sticky) {
      version_ = hosts.version;
      by_uid_ = hosts.sticky;
      index_.clear();
      for (uint32_t i = 0; i < hosts.hosts.size(); ++i) index_[hosts.hosts[i].endpoint->id] = i;
    }
    const auto found = index_.find(id);
    return found == index_.end() ? nullptr : &hosts.hosts[found->second];
  }

 private:
  base::StringMap<uint32_t> index_;
  // Of the host set that the index is of: a configuration may begin with a version again.
  optional<uint64_t> version_;
  std::shared_ptr<const upstream::HostsByUid> by_uid_;
};

const HostSet::Host* hostOf(const HostSet& hosts, uint64_t uid) {
  if (hosts.sticky != nullptr) {
    const optional<uint32_t> index = hosts.sticky->find(uid);
    return index ? &hosts.hosts[*index] : nullptr;
  }
  for (const HostSet::Host& host : hosts.hosts) {
    if (host.uid == uid) return &host;
  }
  return nullptr;
}

// The bindings of one cluster on one worker. Worker-confined.
class StoreStickiness final : public upstream::Stickiness, private BindingSink {
 public:
  StoreStickiness(const StoreOptions& options, const StoreStats& stats,
                  const upstream::StickinessContext& context)
      : options_(options),
        cluster_(context.cluster),
        dispatcher_(context.services.get<event::Dispatcher>()),
        cells_(context.services.get<stats::Block>(), stats),
        table_(
            stickyTable(context, base::concat("store ", options.client_identity), options.limits)),
        shared_(context.services, options.shared,
                base::concat("cluster \"", context.cluster.name(), "\""), cells_, *this) {}

  StickyAnswer find(const upstream::PickContext& context, StickyRequest& request) override;
  uint64_t onChosen(const upstream::PickContext& context, StickyRequest& request,
                    const upstream::StickyHost& host) override;
  void onAnswer(const upstream::PickContext& context, StickyRequest& request,
                const upstream::StickyHost& host, http::ResponseHead& head) override;

 private:
  uint64_t uidOf(string_view endpoint) override;
  void onBound(string_view client, uint64_t uid) override;
  uint64_t bind(string_view client, uint64_t key, const upstream::StickyHost& host,
                uint64_t expected, event::MonotonicTime now);

  const StoreOptions& options_;
  upstream::WorkerCluster& cluster_;
  event::Dispatcher& dispatcher_;
  StoreCells cells_;
  const std::shared_ptr<upstream::StickyTable> table_;  // of all workers
  HostsById by_id_;
  SharedBindings shared_;  // goes first
};

StickyAnswer StoreStickiness::find(const upstream::PickContext& context, StickyRequest& request) {
  ClientIdentifier::Room room;
  const optional<string_view> client = options_.client.find(context, room);
  if (!client) return {};
  request.key = table_->keyOf(*client);
  if (request.only_look) {
    const uint64_t uid = table_->look(request.key, context.now);
    return uid == 0 ? StickyAnswer() : StickyAnswer::bound(uid);
  }
  const auto known = table_->find(request.key, context.now, options_.refresh);
  if (const HostSet::Host* host = hostOf(cluster_.hosts(), known.uid)) {
    if (known.due) shared_.refresh(*client, host->endpoint->id);
    if (!request.asked) cells_.local_hits.add();
    return StickyAnswer::bound(known.uid);
  }
  if (request.mayAsk() && shared_.ask(*client, request)) return StickyAnswer::wait();
  if (known.uid != 0) return StickyAnswer::bound(known.uid);  // of one that has gone
  return request.stored != 0 ? StickyAnswer::bound(request.stored) : StickyAnswer();
}

uint64_t StoreStickiness::onChosen(const upstream::PickContext& context, StickyRequest& request,
                                   const upstream::StickyHost& host) {
  if (request.outcome != StickyRequest::Outcome::kNew || request.key == 0) return 0;
  ClientIdentifier::Room room;
  const optional<string_view> client = options_.client.find(context, room);
  if (!client) return 0;
  return bind(*client, request.key, host, request.found, context.now);
}

// `expected`: whom it was bound to; 0: nobody.
uint64_t StoreStickiness::bind(string_view client, uint64_t key, const upstream::StickyHost& host,
                               uint64_t expected, event::MonotonicTime now) {
  const uint64_t now_at = table_->bind(key, host.uid(), host.usage, expected, now);
  if (now_at != 0 && now_at != host.uid()) return now_at;  // another request was first
  const std::string& endpoint = host.host.endpoint->id;
  if (const HostSet::Host* before = hostOf(cluster_.hosts(), expected)) {
    shared_.rebind(client, before->endpoint->id, endpoint);
  } else {
    shared_.bind(client, endpoint);
  }
  cluster_.stickyCells().bound.add();
  return 0;
}

// An id that the application gives its client is bound to where it was given.
void StoreStickiness::onAnswer(const upstream::PickContext&, StickyRequest&,
                               const upstream::StickyHost& host, http::ResponseHead& head) {
  ClientIdentifier::Room room;
  const optional<string_view> client = options_.client.learn(head.headers, room);
  if (!client) return;
  const event::MonotonicTime now = dispatcher_.now();
  const uint64_t key = table_->keyOf(*client);
  if (table_->find(key, now).uid == host.uid()) return;
  bind(*client, key, host, 0, now);
}

uint64_t StoreStickiness::uidOf(string_view endpoint) {
  const HostSet::Host* host = by_id_.find(cluster_.hosts(), endpoint);
  return host != nullptr ? host->uid : 0;
}

void StoreStickiness::onBound(string_view client, uint64_t uid) {
  const HostSet::Host* host = hostOf(cluster_.hosts(), uid);
  if (host == nullptr) return;
  table_->put(table_->keyOf(client), uid, cluster_.config().usage->endpoint(host->endpoint->id),
              dispatcher_.now());
}

}  // namespace

StoreFactory::StoreFactory(StoreOptions options, const StoreStats& stats)
    : options_(std::move(options)), stats_(stats) {}

std::string StoreFactory::fingerprint() const {
  if (options_.shared.server.transport == nullptr) return {};
  static std::atomic<uint64_t> last{0};
  return base::concat("\ntransport ", last.fetch_add(1, std::memory_order_relaxed));
}

std::unique_ptr<upstream::Stickiness> StoreFactory::create(
    const upstream::StickinessContext& context) const {
  return std::make_unique<StoreStickiness>(options_, stats_, context);
}

}  // namespace weir::extensions::stickiness::store
