#include "test/http/http2/raw_peer.h"

#include <algorithm>

namespace weir::http::http2 {

namespace {

bool hasGoaway(const std::vector<raw::Frame>& frames, raw::ErrorCode code) {
  return std::any_of(frames.begin(), frames.end(), [&](const raw::Frame& frame) {
    return frame.type == raw::FrameType::kGoaway &&
           raw::readBigEndian(std::string_view(frame.payload).substr(4, 4)) ==
               static_cast<uint32_t>(code);
  });
}

}  // namespace

std::vector<raw::Frame> framesOf(std::string_view bytes) {
  std::vector<raw::Frame> frames;
  while (bytes.size() >= raw::kFrameHeaderBytes) {
    const size_t length = raw::readBigEndian(bytes.substr(0, 3));
    raw::Frame frame;
    frame.type = static_cast<raw::FrameType>(bytes[3]);
    frame.flags = static_cast<uint8_t>(bytes[4]);
    frame.stream = raw::readBigEndian(bytes.substr(5, 4));
    frame.payload = bytes.substr(raw::kFrameHeaderBytes, length);
    frames.push_back(frame);
    bytes.remove_prefix(std::min(bytes.size(), raw::kFrameHeaderBytes + length));
  }
  return frames;
}

void RawClient::start(const raw::Settings& settings) {
  server.start();
  send(std::string(raw::kClientPreface) + raw::settings(settings));
  send(raw::settingsAck());
}

std::vector<raw::Frame> RawClient::receive() {
  dispatcher.runUntilIdle();
  std::vector<raw::Frame> came = framesOf(server.output.take());
  frames.insert(frames.end(), came.begin(), came.end());
  return came;
}

std::vector<raw::Frame> RawClient::send(std::string_view bytes) {
  const StreamError result = server.feed(bytes);
  if (result.reason != ErrorReason::kNone) error = result;
  return receive();
}

std::string RawClient::request(uint32_t stream, bool end_stream, const raw::Fields& more,
                               std::string_view path) {
  raw::Fields fields{{":method", end_stream ? "GET" : "POST"},
                     {":scheme", "https"},
                     {":authority", "host"},
                     {":path", std::string(path)}};
  fields.insert(fields.end(), more.begin(), more.end());
  const uint8_t flags =
      static_cast<uint8_t>(raw::kEndHeaders | (end_stream ? raw::kEndStream : raw::kNoFlags));
  return raw::headers(stream, raw::hpack::block(fields), flags);
}

bool RawClient::ended(raw::ErrorCode code) const {
  const bool told = error.reason != ErrorReason::kNone || server.failure.has_value();
  return told && hasGoaway(frames, code);
}

bool RawClient::reset(uint32_t stream, raw::ErrorCode code) const {
  return std::any_of(frames.begin(), frames.end(), [&](const raw::Frame& frame) {
    return frame.type == raw::FrameType::kRstStream && frame.stream == stream &&
           raw::readBigEndian(frame.payload) == static_cast<uint32_t>(code);
  });
}

uint64_t RawClient::count(Limit limit) const {
  return static_cast<uint64_t>(server.side.store.valueOf(
      "http2_limits_total", {{"side", "x"}, {"limit", std::string(limitName(limit))}}));
}

void RawServer::start(const raw::Settings& settings) {
  client.start();
  dispatcher.runUntilIdle();
  const std::string preface = client.output.take();
  frames = framesOf(std::string_view(preface).substr(kPreface.size()));
  send(raw::settings(settings) + raw::settingsAck());
}

std::vector<raw::Frame> RawServer::receive() {
  dispatcher.runUntilIdle();
  std::vector<raw::Frame> came = framesOf(client.output.take());
  frames.insert(frames.end(), came.begin(), came.end());
  return came;
}

std::vector<raw::Frame> RawServer::send(std::string_view bytes) {
  const StreamError result = client.feed(bytes);
  if (result.reason != ErrorReason::kNone) error = result;
  return receive();
}

std::string RawServer::response(uint32_t stream, std::string_view status, bool end_stream,
                                const raw::Fields& more) {
  raw::Fields fields{{":status", std::string(status)}};
  fields.insert(fields.end(), more.begin(), more.end());
  const uint8_t flags =
      static_cast<uint8_t>(raw::kEndHeaders | (end_stream ? raw::kEndStream : raw::kNoFlags));
  return raw::headers(stream, raw::hpack::block(fields), flags);
}

bool RawServer::ended(raw::ErrorCode code) const {
  const bool told = error.reason != ErrorReason::kNone || client.failure.has_value();
  return told && hasGoaway(frames, code);
}

}  // namespace weir::http::http2
