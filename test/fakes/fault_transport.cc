#include "test/fakes/fault_transport.h"

#include <algorithm>
#include <cerrno>

namespace weir::network::test {

using State = IoResult::State;

size_t FaultTransport::allowance(size_t wanted, uint64_t done, uint64_t reset_at) {
  if (strikes(faults_.short_percent)) wanted = std::min<size_t>(wanted, 1 + random_() % 16);
  return static_cast<size_t>(std::min<uint64_t>(wanted, reset_at - done));
}

IoResult FaultTransport::read(std::span<char> out) {
  if (bytes_read_ >= faults_.reset_read_at) return {0, State::kError, ECONNRESET};
  if (strikes(faults_.would_block_percent)) return {0, State::kWouldBlock, 0};
  const size_t room = allowance(out.size(), bytes_read_, faults_.reset_read_at);
  const IoResult result = plain_.read(out.first(room));
  bytes_read_ += result.bytes;
  return result;
}

IoResult FaultTransport::write(buffer::Buffer& data) {
  if (data.empty()) return {};
  if (bytes_written_ >= faults_.reset_write_at) return {0, State::kError, ECONNRESET};
  if (strikes(faults_.would_block_percent)) return {0, State::kWouldBlock, 0};
  const size_t room = allowance(data.size(), bytes_written_, faults_.reset_write_at);
  buffer::Buffer part(data.pool());
  part.appendPrefix(data, room);
  IoResult result = plain_.write(part);
  bytes_written_ += result.bytes;
  part.append(data);  // what is left goes first
  data = std::move(part);
  if (result.state == State::kOk && !data.empty()) result.state = State::kWouldBlock;
  return result;
}

}  // namespace weir::network::test
