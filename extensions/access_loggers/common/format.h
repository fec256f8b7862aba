#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace weir::extensions::access_loggers {

// What a line is made from; valid for the call.
struct LogEntry {
  const http::RequestHead& request;
  const http::ResponseHead& response;
  const http::HeaderMap& response_trailers;
  const http::StreamInfo& info;
};

// A text with operators in Envoy's spelling ("%REQ(:METHOD)% %RESPONSE_CODE%"), parsed. "%%" is a
// percent sign. An operator without a value prints "-". What peers sent is escaped: control
// characters, quotes, backslashes and bytes above 0x7e as \xHH, so that it can neither end a line
// nor a quoted field. Immutable.
class Format {
 public:
  // The error names the operator, what is wrong with it, and a similar one that exists.
  static absl::StatusOr<Format> parse(std::string_view text);

  // All operators, without percent signs.
  static std::vector<std::string> operatorNames();

  // Appends the text. Allocates only when `out` must grow.
  void append(const LogEntry& entry, std::string& out) const;
  // Appends a JSON value: a number when the format is one numeric operator, null when it is one
  // operator without a value, else a string.
  void appendJson(const LogEntry& entry, std::string& out) const;

 private:
  enum class Operator : uint8_t;
  struct Name;
  struct Piece {
    const Name* name = nullptr;  // null: literal text
    std::string text;            // literal; header name in lower case; time format of strftime
    std::string alternative;     // second header name of "X?Y"
    uint32_t max_length = 0;     // ":N"; 0: whole
    uint8_t tlv_type = 0;
  };
  static std::span<const Name> names();
  static absl::StatusOr<Piece> parseOperator(std::string_view body);
  static bool value(const Piece& piece, const LogEntry& entry, bool json, std::string& out);
  static bool connectionValue(const Piece& piece, const network::ConnectionInfo& connection,
                              bool json, std::string& out);
  static bool tlsValue(const Piece& piece, const network::SecurityInfo& security, bool json,
                       std::string& out);
  static bool certificateValue(const Piece& piece, const network::CertificateFacts& certificate,
                               bool json, std::string& out);
  std::vector<Piece> pieces_;
};

// One JSON object per line from formats by field name. Immutable.
class JsonFormat {
 public:
  static absl::StatusOr<JsonFormat> parse(const std::map<std::string, std::string>& fields);
  void append(const LogEntry& entry, std::string& out) const;

 private:
  std::vector<std::pair<std::string, Format>> fields_;  // name quoted, with its colon
};

// Used when the user gives none: Envoy's default line, and one for connections without exchanges.
extern const std::string_view kDefaultFormat;
extern const std::string_view kDefaultConnectionFormat;

}  // namespace weir::extensions::access_loggers
