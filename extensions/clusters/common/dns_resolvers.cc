#include "extensions/clusters/common/dns_resolvers.h"

#include "source/event/dispatcher.h"

namespace weir::extensions::clusters {

DnsResolvers& DnsResolvers::of(base::ServiceMap& services) {
  return services.shared<DnsResolvers>([&services] {
    auto& dispatcher = services.get<event::Dispatcher>();
    return std::make_shared<DnsResolvers>([&dispatcher](const network::DnsOptions& options) {
      return std::make_shared<network::AresDnsResolver>(dispatcher, options);
    });
  });
}

std::shared_ptr<network::DnsResolver> DnsResolvers::get(const network::DnsOptions& options) {
  std::erase_if(made_, [](const auto& entry) { return entry.second.expired(); });
  for (const auto& entry : made_) {
    if (entry.first == options) return entry.second.lock();
  }
  std::shared_ptr<network::DnsResolver> resolver = make_(options);
  made_.emplace_back(options, resolver);
  return resolver;
}

}  // namespace weir::extensions::clusters
