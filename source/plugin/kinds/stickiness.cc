#include "source/plugin/kinds/stickiness.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "source/base/string_map.h"
#include "source/config/extensions.h"
#include "source/plugin/guard.h"
#include "source/plugin/handles.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/kinds/all.h"
#include "source/plugin/kinds/picks.h"
#include "source/plugin/kinds/shared_loop.h"
#include "source/plugin/kinds/sticky_lookup.h"
#include "source/upstream/cluster.h"

namespace weir::plugin {
namespace {

using upstream::HostSet;
using upstream::PickContext;
using upstream::StickyAnswer;
using upstream::StickyHost;
using upstream::StickyRequest;

constexpr uint32_t kDefaultWaitMs = 100;
constexpr uint32_t kLongestWaitMs = 10'000;

// The endpoints of a cluster by id and uid: what a weir_sticky_cluster stands for. Worker-confined.
class StickyCluster {
 public:
  explicit StickyCluster(upstream::WorkerCluster& cluster) : cluster_(cluster) {}

  upstream::WorkerCluster& cluster() const { return cluster_; }
  // 0: none.
  uint64_t uidOf(std::string_view id) {
    refresh();
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? 0 : cluster_.hosts().hosts[found->second].uid;
  }
  // Null: none.
  const HostSet::Host* hostOf(uint64_t uid) const {
    const HostSet& hosts = cluster_.hosts();
    if (hosts.sticky == nullptr) return nullptr;
    const std::optional<uint32_t> index = hosts.sticky->find(uid);
    return index ? &hosts.hosts[*index] : nullptr;
  }

 private:
  // Made anew when somebody asks and the host set is another one. A configuration may begin with a
  // version again, so that the version alone does not tell.
  void refresh() {
    const HostSet& hosts = cluster_.hosts();
    if (version_ == hosts.version && by_uid_ == hosts.sticky) return;
    version_ = hosts.version;
    by_uid_ = hosts.sticky;
    by_id_.clear();
    for (uint32_t i = 0; i < hosts.hosts.size(); ++i) by_id_[hosts.hosts[i].endpoint->id] = i;
  }

  upstream::WorkerCluster& cluster_;
  base::StringMap<uint32_t> by_id_;
  std::optional<uint64_t> version_;
  std::shared_ptr<const upstream::HostsByUid> by_uid_;
};

StickyCluster& clusterOf(const weir_sticky_cluster* handle) {
  return *reinterpret_cast<StickyCluster*>(const_cast<weir_sticky_cluster*>(handle));
}

// Worker-confined.
class PluginStickiness final : public upstream::Stickiness {
 public:
  PluginStickiness(std::shared_ptr<Loop> loop, upstream::WorkerCluster& cluster)
      : loop_(std::move(loop)),
        thread_(loop_->thread()),
        functions_(readKind<weir_stickiness>(loop_->kind().raw())),
        wait_(waitOf(functions_.wait_ms)),
        cluster_(cluster) {
    if (loop_->failed()) return;
    binding_ = guarded(thread_, "binding_create", functions_.binding_create, loop_->worker(),
                       reinterpret_cast<weir_sticky_cluster*>(&cluster_));
    if (binding_ == nullptr) thread_.error("binding_create", "there is no binding");
  }
  ~PluginStickiness() override;

  StickyAnswer find(const PickContext& context, StickyRequest& request) override;
  uint64_t onChosen(const PickContext& context, StickyRequest& request,
                    const StickyHost& host) override;
  void onSend(StickyRequest& request, http::RequestHead& head) override;
  void onAnswer(const PickContext& context, StickyRequest& request, const StickyHost& host,
                http::ResponseHead& head) override;

 private:
  static std::chrono::milliseconds waitOf(uint32_t ms) {
    return std::chrono::milliseconds(ms == 0 ? kDefaultWaitMs : std::min(ms, kLongestWaitMs));
  }
  StickyAnswer wait(StickyRequest& request);

  const std::shared_ptr<Loop> loop_;
  ThreadPlugin& thread_;
  const weir_stickiness functions_;
  const std::chrono::milliseconds wait_;
  StickyCluster cluster_;
  void* binding_ = nullptr;  // null: the plugin has failed, and nobody belongs anywhere
  base::IntrusiveList<PluginLookup> lookups_;  // that are open
};

PluginStickiness::~PluginStickiness() {
  while (PluginLookup* const lookup = lookups_.front()) lookup->giveUp();
  if (binding_ == nullptr || functions_.binding_destroy == nullptr) return;
  guarded(thread_, "binding_destroy", functions_.binding_destroy, binding_);
}

StickyAnswer PluginStickiness::find(const PickContext& context, StickyRequest& request) {
  if (binding_ == nullptr) return {};
  uint64_t uid = 0;
  const uint32_t answer = guarded(thread_, "find", functions_.find, binding_, handleOf(context),
                                  handleOf(request), &uid);
  switch (answer) {
    case WEIR_STICKY_BOUND:
      if (uid != 0) return StickyAnswer::bound(uid);
      thread_.error("find", "says WEIR_STICKY_BOUND, and no uid");
      return {};
    case WEIR_STICKY_WAIT:
      // It may have been told from inside.
      if (request.mayAsk()) return wait(request);
      [[fallthrough]];
    case WEIR_STICKY_UNBOUND:
      return request.stored != 0 ? StickyAnswer::bound(request.stored) : StickyAnswer();
    default:
      thread_.error("find", "says what is none of WEIR_STICKY_…");
      return {};
  }
}

StickyAnswer PluginStickiness::wait(StickyRequest& request) {
  if (functions_.cancel == nullptr) {
    thread_.error("find", "says WEIR_STICKY_WAIT, which needs cancel()");
    return {};
  }
  auto* const lookup = new PluginLookup(
      {.loop = *loop_, .binding = binding_, .cancel = functions_.cancel}, request, wait_);
  lookups_.pushBack(*lookup);
  return StickyAnswer::wait();
}

uint64_t PluginStickiness::onChosen(const PickContext& context, StickyRequest& request,
                                    const StickyHost& host) {
  if (binding_ == nullptr || functions_.on_chosen == nullptr) return 0;
  const uint64_t now_at = guarded(thread_, "on_chosen", functions_.on_chosen, binding_,
                                  handleOf(context), handleOf(request), host.uid());
  const bool bound = request.outcome == StickyRequest::Outcome::kNew && now_at == host.uid();
  if (bound && request.found == 0) cluster_.cluster().stickyCells().bound.add();
  return now_at;
}

void PluginStickiness::onSend(StickyRequest& request, http::RequestHead& head) {
  if (binding_ == nullptr || functions_.on_send == nullptr) return;
  guarded(thread_, "on_send", functions_.on_send, binding_, handleOf(request), handleOf(head));
}

void PluginStickiness::onAnswer(const PickContext& context, StickyRequest& request,
                                const StickyHost& host, http::ResponseHead& head) {
  if (binding_ == nullptr || functions_.on_answer == nullptr) return;
  guarded(thread_, "on_answer", functions_.on_answer, binding_, handleOf(context),
          handleOf(request), host.uid(), handleOf(head));
}

// Immutable.
class PluginStickinessExtension final : public PluginExtension<config::StickinessExtension> {
 public:
  using PluginExtension::PluginExtension;
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext&) const override {
    auto compiled = compilePluginConfig(kind(), config, at);
    if (compiled == nullptr) return nullptr;
    return std::make_shared<PluginStickinessFactory>(kind(), std::move(compiled));
  }
};

std::string check(const void* raw) {
  const auto functions = readKind<weir_stickiness>(raw);
  if (functions.binding_create == nullptr) return "binding_create is missing";
  return functions.find == nullptr ? "find is missing" : "";
}

weir_str clusterName(const weir_sticky_cluster* cluster) {
  return str(clusterOf(cluster).cluster().name());
}

uint64_t uidOf(const weir_sticky_cluster* cluster, weir_str id) {
  return clusterOf(cluster).uidOf(view(id));
}

weir_str idOf(const weir_sticky_cluster* cluster, uint64_t uid) {
  const HostSet::Host* const host = clusterOf(cluster).hostOf(uid);
  return host == nullptr ? weir_str{} : str(host->endpoint->id);
}

uint64_t* note(weir_sticky* sticky) {
  return &stickyOf(sticky).note;
}

int32_t mayWait(const weir_sticky* sticky) {
  return stickyOf(sticky).mayAsk() ? 1 : 0;
}

void found(weir_sticky* sticky, uint64_t uid) {
  StickyRequest& request = stickyOf(sticky);
  if (request.lookup != nullptr) return static_cast<PluginLookup*>(request.lookup)->answer(uid);
  // From inside find(), which is not to wait then.
  request.asked = true;
  request.stored = uid;
}

}  // namespace

bool PluginStickinessFactory::servesConnections() const {
  return readKind<weir_stickiness>(kind_.raw()).serves_connections != 0;
}

std::unique_ptr<upstream::Stickiness> PluginStickinessFactory::create(
    const upstream::StickinessContext& context) const {
  return std::make_unique<PluginStickiness>(sharedLoop(kind_, config_, context.services),
                                            context.cluster);
}

constinit const weir_sticky_api kStickyApi{
    .size = sizeof(weir_sticky_api),
    .reserved = 0,
    .cluster_name = clusterName,
    .uid_of = uidOf,
    .id_of = idOf,
    .note = note,
    .may_wait = mayWait,
    .found = found,
};

constinit const KindType kStickinessType{
    .type = WEIR_STICKINESS,
    .category = config::StickinessExtension::kCategory,
    .least_size = offsetof(weir_stickiness, on_answer) + sizeof(weir_stickiness::on_answer),
    .check = check,
    .make = [](const Kind& kind) -> std::unique_ptr<base::Extension> {
      return std::make_unique<PluginStickinessExtension>(kind);
    },
};

}  // namespace weir::plugin
