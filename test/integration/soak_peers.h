#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "test/support/raw_connection.h"

// Both ends of the soak: what an origin does is said in the request's target, /MODE/SIZE.
namespace weir::test {

inline constexpr size_t kSoakLargest = 10 << 20;

// The body of `size` bytes that every mode sends.
std::string_view soakBody(size_t size);

// A script for ScriptedOrigin. Modes: length, chunked, close (how the response is delimited), slow
// (sent in small pieces), echo (the request's body), early (answers before it has read the body),
// broken (breaks off within the body), silent (closes without an answer), and tunnels.
void soakOrigin(RawConnection& connection, int number);

// One client that does one random thing after another. Not for more than one thread.
class SoakClient {
 public:
  SoakClient(uint16_t port, uint64_t seed) : port_(port), random_(seed) {}

  // One exchange; what went wrong, or empty.
  std::string step();
  uint64_t bytes() const { return bytes_; }

 private:
  RawConnection connect() const { return RawConnection::connectTo(port_); }
  RawConnection& kept();
  void keepUnlessClosed(const RawMessage& response);
  size_t below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }
  size_t anySize();
  std::string request(std::string_view mode, size_t size) const;
  std::string expectBody(const RawMessage& response, std::string_view mode, size_t size);

  std::string get(std::string_view mode);
  std::string getOverHttp10();
  std::string readSlowly();
  std::string upload(bool chunked);
  std::string pipeline();
  std::string meetBrokenOrigin();
  std::string meetSilentOrigin();
  std::string meetEarlyAnswer();
  std::string leaveWithinHead();
  std::string leaveWithinUpload();
  std::string leaveWithinResponse();
  std::string tunnel();
  std::string breakTheProtocol();

  const uint16_t port_;
  std::mt19937_64 random_;
  std::optional<RawConnection> kept_;
  uint64_t bytes_ = 0;
};

}  // namespace weir::test
