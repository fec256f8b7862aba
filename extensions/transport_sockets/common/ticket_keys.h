#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "source/event/dispatcher.h"

namespace weir::extensions::transport_sockets {

// Where ticket keys come from. Value.
struct TicketKeyOptions {
  // Keys that a fleet shares: 80 or 48 random bytes each, one after the other, or one in base64 per
  // line. The first seals, all open. Empty: random keys of this process.
  std::string file = {};
  // Of random keys: how long one seals, and how many that have sealed before still open.
  std::chrono::seconds rotation{12 * 3600};
  uint32_t keep = 2;

  bool operator==(const TicketKeyOptions&) const = default;
};

// Seals sessions into tickets and opens them: AES-256-GCM-SIV (RFC 8452), which stays safe at any
// number of random nonces. A ticket is key name (16) || nonce (12) || sealed session. Thread-safe:
// a short lock per ticket; keys are changed on the main thread.
class TicketKeys {
 public:
  static constexpr size_t kNameSize = 16;
  static constexpr size_t kNonceSize = 12;
  static constexpr size_t kOverhead = kNameSize + kNonceSize + 16;
  static constexpr size_t kMaxKeys = 64;

  static absl::StatusOr<std::shared_ptr<TicketKeys>> create(const TicketKeyOptions& options,
                                                            event::SystemTime now);
  ~TicketKeys();

  // Makes `context` use them; they outlive it.
  void install(SSL_CTX& context);

  // Writes in.size() + kOverhead bytes to `out`, which may begin where `in` does. False when `out`
  // is too small.
  bool seal(std::span<const uint8_t> in, std::span<uint8_t> out, size_t& written) const;
  // False for a ticket of unknown key, or damaged: the handshake goes on without it.
  bool open(std::span<const uint8_t> ticket, std::span<uint8_t> out, size_t& written) const;

  // Main thread. Random keys: begins a new one when the newest is older than the rotation; true
  // when it did.
  bool rotateIfDue(event::SystemTime now);
  // Main thread. Reads the file anew; on error the keys stay.
  absl::Status reload(event::SystemTime now);

  const TicketKeyOptions& options() const { return options_; }
  // How long the sealing key has been in use.
  std::chrono::seconds age(event::SystemTime now) const;
  size_t keyCount() const;
  // Public names of the keys in hex, the sealing one first: for logs.
  std::vector<std::string> names() const;

  // What the bytes of a key file hold, or what is wrong with them.
  static absl::StatusOr<size_t> countKeys(std::string_view bytes);

 private:
  class Key;
  using Ring = std::vector<std::shared_ptr<const Key>>;  // the first one seals
  explicit TicketKeys(const TicketKeyOptions& options) : options_(options) {}
  static absl::StatusOr<Ring> parseFile(std::string_view bytes);
  static absl::StatusOr<Ring> parseBinary(std::span<const uint8_t> bytes);
  static absl::StatusOr<Ring> parseLines(std::string_view text);
  static absl::Status addKey(std::span<const uint8_t> bytes, Ring& ring);
  std::shared_ptr<const Ring> ring() const;
  void replace(Ring ring, event::SystemTime since);
  void addRandomKey(event::SystemTime now);

  const TicketKeyOptions options_;
  mutable std::mutex mutex_;  // guards the two below
  std::shared_ptr<const Ring> ring_;
  event::SystemTime since_;
};

}  // namespace weir::extensions::transport_sockets
