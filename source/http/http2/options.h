#pragma once

#include <chrono>
#include <cstdint>

namespace weir::http::http2 {

// How one side of HTTP/2 connections behaves; the defaults are safe at the edge. What a head may be
// is in CodecLimits. Value.
struct Options {
  // Server: streams a client may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). Client:
  // streams that are opened on one connection, if the peer allows as many.
  uint32_t max_concurrent_streams = 100;

  // Flow control (RFC 9113 5.2): what the peer may send before it is consumed here. They start so
  // and grow with the measured bandwidth-delay product up to max_window_bytes.
  uint32_t stream_window_bytes = 256 * 1024;       // 65 535 … 2^31 - 1
  uint32_t connection_window_bytes = 1024 * 1024;  // likewise
  uint32_t max_window_bytes = 16 * 1024 * 1024;    // at or below the others: they stay as they are

  uint32_t max_frame_bytes = 16 * 1024;    // SETTINGS_MAX_FRAME_SIZE: 16 384 … 2^24 - 1
  uint32_t header_table_bytes = 4 * 1024;  // HPACK dynamic table, each way; 0: none

  // A PING when nothing was received for so long; zero: never. No answer within the timeout closes
  // the connection.
  std::chrono::milliseconds keepalive_interval{0};
  std::chrono::milliseconds keepalive_timeout{10'000};
  // From the first byte of a field block to its last; zero: no limit.
  std::chrono::milliseconds head_timeout{10'000};
  // Data waits for the peer to open a window, and it opens none: the stream is reset. Zero: never.
  std::chrono::milliseconds stalled_window_timeout{60'000};

  // More than that is an attack (RFC 9113 10.5): GOAWAY with ENHANCE_YOUR_CALM, and close. Those
  // without another word count within `flood_interval`; 0 allows none.
  std::chrono::milliseconds flood_interval{10'000};
  uint32_t max_continuation_frames = 8;     // in one field block, 0 … 8
  uint32_t max_resets = 400;                // streams the client gave up before their answer
  uint32_t max_empty_data_frames = 100;     // without END_STREAM
  uint32_t max_tiny_data_frames = 200'000;  // under kTinyDataBytes, without END_STREAM
  uint32_t max_settings_frames = 50;
  uint32_t max_ping_frames = 200;
  uint32_t max_priority_frames = 1'000;        // PRIORITY and PRIORITY_UPDATE
  uint32_t max_unknown_frames = 200;           // of types that nobody knows
  uint32_t window_updates_per_data_frame = 8;  // of those sent to the peer, over a free 200

  static constexpr uint32_t kTinyDataBytes = 64;

  // Server: extended CONNECT (RFC 8441) is announced. Filled in by the owner.
  bool extended_connect = false;
};

}  // namespace weir::http::http2
