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

namespace weir::http {

// What a line is made from; valid for the call.
struct LogEntry {
  const RequestHead& request;
  const ResponseHead& response;
  const HeaderMap& response_trailers;
  const StreamInfo& info;
};

// A text with operators in Envoy's spelling ("%REQ(:METHOD)% %RESPONSE_CODE%"), parsed. "%%" is a
// percent sign. For lines of logs, for JSON, and for the values of fields (HeaderRules). Immutable.
class Format {
 public:
  // The error names the operator, what is wrong with it, and a similar one that exists.
  static absl::StatusOr<Format> parse(std::string_view text);

  // All operators, without percent signs.
  static std::vector<std::string> operatorNames();

  // Appends the text. An operator without a value is "-". What peers sent is escaped: control
  // characters, quotes, backslashes and bytes above 0x7e as \xHH, so that it can neither end a line
  // nor a quoted field. Allocates only when `out` must grow, here and below.
  void append(const LogEntry& entry, std::string& out) const;
  // Appends a JSON value: a number when the format is one numeric operator, null when it is one
  // operator without a value, else a string.
  void appendJson(const LogEntry& entry, std::string& out) const;
  // Appends the text as it may stand in a field's value (RFC 9110 5.5): what peers sent as it came,
  // but with a space for each control character. An operator without a value is nothing. Of a
  // response that has not come, nothing has a value.
  void appendFieldValue(const LogEntry& entry, std::string& out) const;
  // The same with what peers sent just as it came.
  void appendRaw(const LogEntry& entry, std::string& out) const;

  // Without operators: what it says whatever the entry.
  bool isLiteral() const;
  std::string_view literal() const;  // when isLiteral()

  struct Values;  // for the files that have the operators' values

 private:
  enum class Style : uint8_t { kLine, kJson, kFieldValue, kRaw };
  enum class Operator : uint8_t;
  struct Name;
  struct Piece {
    const Name* name = nullptr;  // null: literal text
    std::string text;            // literal; header name in lower case; time format of strftime
    std::string alternative;     // second header name of "X?Y"
    std::vector<std::string> path = {};  // of metadata: namespace, then keys
    uint32_t max_length = 0;             // ":N"; 0: whole
    uint8_t tlv_type = 0;
    bool virtual_host = false;  // metadata of it, not of the route
  };
  static std::span<const Name> names();
  static absl::StatusOr<Piece> parseOperator(std::string_view body);
  static absl::Status parseArgument(std::string_view argument, Piece& piece);
  static bool value(const Piece& piece, const LogEntry& entry, Style style, std::string& out);
  void appendAll(const LogEntry& entry, Style style, std::string& out) const;
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

}  // namespace weir::http
