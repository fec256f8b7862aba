#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <string>

#include "source/plugin/handles.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/loop.h"
#include "source/plugin/structs.h"

// What weir_host says of buffers.
namespace weir::plugin {
namespace {

size_t sizeOf(const weir_buffer* buffer) {
  return buffer == nullptr ? 0 : bufferOf(buffer).size();
}

// From pieces, for as long as they reach; returns how many bytes.
size_t copyPieces(std::span<const iovec> pieces, size_t offset, char* out, size_t size) {
  size_t copied = 0;
  for (const iovec& piece : pieces) {
    if (offset >= piece.iov_len) {
      offset -= piece.iov_len;
      continue;
    }
    const size_t count = std::min(piece.iov_len - offset, size - copied);
    std::memcpy(out + copied, static_cast<const char*>(piece.iov_base) + offset, count);
    copied += count;
    offset = 0;
    if (copied == size) break;
  }
  return copied;
}

size_t copy(const weir_buffer* handle, size_t offset, void* out, size_t size) {
  if (handle == nullptr) return 0;
  const buffer::Buffer& buffer = bufferOf(handle);
  if (offset >= buffer.size() || out == nullptr) return 0;
  size = std::min(size, buffer.size() - offset);
  std::array<iovec, 64> pieces;
  const size_t used = buffer.fill(pieces);
  const size_t copied = copyPieces({pieces.data(), used}, offset, static_cast<char*>(out), size);
  if (copied == size) return copied;
  const std::string all = buffer.toString();  // in very many pieces
  std::memcpy(out, all.data() + offset, size);
  return size;
}

weir_str viewOf(weir_buffer* handle, size_t bytes) {
  if (handle == nullptr) return {};
  buffer::Buffer& buffer = bufferOf(handle);
  return str(buffer.linearize(std::min(bytes, buffer.size())));
}

weir_str front(const weir_buffer* buffer) {
  return buffer == nullptr ? weir_str{} : str(bufferOf(buffer).front());
}

void drain(weir_buffer* handle, size_t bytes) {
  if (handle == nullptr) return;
  buffer::Buffer& buffer = bufferOf(handle);
  buffer.drain(std::min(bytes, buffer.size()));
}

void append(weir_buffer* buffer, weir_str bytes) {
  if (buffer != nullptr) bufferOf(buffer).append(view(bytes));
}

void prepend(weir_buffer* buffer, weir_str bytes) {
  if (buffer != nullptr) bufferOf(buffer).prepend(view(bytes));
}

void replace(weir_buffer* handle, weir_str bytes) {
  if (handle == nullptr) return;
  buffer::Buffer& buffer = bufferOf(handle);
  buffer::Buffer fresh(buffer.pool());
  fresh.append(view(bytes));
  buffer = std::move(fresh);
}

void move(weir_buffer* from_handle, weir_buffer* to_handle, size_t bytes) {
  if (from_handle == nullptr || to_handle == nullptr || from_handle == to_handle) return;
  buffer::Buffer& from = bufferOf(from_handle);
  bufferOf(to_handle).appendPrefix(from, std::min(bytes, from.size()));
}

weir_buffer* create(weir_loop* loop) {
  return handleOf(*new buffer::Buffer(loopOf(loop).blocks()));
}

void destroy(weir_buffer* buffer) {
  if (buffer != nullptr) delete &bufferOf(buffer);
}

}  // namespace

void fillBuffers(weir_host& host) {
  host.buffer_size = sizeOf;
  host.buffer_copy = copy;
  host.buffer_view = viewOf;
  host.buffer_front = front;
  host.buffer_drain = drain;
  host.buffer_append = append;
  host.buffer_prepend = prepend;
  host.buffer_replace = replace;
  host.buffer_move = move;
  host.buffer_create = create;
  host.buffer_destroy = destroy;
}

}  // namespace weir::plugin
