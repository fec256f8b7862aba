#pragma once

#include <string>

#include "source/network/dns_resolver.h"
#include "source/stats/stats.h"

namespace weir::extensions::clusters {

// Metrics of one DNS cluster, labels {cluster}, failures {cluster, kind} too. Value.
struct DnsStats {
  static DnsStats create(stats::Store& store, const std::string& cluster);
  stats::CounterId resolutions;
  stats::CounterId failures[network::kDnsFailures];  // by DnsFailure; none for kNone
  stats::GaugeId members;
};

// Their cells on the main thread.
struct DnsCells {
  DnsCells(const DnsStats& stats, stats::Block& block);
  void count(network::DnsFailure failure);
  stats::Cell& resolutions;
  stats::Cell* failures[network::kDnsFailures];
  stats::Cell& members;
};

}  // namespace weir::extensions::clusters
