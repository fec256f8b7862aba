#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "source/stats/stats.h"

namespace weir::extensions::transport_sockets {

// The metrics of one context's files. Gauges are hidden again with it. Main-thread only.
class MaterialStats {
 public:
  MaterialStats(stats::Store& store, stats::Block& block);
  ~MaterialStats();
  MaterialStats(const MaterialStats&) = delete;
  MaterialStats& operator=(const MaterialStats&) = delete;

  // `what`: "certificate", "ocsp", "trust", "tickets".
  void countReload(std::string_view what, bool success);
  // Negative values: it has ended that long ago.
  void setCertificateDays(const std::string& certificate, int64_t days);
  void setOcspSeconds(const std::string& certificate, int64_t seconds);
  void setCrlSeconds(const std::string& context, int64_t seconds);
  void setTrustDays(const std::string& context, int64_t days);
  void setTicketKeyAge(const std::string& context, int64_t seconds);

 private:
  void set(std::string_view name, std::string_view help, stats::Labels labels, int64_t value);

  stats::Store& store_;
  stats::Block& block_;
  std::map<std::pair<std::string, std::string>, stats::GaugeId> gauges_;
};

}  // namespace weir::extensions::transport_sockets
