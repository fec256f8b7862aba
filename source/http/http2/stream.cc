#include "source/http/http2/stream.h"

#include <algorithm>

#include "source/http/http2/memory.h"
#include "source/http/http2/session.h"

namespace weir::http::http2 {

Stream::Stream(Session& session, buffer::BlockPool& blocks)
    : in(blocks), out(blocks), session_(session) {
  session.all_.pushBack(*this);
  ++session.streams_open_;
}

Stream::~Stream() {
  detach();
  if (session_.found_ == this) session_.found_ = nullptr;
  if (session_.block_stream_ == this) session_.block_stream_ = nullptr;
}

void* Stream::operator new(size_t bytes) {
  return Memory::ofThisThread().take(bytes);
}

void Stream::operator delete(void* memory) {
  Memory::ofThisThread().give(memory);
}

void Stream::detach() {
  session_.dropHeld(*this);
  session_.dropWaiting(*this);
  if (!attached) return;
  attached = false;
  --session_.streams_open_;
  base::ListNode<OnReady>::unlink();
}

bool Stream::fitLength(buffer::Buffer& data, bool end) {
  if (!out.length_known) return true;
  if (data.size() > out.remaining) {
    buffer::Buffer fitting(data.pool());
    fitting.appendPrefix(data, static_cast<size_t>(out.remaining));
    data.clear();
    data.append(fitting);
  }
  out.remaining -= data.size();
  return !end || out.remaining == 0;
}

}  // namespace weir::http::http2
