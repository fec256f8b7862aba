#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "extensions/clusters/common/dns_settings.h"
#include "extensions/clusters/common/dns_stats.h"
#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/network/dns_resolver.h"

// Names that are resolved again and again: a good answer is used until its time to live is over; a
// failure keeps what was there and is tried again, with longer and longer pauses.
namespace weir::extensions::clusters {

// What the watches of one cluster share. Main-thread only; outlives them.
class DnsWatchContext {
 public:
  // `services` has event::Dispatcher, stats::Block and perhaps DnsResolvers. Both outlive it.
  DnsWatchContext(base::ServiceMap& services, const DnsCluster& cluster);

  event::Dispatcher& dispatcher() { return dispatcher_; }
  network::DnsResolver& resolver() { return *resolver_; }
  const DnsCluster& cluster() const { return cluster_; }
  const DnsSettings& settings() const { return cluster_.settings; }
  base::Random& random() { return random_; }
  DnsCells& cells() { return cells_; }

 private:
  event::Dispatcher& dispatcher_;
  const DnsCluster& cluster_;
  std::shared_ptr<network::DnsResolver> resolver_;
  base::Random random_;
  DnsCells cells_;
};

// When one name is asked for next, and what the log says about it: each change once. Main-thread
// only.
class DnsSchedule {
 public:
  DnsSchedule(DnsWatchContext& context, std::string name, absl::AnyInvocable<void()> ask);
  // An attempt has ended. `has`: "3 addresses", what is used from now on, empty when nothing is.
  void ended(network::DnsFailure failure, std::chrono::seconds ttl, std::string_view has);
  // Of the last attempt; nothing before the first has ended.
  std::optional<network::DnsFailure> outcome() const { return outcome_; }
  const std::string& name() const { return name_; }

 private:
  std::chrono::milliseconds untilNext(network::DnsFailure failure, std::chrono::seconds ttl);
  void log(network::DnsFailure failure, std::string_view has) const;

  DnsWatchContext& context_;
  const std::string name_;
  const std::unique_ptr<event::Timer> timer_;
  std::optional<network::DnsFailure> outcome_;
  uint32_t failures_in_row_ = 0;
};

// The addresses of a host name. Main-thread only.
class HostWatch {
 public:
  // Asks at once. `context` outlives it. `changed` is called later, whenever the addresses are
  // others, or there are none for another reason; it does not destroy the watch.
  HostWatch(DnsWatchContext& context, const std::string& name, absl::AnyInvocable<void()> changed);

  // Of the families that the settings want; IPv6 before IPv4 unless they prefer IPv4, each in the
  // order of the answer.
  std::vector<network::Address> addresses() const;
  std::optional<network::DnsFailure> outcome() const { return schedule_.outcome(); }
  const std::string& name() const { return schedule_.name(); }

 private:
  // One family.
  struct Half {
    std::unique_ptr<network::DnsQuery> query = {};  // while it is asked for
    std::optional<network::DnsAddresses> answer = {};
    std::vector<network::Address> good = {};  // of the last answer that had some
  };
  bool wants(network::DnsFamily family) const;
  void ask();
  void ask(Half& half, network::DnsFamily family);
  void conclude();
  network::DnsFailure failureOfBoth() const;
  std::chrono::seconds ttlOfBoth() const;
  void adopt();

  DnsWatchContext& context_;
  absl::AnyInvocable<void()> changed_;
  Half ipv4_;
  Half ipv6_;
  DnsSchedule schedule_;
};

// The SRV records of a service name. Main-thread only.
class ServiceWatch {
 public:
  // As for HostWatch.
  ServiceWatch(DnsWatchContext& context, const std::string& name,
               absl::AnyInvocable<void()> changed);

  // Sorted by priority, target and port.
  const std::vector<network::DnsService>& services() const { return good_; }
  std::optional<network::DnsFailure> outcome() const { return schedule_.outcome(); }

 private:
  void ask();
  void onAnswer(network::DnsServices answer);

  DnsWatchContext& context_;
  absl::AnyInvocable<void()> changed_;
  std::unique_ptr<network::DnsQuery> query_;
  std::vector<network::DnsService> good_;
  DnsSchedule schedule_;
};

}  // namespace weir::extensions::clusters
