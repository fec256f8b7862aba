#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// HTTP/2 frames as bytes (RFC 9113, 4.1 and 6), right ones and, as easily, wrong ones. Shares
// nothing with the proxy.
namespace weir::test::http2 {

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
  kPriorityUpdate = 0x10,  // RFC 9218
};

enum class ErrorCode : uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kInternalError = 2,
  kFlowControlError = 3,
  kSettingsTimeout = 4,
  kStreamClosed = 5,
  kFrameSizeError = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompressionError = 9,
  kConnectError = 10,
  kEnhanceYourCalm = 11,
  kInadequateSecurity = 12,
  kHttp11Required = 13,
};

enum class Setting : uint16_t {
  kHeaderTableSize = 1,
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
  kMaxHeaderListSize = 6,
  kEnableConnectProtocol = 8,  // RFC 8441
  kNoRfc7540Priorities = 9,    // RFC 9218
};
using Settings = std::vector<std::pair<Setting, uint32_t>>;

constexpr uint8_t kNoFlags = 0;
constexpr uint8_t kEndStream = 0x01;
constexpr uint8_t kAck = 0x01;
constexpr uint8_t kEndHeaders = 0x04;
constexpr uint8_t kPadded = 0x08;
constexpr uint8_t kPriorityFlag = 0x20;

constexpr size_t kFrameHeaderBytes = 9;
constexpr uint32_t kDefaultWindow = 65'535;
constexpr uint32_t kMaxWindow = 0x7fffffff;
constexpr uint32_t kMinMaxFrameSize = 16'384;
constexpr uint32_t kMaxMaxFrameSize = 0xffffff;

constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string_view nameOf(FrameType type);
std::string_view nameOf(ErrorCode code);

struct Frame {
  FrameType type{};
  uint8_t flags = 0;
  uint32_t stream = 0;
  bool reserved = false;  // the bit in front of the stream's number
  std::string payload;

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  // For messages: "HEADERS(flags 0x4, stream 1, 12 bytes)".
  std::string text() const;
};

std::string bigEndian(uint64_t value, int bytes);
uint32_t readBigEndian(std::string_view bytes);  // up to four

// Any frame: `length` is what the header says, whatever follows.
std::string frameHeader(uint32_t length, FrameType type, uint8_t flags, uint32_t stream);
std::string frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);

std::string data(uint32_t stream, std::string_view body, uint8_t flags = kNoFlags);
// `block` in one frame.
std::string headers(uint32_t stream, std::string_view block, uint8_t flags = kEndHeaders);
std::string continuation(uint32_t stream, std::string_view block, uint8_t flags = kEndHeaders);
std::string priority(uint32_t stream, uint32_t dependency, uint8_t weight, bool exclusive = false);
std::string rstStream(uint32_t stream, ErrorCode code);
std::string settings(const Settings& values = {});
std::string settingsAck();
std::string pushPromise(uint32_t stream, uint32_t promised, std::string_view block,
                        uint8_t flags = kEndHeaders);
std::string ping(std::string_view eight_bytes, uint8_t flags = kNoFlags);
std::string goaway(uint32_t last_stream, ErrorCode code, std::string_view debug = {});
std::string windowUpdate(uint32_t stream, uint32_t increment);
std::string priorityUpdate(uint32_t prioritised, std::string_view value);
// The payload of a frame with flag kPadded; the padding is `pad_length` zeros.
std::string paddedPayload(std::string_view content, uint8_t pad_length);

}  // namespace weir::test::http2
