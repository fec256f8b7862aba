#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace weir::benchmark {

enum class Mode {
  kTlsFull,     // each request: a new connection, a full handshake, GET, the end of the connection
  kTlsResumed,  // the same with the session of the connection before
  kTlsKeepalive,  // GET after GET on one connection
  kTcp,           // a message and its echo, again and again on one connection
  kUdp,           // a datagram and its echo, again and again from one port
};

// Immutable once parsed. What the command line asks for.
struct Options {
  Mode mode = Mode::kTcp;
  uint16_t port = 0;        // on 127.0.0.1
  size_t connections = 64;  // that work at once
  uint64_t seconds = 1;
  size_t size = 128;          // bytes of a message or datagram
  std::string path = "/128";  // of a GET
  uint64_t rate = 0;          // requests a second over all connections; 0: each follows the last
};

extern const char* const kUsage;

// Nothing when a word is unknown, a number is missing, malformed or out of its range.
std::optional<Options> parseOptions(int argc, const char* const* argv);

}  // namespace weir::benchmark
