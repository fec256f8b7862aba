#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/clusters/common/dns_watch.h"
#include "source/upstream/discovery.h"

namespace weir::extensions::clusters {

// Brings members to the sink when they are others than before; an endpoint that stays is the same
// object. Main-thread only.
class DnsMembers {
 public:
  // More are left out, which is logged.
  static constexpr size_t kMost = 4096;

  // Both outlive it. Says at once that names are not resolved yet.
  DnsMembers(DnsWatchContext& context, upstream::MembershipSink& sink);
  ~DnsMembers();
  // The ids that come twice count once, the first time. `failure`: why there are none, when there
  // are none. The sink is told of none at all only after others, or when it is meant to give up
  // what it has from before.
  void publish(std::vector<upstream::Endpoint> endpoints, network::DnsFailure failure);

 private:
  DnsWatchContext& context_;
  upstream::MembershipSink& sink_;
  std::vector<std::shared_ptr<const upstream::Endpoint>> members_;  // by id
  bool told_ = false;
};

// For how long the answers about several names are waited for before those that are there are used:
// what was there before should not go because one name is slow. Main-thread only.
class DnsPatience {
 public:
  static constexpr std::chrono::milliseconds kTime{1000};

  // `over` is called when it is at its end; the first time begins now.
  DnsPatience(event::Dispatcher& dispatcher, absl::AnyInvocable<void()> over);
  void restart();
  bool over() const { return !timer_->running(); }

 private:
  const std::unique_ptr<event::Timer> timer_;
};

// "dns_no_such_name": static text for MembershipSink::onReason().
std::string_view reasonOf(network::DnsFailure failure);

}  // namespace weir::extensions::clusters
