#include "source/config/http2_options.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "api/weir/config/v1/http2.pb.h"
#include "source/base/registry.h"
#include "source/config/text_parser.h"

namespace weir::config {
namespace {

using http::http2::Options;
using std::chrono::milliseconds;

struct Read {
  Options options;
  std::string findings;
};

Read read(std::string_view text) {
  const base::Registry registry;
  Diagnostics diagnostics;
  ParsedFile file("t", diagnostics);
  v1::Http2 message;
  EXPECT_TRUE(parseText(text, registry, file, message));
  Read result;
  result.options = readHttp2Options(message, file.rootCursor());
  result.findings = diagnostics.toString();
  return result;
}

TEST(Http2Options, WhatIsLeftOutHasItsDefault) {
  const auto [options, findings] = read("limits { }");
  EXPECT_EQ(findings, "");
  const Options defaults;
  EXPECT_EQ(options.max_concurrent_streams, defaults.max_concurrent_streams);
  EXPECT_EQ(options.stream_window_bytes, defaults.stream_window_bytes);
  EXPECT_EQ(options.connection_window_bytes, defaults.connection_window_bytes);
  EXPECT_EQ(options.max_window_bytes, defaults.max_window_bytes);
  EXPECT_EQ(options.max_frame_bytes, defaults.max_frame_bytes);
  EXPECT_EQ(options.header_table_bytes, defaults.header_table_bytes);
  EXPECT_EQ(options.keepalive_interval, defaults.keepalive_interval);
  EXPECT_EQ(options.keepalive_timeout, defaults.keepalive_timeout);
  EXPECT_EQ(options.head_timeout, defaults.head_timeout);
  EXPECT_EQ(options.stalled_window_timeout, defaults.stalled_window_timeout);
  EXPECT_EQ(options.flood_interval, defaults.flood_interval);
  EXPECT_EQ(options.max_continuation_frames, defaults.max_continuation_frames);
  EXPECT_EQ(options.max_resets, defaults.max_resets);
  EXPECT_EQ(options.max_empty_data_frames, defaults.max_empty_data_frames);
  EXPECT_EQ(options.max_tiny_data_frames, defaults.max_tiny_data_frames);
  EXPECT_EQ(options.max_settings_frames, defaults.max_settings_frames);
  EXPECT_EQ(options.max_ping_frames, defaults.max_ping_frames);
  EXPECT_EQ(options.max_priority_frames, defaults.max_priority_frames);
  EXPECT_EQ(options.max_unknown_frames, defaults.max_unknown_frames);
  EXPECT_EQ(options.window_updates_per_data_frame, defaults.window_updates_per_data_frame);
}

// What api/weir/config/v1/http2.proto promises.
TEST(Http2Options, DefaultsAreThoseThatAreWrittenDown) {
  const Options defaults;
  EXPECT_EQ(defaults.max_concurrent_streams, 100u);
  EXPECT_EQ(defaults.stream_window_bytes, 256u * 1024);
  EXPECT_EQ(defaults.connection_window_bytes, 1024u * 1024);
  EXPECT_EQ(defaults.max_window_bytes, 16u * 1024 * 1024);
  EXPECT_EQ(defaults.max_frame_bytes, 16u * 1024);
  EXPECT_EQ(defaults.header_table_bytes, 4u * 1024);
  EXPECT_EQ(defaults.keepalive_interval, milliseconds(0));
  EXPECT_EQ(defaults.keepalive_timeout, milliseconds(10'000));
  EXPECT_EQ(defaults.head_timeout, milliseconds(10'000));
  EXPECT_EQ(defaults.stalled_window_timeout, milliseconds(60'000));
  EXPECT_EQ(defaults.flood_interval, milliseconds(10'000));
  EXPECT_EQ(defaults.max_continuation_frames, 8u);
  EXPECT_EQ(defaults.max_resets, 400u);
  EXPECT_EQ(defaults.max_empty_data_frames, 100u);
  EXPECT_EQ(defaults.max_tiny_data_frames, 200'000u);
  EXPECT_EQ(defaults.max_settings_frames, 50u);
  EXPECT_EQ(defaults.max_ping_frames, 200u);
  EXPECT_EQ(defaults.max_priority_frames, 1'000u);
  EXPECT_EQ(defaults.max_unknown_frames, 200u);
  EXPECT_EQ(defaults.window_updates_per_data_frame, 8u);
  EXPECT_EQ(Options::kTinyDataBytes, 64u);
}

TEST(Http2Options, EveryFieldIsTaken) {
  const auto [options, findings] = read(R"(
max_concurrent_streams: 1
stream_window_bytes: 65535
connection_window_bytes: 2147483647
max_window_bytes: 65536
max_frame_bytes: 16777215
header_table_bytes: 0
keepalive_interval { seconds: 30 }
keepalive_timeout { nanos: 5000000 }
limits {
  head_timeout { seconds: 2 }
  stalled_window_timeout { }
  interval { seconds: 1 }
  max_continuation_frames: 0
  max_resets: 0
  max_empty_data_frames: 1
  max_tiny_data_frames: 2
  max_settings_frames: 3
  max_ping_frames: 4
  max_priority_frames: 5
  max_unknown_frames: 6
  window_updates_per_data_frame: 4294967295
})");
  EXPECT_EQ(findings, "");
  EXPECT_EQ(options.max_concurrent_streams, 1u);
  EXPECT_EQ(options.stream_window_bytes, 65'535u);
  EXPECT_EQ(options.connection_window_bytes, 2'147'483'647u);
  EXPECT_EQ(options.max_window_bytes, 65'536u);
  EXPECT_EQ(options.max_frame_bytes, 16'777'215u);
  EXPECT_EQ(options.header_table_bytes, 0u);
  EXPECT_EQ(options.keepalive_interval, milliseconds(30'000));
  EXPECT_EQ(options.keepalive_timeout, milliseconds(5));
  EXPECT_EQ(options.head_timeout, milliseconds(2'000));
  EXPECT_EQ(options.stalled_window_timeout, milliseconds(0));
  EXPECT_EQ(options.flood_interval, milliseconds(1'000));
  EXPECT_EQ(options.max_continuation_frames, 0u);
  EXPECT_EQ(options.max_resets, 0u);
  EXPECT_EQ(options.max_empty_data_frames, 1u);
  EXPECT_EQ(options.max_tiny_data_frames, 2u);
  EXPECT_EQ(options.max_settings_frames, 3u);
  EXPECT_EQ(options.max_ping_frames, 4u);
  EXPECT_EQ(options.max_priority_frames, 5u);
  EXPECT_EQ(options.max_unknown_frames, 6u);
  EXPECT_EQ(options.window_updates_per_data_frame, 4'294'967'295u);
}

TEST(Http2Options, WhatIsOutOfRangeIsSaidWithItsPlace) {
  EXPECT_EQ(read(R"(max_concurrent_streams: 2147483648
stream_window_bytes: 65534
connection_window_bytes: 2147483648
max_window_bytes: 1
max_frame_bytes: 16383
header_table_bytes: 1048577
keepalive_interval { nanos: 999000000 }
keepalive_timeout { }
limits {
  head_timeout { seconds: -1 }
  stalled_window_timeout { seconds: 86401 }
  interval { nanos: 99000000 }
  max_continuation_frames: 9
})")
                .findings,
            "t:1:25: max_concurrent_streams: 2147483648 is out of range; it must be 1 to "
            "2147483647\n"
            "t:2:22: stream_window_bytes: 65534 is out of range; it must be 65535 to 2147483647\n"
            "t:3:26: connection_window_bytes: 2147483648 is out of range; it must be 65535 to "
            "2147483647\n"
            "t:4:19: max_window_bytes: 1 is out of range; it must be 65535 to 2147483647\n"
            "t:5:18: max_frame_bytes: 16383 is out of range; it must be 16384 to 16777215\n"
            "t:6:21: header_table_bytes: 1048577 is out of range; it must be 0 to 1048576\n"
            "t:7:1: keepalive_interval: 999 ms is out of range; it must be 1 s to 24 h, or 0 s for "
            "never\n"
            "t:8:1: keepalive_timeout: 0 s is out of range; it must be 1 ms to 24 h\n"
            "t:10:3: limits.head_timeout: a duration cannot be negative; it must be 0 s to 24 h\n"
            "t:11:3: limits.stalled_window_timeout: 86401 s is out of range; it must be 0 s to 24 "
            "h\n"
            "t:12:3: limits.interval: 99 ms is out of range; it must be 100 ms to 24 h\n"
            "t:13:28: limits.max_continuation_frames: 9 is out of range; it must be 0 to 8\n");
}

}  // namespace
}  // namespace weir::config
