#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::network {

// What a ClientHello asks for. Value.
struct ClientHello {
  // Host name of the server_name extension (RFC 6066, 3), in lower case, without a dot at its end.
  // Empty when there is none, or when it is no host name (an address, characters that no name has).
  std::string server_name;
  std::vector<std::string> application_protocols;  // ALPN (RFC 7301) in the client's order
};

enum class ClientHelloError : uint8_t {
  kNone,
  kTooLong,         // more than the limits below
  kBadRecord,       // not a handshake record where one must follow, or of an impossible length
  kNotClientHello,  // another handshake message
  kBadHello,        // lengths within the message do not fit each other
  kBadServerName,   // server_name: empty, with a NUL, too long, or not exactly one
  kBadProtocols,    // ALPN: empty names or lengths that do not fit, or too many
  kRepeated,        // an extension that is read comes twice
};
inline constexpr size_t kClientHelloErrors = 8;
// "bad_record": as it stands in statistics.
std::string_view clientHelloErrorName(ClientHelloError error);

// Reads the ClientHello at the start of a TLS connection without taking part in it (RFC 8446, 4.1.2
// and 5.1): any number of records, segments and unknown values (GREASE, RFC 8701) before, between
// and behind what it looks for. Work is linear in the bytes, however they come. Worker-confined.
class ClientHelloInspector {
 public:
  enum class Progress : uint8_t {
    kNeedMore,
    kFound,
    kNotTls,  // known at the first byte that differs
    kMalformed,
  };
  // `bytes`: all that came so far; those of the last call stand at their places again. After
  // another answer than kNeedMore it stays the same.
  Progress inspect(std::string_view bytes);

  const ClientHello& hello() const { return hello_; }  // of kFound
  ClientHelloError error() const { return error_; }    // of kMalformed

  // Room for post-quantum key shares: the message may have this many bytes, the records around it
  // so many more.
  static constexpr size_t kMaxHelloBytes = 16 * 1024;
  static constexpr size_t kMaxBytes = kMaxHelloBytes + 4 * 1024;
  static constexpr size_t kMaxProtocols = 64;

 private:
  Progress collect(std::string_view bytes);
  Progress readRecordHead(std::string_view bytes);
  Progress takePayload(std::string_view payload);
  Progress finish(std::string_view message);
  Progress fail(ClientHelloError error);

  ClientHello hello_;
  std::string message_;       // of the parts that came in earlier records
  size_t message_bytes_ = 0;  // the whole message with its head; 0: not known yet
  size_t at_ = 0;             // of the record that is being looked at
  size_t record_bytes_ = 0;   // its payload; 0: its head was not read yet
  Progress progress_ = Progress::kNeedMore;
  ClientHelloError error_ = ClientHelloError::kNone;
};

}  // namespace weir::network
