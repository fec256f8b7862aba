#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "source/network/address.h"

namespace weir::network {

// Why a name has no answer. The first two are answers in themselves: the servers know it.
enum class DnsFailure : uint8_t {
  kNone,
  kNoSuchName,  // NXDOMAIN
  kNoData,      // the name exists and has no such records
  kTimeout,     // nobody answered in time
  kServer,      // the servers cannot be reached, refuse, or failed themselves
  kMalformed,   // what came is no DNS answer
};
inline constexpr int kDnsFailures = 6;
// "no_such_name"; for labels and logs.
std::string_view toString(DnsFailure failure);
// The servers have spoken: asking again soon would bring the same.
inline bool isDefinite(DnsFailure failure) {
  return failure == DnsFailure::kNone || failure == DnsFailure::kNoSuchName ||
         failure == DnsFailure::kNoData;
}

// The addresses of one family that a name has. Value.
struct DnsAddresses {
  DnsFailure failure = DnsFailure::kNone;
  std::vector<Address> addresses;  // port 0, each once, in the order of the answer
  std::chrono::seconds ttl{0};     // the least of all records, aliases too
};

// One SRV record. Value.
struct DnsService {
  uint16_t priority = 0;  // 0 is the highest
  uint16_t weight = 0;
  uint16_t port = 0;
  std::string target;  // a host name without the last dot, in lower case
  friend bool operator==(const DnsService&, const DnsService&) = default;
};

// The SRV records that a service name has. Value.
struct DnsServices {
  DnsFailure failure = DnsFailure::kNone;
  std::vector<DnsService> services;  // in the order of the answer
  std::chrono::seconds ttl{0};       // the least of all records, aliases too
};

enum class DnsFamily : uint8_t { kIpv4, kIpv6 };

// A question under way. Destroying it cancels: the callback is not called any more, and may be
// where it is destroyed. Main-thread only.
class DnsQuery {
 public:
  virtual ~DnsQuery() = default;
};

// Asks name servers. Answers are bounded by the size of a DNS message, 64 KiB. A callback is called
// once, later, never from inside the call that asked; it may destroy the resolver. Two
// implementations: AresDnsResolver and FakeDnsResolver (test/fakes). Main-thread only.
class DnsResolver {
 public:
  using AddressCallback = absl::AnyInvocable<void(DnsAddresses)>;
  using ServiceCallback = absl::AnyInvocable<void(DnsServices)>;

  // Ends its queries without a callback; they may outlive it.
  virtual ~DnsResolver() = default;
  // `name` as of checkHostName().
  [[nodiscard]] virtual std::unique_ptr<DnsQuery> resolveAddresses(const std::string& name,
                                                                   DnsFamily family,
                                                                   AddressCallback callback) = 0;
  // `name` as of checkServiceName(); it is taken as complete, search domains do not apply.
  [[nodiscard]] virtual std::unique_ptr<DnsQuery> resolveService(const std::string& name,
                                                                 ServiceCallback callback) = 0;
};

// Whether it can be asked for: labels of 1 to 63 letters, digits, '-' and '_', 253 in all (RFC
// 1123, 2.1), the last of which is no number, so that a mistyped address is found. The error is
// "what is wrong; what would be right".
absl::Status checkHostName(std::string_view name);
// "_service._protocol.host" (RFC 2782).
absl::Status checkServiceName(std::string_view name);

}  // namespace weir::network
