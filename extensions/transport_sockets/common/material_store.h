#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/certificate_set.h"
#include "extensions/transport_sockets/common/ticket_keys.h"
#include "extensions/transport_sockets/common/trust.h"
#include "source/config/main_part.h"
#include "source/event/file_watcher.h"

namespace weir::extensions::transport_sockets {

class MaterialWatch;

// All files of one TLS context. Value.
struct MaterialFiles {
  std::string context;  // what it is for, in logs and metrics: "listener edge", "cluster web"
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
// Value.
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
  using Identities = std::vector<std::pair<std::string, event::FileIdentity>>;

  explicit MaterialStore(MaterialFiles files);
  void noteIdentities();
  void loadCertificate(size_t index, event::SystemTime now, std::vector<MaterialProblem>& problems,
                       std::vector<std::string>& warnings);
  void loadTrust(event::SystemTime now, std::vector<MaterialProblem>& problems,
                 std::vector<std::string>& warnings);
  void loadTickets(event::SystemTime now, std::vector<MaterialProblem>& problems);
  void publish();

  const MaterialFiles files_;
  // The main thread's own, of which publish() makes what is in force.
  std::vector<ServedCertificate> certificates_;
  std::shared_ptr<const TrustStore> trust_;
  std::shared_ptr<TicketKeys> tickets_;
  Identities identities_;     // of all files, from before they were read
  mutable std::mutex mutex_;  // guards the one below
  std::shared_ptr<const Material> current_;
  std::atomic<uint64_t> version_{0};
  std::unique_ptr<MaterialWatch> watch_;  // while started
};

}  // namespace weir::extensions::transport_sockets
