#include "test/fakes/fake_transport.h"

#include <algorithm>

namespace weir::network::test {

using State = IoResult::State;

IoResult FakeTransport::handshake() {
  if (wire_->handshake_steps < 0) return {0, State::kError, 0};
  if (wire_->handshake_steps == 0) return {};
  --wire_->handshake_steps;
  return {0, State::kWouldBlock, 0};
}

IoResult FakeTransport::read(std::span<char> out) {
  ++wire_->reads;
  const size_t count = std::min({out.size(), wire_->incoming.size(), wire_->read_limit});
  if (count > 0) {
    std::copy_n(wire_->incoming.data(), count, out.data());
    wire_->incoming.erase(0, count);
    return {count, wire_->incoming.empty() ? State::kWouldBlock : State::kOk, 0};
  }
  if (wire_->read_error != 0) return {0, State::kError, std::max(wire_->read_error, 0)};
  return {0, wire_->incoming_ended ? State::kEnd : State::kWouldBlock, 0};
}

IoResult FakeTransport::write(buffer::Buffer& data) {
  ++wire_->writes;
  if (wire_->write_error != 0) return {0, State::kError, wire_->write_error};
  const size_t count = std::min(data.size(), wire_->write_room);
  wire_->written += data.toString().substr(0, count);
  wire_->write_room -= count;
  data.drain(count);
  return {count, data.empty() ? State::kOk : State::kWouldBlock, 0};
}

IoResult FakeTransport::shutdownWrite() {
  wire_->write_ended = true;
  return {};
}

}  // namespace weir::network::test
