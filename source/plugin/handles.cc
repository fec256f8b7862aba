#include "source/plugin/handles.h"

namespace weir::plugin {
namespace {

enum class Tag : uintptr_t { kRequest = 0, kResponse = 1, kTrailers = 2 };
constexpr uintptr_t kTagBits = 3;

weir_headers* tagged(void* object, Tag tag) {
  return reinterpret_cast<weir_headers*>(reinterpret_cast<uintptr_t>(object) |
                                         static_cast<uintptr_t>(tag));
}

template <class T>
T* untagged(const void* handle) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(handle) & ~kTagBits);
}

}  // namespace

weir_headers* handleOf(http::RequestHead& head) {
  return tagged(&head, Tag::kRequest);
}

weir_headers* handleOf(http::ResponseHead& head) {
  return tagged(&head, Tag::kResponse);
}

weir_headers* handleOf(http::HeaderMap& trailers) {
  return tagged(&trailers, Tag::kTrailers);
}

HeadersRef headersOf(const weir_headers* handle) {
  if (handle == nullptr) return {};
  HeadersRef ref;
  switch (static_cast<Tag>(reinterpret_cast<uintptr_t>(handle) & kTagBits)) {
    case Tag::kRequest:
      ref.request = untagged<http::RequestHead>(handle);
      ref.fields = &ref.request->headers;
      break;
    case Tag::kResponse:
      ref.response = untagged<http::ResponseHead>(handle);
      ref.fields = &ref.response->headers;
      break;
    case Tag::kTrailers:
      ref.fields = untagged<http::HeaderMap>(handle);
      break;
  }
  return ref;
}

const weir_info* handleOf(const http::StreamInfo& info) {
  return reinterpret_cast<const weir_info*>(&info);
}

const weir_info* handleOf(network::NetworkFilterChain& chain) {
  return reinterpret_cast<const weir_info*>(reinterpret_cast<uintptr_t>(&chain) | 1);
}

InfoRef infoOf(const weir_info* handle) {
  InfoRef ref;
  if ((reinterpret_cast<uintptr_t>(handle) & kTagBits) == 0) {
    ref.stream = reinterpret_cast<const http::StreamInfo*>(handle);
  } else {
    ref.connection = untagged<network::NetworkFilterChain>(handle);
  }
  return ref;
}

}  // namespace weir::plugin
