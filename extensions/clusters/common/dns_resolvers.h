#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "source/base/service_map.h"
#include "source/network/dns_ares_resolver.h"

namespace weir::extensions::clusters {

// The resolvers of the process: clusters that ask the same servers in the same way share one. A
// service of the main thread, made when first asked for. Main-thread only.
class DnsResolvers {
 public:
  using Make = std::function<std::shared_ptr<network::DnsResolver>(const network::DnsOptions&)>;

  explicit DnsResolvers(Make make) : make_(std::move(make)) {}
  // Those of `services`, which has the event::Dispatcher.
  static DnsResolvers& of(base::ServiceMap& services);

  std::shared_ptr<network::DnsResolver> get(const network::DnsOptions& options);

 private:
  Make make_;
  std::vector<std::pair<network::DnsOptions, std::weak_ptr<network::DnsResolver>>> made_;
};

}  // namespace weir::extensions::clusters
