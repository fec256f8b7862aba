#include "test/upstream/test_http2_origin.h"

#include <algorithm>

namespace weir::upstream {

using namespace test::http2;

void TestHttp2Origin::pump() {
  while (connections_.size() < origin_.accepted()) connections_.emplace_back();
  for (size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].in += origin_.read(i);
    digest(i, connections_[i]);
  }
}

TestHttp2Origin::Connection& TestHttp2Origin::at(size_t number) {
  pump();
  static Connection none;
  none = {};
  return number < connections_.size() ? connections_[number] : none;
}

size_t TestHttp2Origin::openOfAll() {
  pump();
  size_t count = 0;
  for (const Connection& connection : connections_) count += connection.open.size();
  return count;
}

void TestHttp2Origin::digest(size_t number, Connection& connection) {
  if (!connection.greeted) {
    if (connection.in.size() < kClientPreface.size()) return;
    connection.in.erase(0, kClientPreface.size());
    connection.greeted = true;
    send(number, greeting);
  }
  while (connection.in.size() >= kFrameHeaderBytes) {
    const size_t length = readBigEndian(std::string_view(connection.in).substr(0, 3));
    if (connection.in.size() < kFrameHeaderBytes + length) return;
    const auto type = static_cast<FrameType>(connection.in[3]);
    const bool ack = (connection.in[4] & kAck) != 0;
    const uint32_t stream = readBigEndian(std::string_view(connection.in).substr(5, 4));
    const std::string payload = connection.in.substr(kFrameHeaderBytes, length);
    connection.in.erase(0, kFrameHeaderBytes + length);
    switch (type) {
      case FrameType::kSettings:
        connection.settings_acks += ack ? 1 : 0;
        if (!ack && !greeting.empty()) send(number, settingsAck());
        break;
      case FrameType::kPing:
        if (ack) break;
        ++connection.pings;
        if (answers_pings) send(number, ping(payload, kAck));
        break;
      case FrameType::kGoaway:
        connection.goaway = true;
        break;
      case FrameType::kHeaders:
        connection.open.push_back(stream);
        connection.most_open = std::max(connection.most_open, connection.open.size());
        break;
      case FrameType::kRstStream:
        close(connection, stream);
        break;
      default:
        break;
    }
  }
}

void TestHttp2Origin::close(Connection& connection, uint32_t stream) {
  std::erase(connection.open, stream);
}

void TestHttp2Origin::answer(size_t number, uint32_t stream) {
  close(at(number), stream);
  send(number,
       headers(stream, hpack::block({{":status", "200"}})) + data(stream, "ok", kEndStream));
}

void TestHttp2Origin::answerAll() {
  pump();
  for (size_t i = 0; i < connections_.size(); ++i) {
    const std::vector<uint32_t> streams = connections_[i].open;
    for (const uint32_t stream : streams) answer(i, stream);
  }
}

void TestHttp2Origin::reset(size_t number, uint32_t stream, ErrorCode code) {
  close(at(number), stream);
  send(number, rstStream(stream, code));
}

}  // namespace weir::upstream
