#include "source/config/http2_options.h"

#include "api/weir/config/v1/http2.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

using http::http2::Options;
using std::chrono::milliseconds;

constexpr uint64_t kMostOf32Bits = 0xffff'ffff;
constexpr uint64_t kMostStreams = 0x7fff'ffff;
constexpr NumberRange kWindow = {65'535, 0x7fff'ffff};  // RFC 9113 6.9.1
constexpr NumberRange kFrame = {16'384, 0xff'ffff};     // RFC 9113 6.5.2
constexpr uint64_t kMostTableBytes = 1024 * 1024;
constexpr uint64_t kMostContinuations = 8;

// 0 is the default.
uint32_t sizeOr(uint32_t value, uint32_t fallback, NumberRange range, const Cursor& at) {
  return static_cast<uint32_t>(readNumberOr(value, fallback, range, at));
}

// `name`: of v1::Http2Limits, or v1::Http2; a field left out changes nothing.
void readCount(bool given, uint32_t value, uint64_t most, std::string_view name, const Cursor& at,
               uint32_t& to) {
  if (given) to = static_cast<uint32_t>(readNumber(value, {0, most}, at.field(name)));
}

void readTime(bool given, const google::protobuf::Duration& value, DurationRange range,
              std::string_view name, const Cursor& at, milliseconds& to) {
  to = readDuration(given ? &value : nullptr, to, range, at.field(name));
}

void readLimits(const v1::Http2Limits& from, const Cursor& at, Options& to) {
  readTime(from.has_head_timeout(), from.head_timeout(), {milliseconds(0)}, "head_timeout", at,
           to.head_timeout);
  readTime(from.has_stalled_window_timeout(), from.stalled_window_timeout(), {milliseconds(0)},
           "stalled_window_timeout", at, to.stalled_window_timeout);
  readTime(from.has_interval(), from.interval(), {milliseconds(100)}, "interval", at,
           to.flood_interval);
  const auto count = [&at](bool given, uint32_t value, std::string_view name, uint32_t& result) {
    readCount(given, value, kMostOf32Bits, name, at, result);
  };
  readCount(from.has_max_continuation_frames(), from.max_continuation_frames(), kMostContinuations,
            "max_continuation_frames", at, to.max_continuation_frames);
  count(from.has_max_resets(), from.max_resets(), "max_resets", to.max_resets);
  count(from.has_max_empty_data_frames(), from.max_empty_data_frames(), "max_empty_data_frames",
        to.max_empty_data_frames);
  count(from.has_max_tiny_data_frames(), from.max_tiny_data_frames(), "max_tiny_data_frames",
        to.max_tiny_data_frames);
  count(from.has_max_settings_frames(), from.max_settings_frames(), "max_settings_frames",
        to.max_settings_frames);
  count(from.has_max_ping_frames(), from.max_ping_frames(), "max_ping_frames", to.max_ping_frames);
  count(from.has_max_priority_frames(), from.max_priority_frames(), "max_priority_frames",
        to.max_priority_frames);
  count(from.has_max_unknown_frames(), from.max_unknown_frames(), "max_unknown_frames",
        to.max_unknown_frames);
  count(from.has_window_updates_per_data_frame(), from.window_updates_per_data_frame(),
        "window_updates_per_data_frame", to.window_updates_per_data_frame);
}

}  // namespace

Options readHttp2Options(const v1::Http2& from, const Cursor& at) {
  Options to;
  to.max_concurrent_streams = sizeOr(from.max_concurrent_streams(), to.max_concurrent_streams,
                                     {1, kMostStreams}, at.field("max_concurrent_streams"));
  to.stream_window_bytes = sizeOr(from.stream_window_bytes(), to.stream_window_bytes, kWindow,
                                  at.field("stream_window_bytes"));
  to.connection_window_bytes = sizeOr(from.connection_window_bytes(), to.connection_window_bytes,
                                      kWindow, at.field("connection_window_bytes"));
  to.max_window_bytes =
      sizeOr(from.max_window_bytes(), to.max_window_bytes, kWindow, at.field("max_window_bytes"));
  to.max_frame_bytes =
      sizeOr(from.max_frame_bytes(), to.max_frame_bytes, kFrame, at.field("max_frame_bytes"));
  readCount(from.has_header_table_bytes(), from.header_table_bytes(), kMostTableBytes,
            "header_table_bytes", at, to.header_table_bytes);
  readTime(from.has_keepalive_timeout(), from.keepalive_timeout(), {milliseconds(1)},
           "keepalive_timeout", at, to.keepalive_timeout);
  readTime(from.has_keepalive_interval(), from.keepalive_interval(), {milliseconds(0)},
           "keepalive_interval", at, to.keepalive_interval);
  if (to.keepalive_interval.count() > 0 && to.keepalive_interval < std::chrono::seconds(1)) {
    at.field("keepalive_interval")
        .error(base::concat(durationText(to.keepalive_interval), " is out of range"),
               "it must be 1 s to 24 h, or 0 s for never");
  }
  readLimits(from.limits(), at.field("limits"), to);
  return to;
}

}  // namespace weir::config
