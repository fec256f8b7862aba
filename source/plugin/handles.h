#pragma once

#include <cstdint>
#include <optional>

#include "api/weir/plugin/plugin.h"
#include "source/buffer/buffer.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace weir::network {
class NetworkFilterChain;
}

// The handles that plugins hold are our own objects; where a handle may stand for objects of
// several types, the lowest bits of the pointer say which. Nothing is allocated. Every function is
// thread-safe.
namespace weir::plugin {

class Loop;
class Scope;

inline weir_loop* handleOf(Loop& loop) {
  return reinterpret_cast<weir_loop*>(&loop);
}
inline Loop& loopOf(weir_loop* handle) {
  return *reinterpret_cast<Loop*>(handle);
}
inline weir_scope* handleOf(Scope& scope) {
  return reinterpret_cast<weir_scope*>(&scope);
}
inline Scope& scopeOf(weir_scope* handle) {
  return *reinterpret_cast<Scope*>(handle);
}
inline weir_buffer* handleOf(buffer::Buffer& buffer) {
  return reinterpret_cast<weir_buffer*>(&buffer);
}
inline buffer::Buffer& bufferOf(weir_buffer* handle) {
  return *reinterpret_cast<buffer::Buffer*>(handle);
}
inline const buffer::Buffer& bufferOf(const weir_buffer* handle) {
  return *reinterpret_cast<const buffer::Buffer*>(handle);
}

// A head or trailers.
weir_headers* handleOf(http::RequestHead& head);
weir_headers* handleOf(http::ResponseHead& head);
weir_headers* handleOf(http::HeaderMap& trailers);
inline const weir_headers* handleOf(const http::RequestHead& head) {
  return handleOf(const_cast<http::RequestHead&>(head));
}
inline const weir_headers* handleOf(const http::ResponseHead& head) {
  return handleOf(const_cast<http::ResponseHead&>(head));
}
inline const weir_headers* handleOf(const http::HeaderMap& trailers) {
  return handleOf(const_cast<http::HeaderMap&>(trailers));
}

// What a weir_headers stands for. `fields` is null for a null handle; at most one head is set.
struct HeadersRef {
  http::HeaderMap* fields = nullptr;
  http::RequestHead* request = nullptr;
  http::ResponseHead* response = nullptr;
};
HeadersRef headersOf(const weir_headers* handle);

// Facts of an exchange, or of a connection.
const weir_info* handleOf(const http::StreamInfo& info);
const weir_info* handleOf(network::NetworkFilterChain& chain);

struct InfoRef {
  const http::StreamInfo* stream = nullptr;
  network::NetworkFilterChain* connection = nullptr;
};
InfoRef infoOf(const weir_info* handle);

}  // namespace weir::plugin
