#include "test/support/http2_frames.h"

#include <array>

namespace weir::test::http2 {
namespace {

constexpr uint32_t kReservedBit = 0x80000000;

}  // namespace

std::string_view nameOf(FrameType type) {
  constexpr std::array<std::string_view, 10> kNames = {
      "DATA",         "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
      "PUSH_PROMISE", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION"};
  const auto index = static_cast<size_t>(type);
  if (index < kNames.size()) return kNames[index];
  return type == FrameType::kPriorityUpdate ? "PRIORITY_UPDATE" : "unknown frame";
}

std::string_view nameOf(ErrorCode code) {
  constexpr std::array<std::string_view, 14> kNames = {"NO_ERROR",
                                                       "PROTOCOL_ERROR",
                                                       "INTERNAL_ERROR",
                                                       "FLOW_CONTROL_ERROR",
                                                       "SETTINGS_TIMEOUT",
                                                       "STREAM_CLOSED",
                                                       "FRAME_SIZE_ERROR",
                                                       "REFUSED_STREAM",
                                                       "CANCEL",
                                                       "COMPRESSION_ERROR",
                                                       "CONNECT_ERROR",
                                                       "ENHANCE_YOUR_CALM",
                                                       "INADEQUATE_SECURITY",
                                                       "HTTP_1_1_REQUIRED"};
  const auto index = static_cast<size_t>(code);
  return index < kNames.size() ? kNames[index] : "unknown error";
}

std::string Frame::text() const {
  constexpr char kDigits[] = "0123456789abcdef";
  return std::string(nameOf(type)) + "(flags 0x" + kDigits[flags >> 4] + kDigits[flags & 15] +
         ", stream " + std::to_string(stream) + ", " + std::to_string(payload.size()) + " bytes)";
}

std::string bigEndian(uint64_t value, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift));
  return out;
}

uint32_t readBigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) value = (value << 8) | static_cast<uint8_t>(byte);
  return value;
}

std::string frameHeader(uint32_t length, FrameType type, uint8_t flags, uint32_t stream) {
  std::string out = bigEndian(length, 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out + bigEndian(stream, 4);
}

std::string frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return frameHeader(static_cast<uint32_t>(payload.size()), type, flags, stream) +
         std::string(payload);
}

std::string data(uint32_t stream, std::string_view body, uint8_t flags) {
  return frame(FrameType::kData, flags, stream, body);
}

std::string headers(uint32_t stream, std::string_view block, uint8_t flags) {
  return frame(FrameType::kHeaders, flags, stream, block);
}

std::string continuation(uint32_t stream, std::string_view block, uint8_t flags) {
  return frame(FrameType::kContinuation, flags, stream, block);
}

std::string priority(uint32_t stream, uint32_t dependency, uint8_t weight, bool exclusive) {
  return frame(
      FrameType::kPriority, kNoFlags, stream,
      bigEndian(dependency | (exclusive ? kReservedBit : 0), 4) + static_cast<char>(weight));
}

std::string rstStream(uint32_t stream, ErrorCode code) {
  return frame(FrameType::kRstStream, kNoFlags, stream, bigEndian(static_cast<uint32_t>(code), 4));
}

std::string settings(const Settings& values) {
  std::string payload;
  for (const auto& [id, value] : values)
    payload += bigEndian(static_cast<uint16_t>(id), 2) + bigEndian(value, 4);
  return frame(FrameType::kSettings, kNoFlags, 0, payload);
}

std::string settingsAck() {
  return frame(FrameType::kSettings, kAck, 0, {});
}

std::string pushPromise(uint32_t stream, uint32_t promised, std::string_view block, uint8_t flags) {
  return frame(FrameType::kPushPromise, flags, stream, bigEndian(promised, 4) + std::string(block));
}

std::string ping(std::string_view eight_bytes, uint8_t flags) {
  return frame(FrameType::kPing, flags, 0, eight_bytes);
}

std::string goaway(uint32_t last_stream, ErrorCode code, std::string_view debug) {
  return frame(
      FrameType::kGoaway, kNoFlags, 0,
      bigEndian(last_stream, 4) + bigEndian(static_cast<uint32_t>(code), 4) + std::string(debug));
}

std::string windowUpdate(uint32_t stream, uint32_t increment) {
  return frame(FrameType::kWindowUpdate, kNoFlags, stream, bigEndian(increment, 4));
}

std::string priorityUpdate(uint32_t prioritised, std::string_view value) {
  return frame(FrameType::kPriorityUpdate, kNoFlags, 0,
               bigEndian(prioritised, 4) + std::string(value));
}

std::string paddedPayload(std::string_view content, uint8_t pad_length) {
  return std::string(1, static_cast<char>(pad_length)) + std::string(content) +
         std::string(pad_length, '\0');
}

}  // namespace weir::test::http2
