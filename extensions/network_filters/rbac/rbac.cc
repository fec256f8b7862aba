#include "extensions/network_filters/rbac/rbac.h"

#include "source/base/log.h"
#include "source/network/filter_chain.h"

namespace weir::extensions::network_filters::rbac {
namespace {

// What the filters of one worker share. Worker-confined.
class Shared {
 public:
  Shared(std::shared_ptr<const RbacConfig> config, base::ServiceMap& services)
      : config_(std::move(config)), dispatcher_(services.get<event::Dispatcher>()) {
    auto& block = services.get<stats::Block>();
    for (const stats::CounterId id : config_->rules.decided) cells_.push_back(&block.counter(id));
    if (!config_->shadow) return;
    for (const stats::CounterId id : config_->shadow->decided) {
      shadow_cells_.push_back(&block.counter(id));
    }
  }

  bool allows(const Facts& facts) {
    if (config_->shadow) lookInShadow(facts);
    const size_t rule = config_->rules.list.decide(facts);
    cells_[rule]->add();
    return config_->rules.list.allows(rule);
  }

 private:
  void lookInShadow(const Facts& facts) {
    const RuleList& list = config_->shadow->list;
    const size_t rule = list.decide(facts);
    shadow_cells_[rule]->add();
    if (list.allows(rule)) return;
    if (const auto held_back = log_limit_.admit(dispatcher_.now())) {
      base::log::info("rbac", config_->name, ": shadow rule \"", list.nameOf(rule),
                      "\" would deny ", facts.source->toString(), " (", *held_back,
                      " more of these)");
    }
  }

  const std::shared_ptr<const RbacConfig> config_;
  event::Dispatcher& dispatcher_;
  std::vector<stats::Cell*> cells_;
  std::vector<stats::Cell*> shadow_cells_;
  base::log::LogLimiter log_limit_{std::chrono::seconds(10)};
};

// Worker-confined.
class RbacFilter final : public network::NetworkFilter {
 public:
  explicit RbacFilter(Shared& shared) : shared_(shared) {}

  network::Verdict onConnected() override {
    network::Connection& client = chain().connection();
    const network::ConnectionInfo* info = chain().info();
    const network::SecurityInfo* security = client.transport().security();
    Facts facts;
    facts.source = &client.remoteAddress();
    facts.direct_source =
        info != nullptr && info->direct_source ? &*info->direct_source : facts.source;
    facts.destination_port = client.localAddress().port();
    facts.server_name = chain().serverName();
    if (security != nullptr && security->peerVerified()) {
      facts.certificate = security->peerCertificate();
    }
    if (!shared_.allows(facts)) client.close(network::CloseMode::kFlushNoLinger);
    return network::Verdict::kContinue;
  }
  network::Verdict onData(buffer::Buffer&, bool) override { return network::Verdict::kContinue; }
  bool wantsReads() const override { return false; }
  void onClose(network::CloseReason) override {}

 private:
  Shared& shared_;
};

// Worker-confined.
class WorkerRbacFactory final : public network::WorkerNetworkFilterFactory {
 public:
  WorkerRbacFactory(std::shared_ptr<const RbacConfig> config, base::ServiceMap& services)
      : shared_(std::move(config), services) {}
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<RbacFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<network::WorkerNetworkFilterFactory> RbacFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerRbacFactory>(config_, services);
}

}  // namespace weir::extensions::network_filters::rbac
