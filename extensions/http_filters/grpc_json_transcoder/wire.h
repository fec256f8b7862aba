#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::extensions::http_filters::grpc_json_transcoder {

// google.api.HttpBody, whose fields these are: a body that is no message.
struct HttpBody {
  std::string content_type;
  std::string data;
};
inline constexpr std::string_view kHttpBodyType = "google.api.HttpBody";

std::string encodeHttpBody(std::string_view content_type, std::string_view data);
// nullopt when `bytes` are no message.
std::optional<HttpBody> decodeHttpBody(std::string_view bytes);

// A field of type string, bytes or message, or numbers that are packed.
struct WireField {
  uint32_t number = 0;
  std::string_view value;
};

// Walks through a message and stops at those fields; others are passed over, and what is in groups.
// Worker-confined.
class WireReader {
 public:
  enum class Result : uint8_t { kField, kEnd, kDamaged };
  explicit WireReader(std::string_view message) : rest_(message) {}
  Result next(WireField& field);

 private:
  bool readVarint(uint64_t& value);
  bool skip(uint64_t bytes);

  std::string_view rest_;
  size_t groups_ = 0;  // open
};

void appendField(uint32_t number, std::string_view value, std::string& out);
// The pieces of one, one after the other, as a message in several pieces is merged; empty when
// absent, nullopt when `bytes` are no message.
std::optional<std::string> fieldOf(std::string_view bytes, uint32_t number);

// google.rpc.Status as JSON; `details`: JSON values with "," between them.
std::string statusJson(int code, std::string_view message, std::string_view details);
// A google.protobuf.Any of a type that is not known here, as JSON: its value in base64.
std::string opaqueAnyJson(std::string_view any);

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
