#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/fake_stickiness.h"
#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {

// A worker's cluster "c" with bindings that a test sets. Worker-confined.
class StickyChoiceTest : public ::testing::Test {
 protected:
  StickyChoiceTest() { worker_.services.put(worker_.clusters); }

  std::shared_ptr<ClusterConfig> cluster(const std::string& name, FakeBindings* bindings,
                                         const ClusterOptions& options = {}) {
    auto made = std::make_shared<ClusterConfig>(*process_.config({}, options));
    made->name = name;
    made->usage = std::make_shared<ClusterUsage>();
    if (bindings != nullptr) {
      made->stickiness = std::make_shared<FakeStickinessFactory>(*bindings);
      made->stickiness_identity = "fake";
      made->sticky_stats = StickyStats::create(process_.store, name);
    }
    return made;
  }
  // Endpoints "a", "b", "c" in these states.
  std::shared_ptr<const HostSet> hosts(const std::vector<Health>& states,
                                       const std::vector<Endpoint>& like = {}) {
    HostList list;
    for (size_t i = 0; i < states.size(); ++i) {
      Endpoint endpoint = i < like.size() ? like[i] : Endpoint();
      endpoint.id = std::string(1, static_cast<char>('a' + i));
      endpoint.address = *network::Address::parse("127.0.0.1:" + std::to_string(i + 1));
      list.add(endpoint, states[i]);
    }
    return makeHostSet(++version_, list.list(), config_->policy, *config_->load_balancer);
  }
  void start(const std::vector<Health>& states, const std::vector<Endpoint>& like = {},
             const ClusterOptions& options = {}) {
    config_ = cluster("c", &bindings_, options);
    config_->sticky_policy = policy_;
    config_->hosts = hosts(states, like);
    worker_.clusters.apply({config_});
    for (const HostSet::Host& host : config_->hosts->hosts) uids_.push_back(host.uid);
  }
  void set(const std::vector<Health>& states, const std::vector<Endpoint>& like = {}) {
    worker_.clusters.updateHosts("c", hosts(states, like));
  }
  WorkerCluster::Choice choose(StickyRequest& request, std::vector<uint32_t> tried = {},
                               const MetadataMatch* metadata = nullptr,
                               const std::string& name = "c") {
    tried_ = std::move(tried);
    PickContext context;
    context.request = &head_;
    context.sticky = &request;
    context.tried = tried_;
    context.metadata = metadata;
    if (!tried_.empty()) context.tried_in = worker_.clusters.find("c").get();
    return worker_.clusters.find(name)->choose(context);
  }
  static std::string told(const WorkerCluster::Choice& choice) {
    switch (choice.kind) {
      case Pick::Kind::kEndpoint:
        return choice.endpoint->endpoint().id;
      case Pick::Kind::kWait:
        return "wait: " + std::string(choice.reason);
      case Pick::Kind::kLookup:
        return "lookup";
      case Pick::Kind::kFailure:
        break;
    }
    return std::string(choice.reason);
  }
  std::string chosen(StickyRequest& request, std::vector<uint32_t> tried = {}) {
    return told(choose(request, std::move(tried)));
  }
  std::string chosen() {
    StickyRequest request;
    return chosen(request);
  }
  int64_t stat(const std::string& name) {
    return process_.store.valueOf("cluster_sticky_" + name + "_total", {{"cluster", "c"}});
  }

  static constexpr Health kUp = Health::kHealthy;
  static constexpr Health kDown = Health::kUnhealthy;

  TestProcess process_;
  TestWorker worker_{process_};
  http::RequestHead head_;
  FakeBindings bindings_;
  StickyPolicy policy_;
  std::shared_ptr<ClusterConfig> config_;
  std::vector<uint64_t> uids_;
  std::vector<uint32_t> tried_;
  uint64_t version_ = 0;
};

}  // namespace weir::upstream
