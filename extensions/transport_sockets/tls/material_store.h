#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "extensions/transport_sockets/tls/certificate_set.h"
#include "extensions/transport_sockets/tls/ticket_keys.h"
#include "extensions/transport_sockets/tls/trust.h"
#include "source/config/main_part.h"

namespace weir::extensions::transport_sockets::tls {

class MaterialWatch;

// All files of one TLS context. Value.
struct MaterialFiles {
  std::vector<CertificateFiles> certificates;
  std::optional<TrustFiles> trust;
  std::optional<TicketKeyOptions> tickets;
};

// What is in force of one TLS context. Immutable.
struct Material {
  std::shared_ptr<const CertificateSet> certificates;  // null when there are none
  std::shared_ptr<const TrustStore> trust;             // null when none is configured
};

// A file of a context that cannot be used. `index`: of the certificate, or of the CA or CRL file.
struct MaterialProblem {
  enum class Part : uint8_t { kCertificate, kKey, kOcsp, kCa, kCrl, kSystemTrust, kTickets };
  Part part;
  size_t index = 0;
  absl::Status status;  // "path: what; what would be right"
};

// Certificates, trust and ticket keys of one TLS context: loaded when the configuration is
// compiled, then, as a main part, kept up to date with their files. What is wrong with a changed
// file is logged and counted, and what was there stays. Connections keep what they began with.
// Thread-safe in current(), version() and tickets(); Main-thread only otherwise.
class MaterialStore final : public config::MainPart {
 public:
  // Null with at least one problem. What should be looked at, but works, goes to `warnings`.
  static std::shared_ptr<MaterialStore> load(const MaterialFiles& files, event::SystemTime now,
                                             std::vector<MaterialProblem>& problems,
                                             std::vector<std::string>& warnings);
  ~MaterialStore() override;

  // Never null. A short lock: a worker keeps what it got for as long as version() is the same.
  std::shared_ptr<const Material> current() const;
  // Goes up with every change.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // The same object for the store's whole life; null when none are configured.
  const std::shared_ptr<TicketKeys>& tickets() const { return tickets_; }

  void start(base::ServiceMap& services) override;
  void stop() override;

 private:
  friend class MaterialWatch;
  explicit MaterialStore(MaterialFiles files);
  void publish(std::vector<ServedCertificate> certificates,
               std::shared_ptr<const TrustStore> trust);

  const MaterialFiles files_;
  std::shared_ptr<TicketKeys> tickets_;
  mutable std::mutex mutex_;  // guards the one below
  std::shared_ptr<const Material> current_;
  std::atomic<uint64_t> version_{0};
  std::unique_ptr<MaterialWatch> watch_;  // while started
};

}  // namespace weir::extensions::transport_sockets::tls
