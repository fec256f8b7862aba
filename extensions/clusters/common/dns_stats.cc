#include "extensions/clusters/common/dns_stats.h"

namespace weir::extensions::clusters {

using network::DnsFailure;

DnsStats DnsStats::create(stats::Store& store, const std::string& cluster) {
  DnsStats stats{
      .resolutions = store.counter("dns_resolutions_total",
                                   "Questions to name servers that have ended, one per name and "
                                   "kind of record",
                                   {{"cluster", cluster}}),
      .failures = {},
      .members = store.gauge("dns_members", "Endpoints that name servers have told of",
                             {{"cluster", cluster}})};
  for (int i = 0; i < network::kDnsFailures; ++i) {
    const auto failure = static_cast<DnsFailure>(i);
    if (failure == DnsFailure::kNone) continue;
    stats.failures[i] =
        store.counter("dns_failures_total", "Questions to name servers without an answer to use",
                      {{"cluster", cluster}, {"kind", std::string(toString(failure))}});
  }
  return stats;
}

DnsCells::DnsCells(const DnsStats& stats, stats::Block& block)
    : resolutions(block.counter(stats.resolutions)),
      failures{},
      members(block.gauge(stats.members)) {
  for (int i = 0; i < network::kDnsFailures; ++i) {
    if (static_cast<DnsFailure>(i) != DnsFailure::kNone) {
      failures[i] = &block.counter(stats.failures[i]);
    }
  }
}

void DnsCells::count(DnsFailure failure) {
  resolutions.add();
  if (failure != DnsFailure::kNone) failures[static_cast<int>(failure)]->add();
}

}  // namespace weir::extensions::clusters
