#include "extensions/transport_sockets/common/material_stats.h"

#include <utility>

namespace weir::extensions::transport_sockets {
namespace {

stats::CounterId reloads(stats::Store& store, std::string_view what, bool success) {
  return store.counter("tls_reloads_total",
                       "Changed TLS files that were taken over, or refused so that the old stay.",
                       {{"result", success ? "success" : "failure"}, {"what", std::string(what)}});
}

}  // namespace

MaterialStats::MaterialStats(stats::Store& store, stats::Block& block)
    : store_(store), block_(block) {
  // There from the start, so that a rate of them is defined.
  for (const std::string_view what : {"certificate", "ocsp", "trust", "tickets"}) {
    reloads(store_, what, true);
    reloads(store_, what, false);
  }
}

MaterialStats::~MaterialStats() {
  for (const auto& [name, id] : gauges_) store_.hide(id);
}

void MaterialStats::countReload(std::string_view what, bool success) {
  block_.counter(reloads(store_, what, success)).add();
}

void MaterialStats::setCertificateDays(const std::string& certificate, int64_t days) {
  set("tls_certificate_expiry_days",
      "Whole days until the first certificate of a served chain ends; negative when it has.",
      {{"certificate", certificate}}, days);
}

void MaterialStats::setOcspSeconds(const std::string& certificate, int64_t seconds) {
  set("tls_ocsp_expiry_seconds",
      "Until the OCSP response of a certificate ends; it is stapled only before.",
      {{"certificate", certificate}}, seconds);
}

void MaterialStats::setCrlSeconds(const std::string& context, int64_t seconds) {
  set("tls_crl_expiry_seconds",
      "Until the first revocation list of a context ends; then no peer passes.",
      {{"context", context}}, seconds);
}

void MaterialStats::setTrustDays(const std::string& context, int64_t days) {
  set("tls_trust_expiry_days", "Whole days until the last authority of a context's files ends.",
      {{"context", context}}, days);
}

void MaterialStats::setTicketKeyAge(const std::string& context, int64_t seconds) {
  set("tls_ticket_key_age_seconds", "How long the key that seals session tickets has been in use.",
      {{"context", context}}, seconds);
}

void MaterialStats::set(std::string_view name, std::string_view help, stats::Labels labels,
                        int64_t value) {
  const auto key = std::pair(std::string(name), labels.front().second);
  auto found = gauges_.find(key);
  if (found == gauges_.end()) {
    found = gauges_.emplace(key, store_.gauge(name, help, std::move(labels))).first;
  }
  // Cells add; only the main thread writes this one.
  stats::Cell& cell = block_.gauge(found->second);
  cell.add(static_cast<uint64_t>(value) - cell.value());
}

}  // namespace weir::extensions::transport_sockets
