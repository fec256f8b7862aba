// In the steady state an exchange takes no memory from the heap: operator new of this whole program
// counts.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "gtest/gtest.h"

#include "source/http/http1/codec.h"

namespace {
std::atomic<size_t> allocations{0};
}

void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace weir::http::http1 {
namespace {

// Both peers of a proxied exchange that keep nothing.
class Peer final : public CodecOutput,
                   public ServerCodecCallbacks,
                   public ClientCodecCallbacks,
                   public RequestDecoder,
                   public ResponseDecoder {
 public:
  buffer::Buffer& output() override { return out; }
  void outputReady(bool) override {}
  void setReadEnabled(bool) override {}
  void abort() override {}
  RequestDecoder& newStream(ResponseEncoder& new_encoder) override {
    encoder = &new_encoder;
    return *this;
  }
  void onStreamComplete(RequestDecoder&) override { ++completed; }
  void onConnectionError(const StreamError&) override {}
  void onDrained() override {}
  void onRefused(const StreamError&) override {}
  void onResponseBlocked(bool) override {}
  void onExchangeComplete() override { ++completed; }
  RequestHead& requestHead() override { return request; }
  HeaderMap& requestTrailers() override { return trailers; }
  ResponseHead& responseHead() override { return response; }
  HeaderMap& responseTrailers() override { return trailers; }
  void onInformational() override {}
  void onHead(bool) override {}
  void onBody(buffer::Buffer& data, bool) override { body_bytes += data.size(); }
  void onTrailers() override {}
  void onReset(const StreamError&) override { ++resets; }
  void onRequestBlocked(bool) override {}

  buffer::BlockPool pool;
  buffer::Buffer out{pool};
  buffer::Buffer input{pool};
  base::Arena arena;
  HeaderMap trailers{arena};
  RequestHead request;
  ResponseHead response;
  ResponseEncoder* encoder = nullptr;
  size_t completed = 0;
  size_t resets = 0;
  size_t body_bytes = 0;
};

TEST(AllocationTest, SteadyStateExchangesTakeNothingFromTheHeap) {
  const std::string request =
      "POST /path HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nContent-Length: 5\r\n\r\nhello";
  const std::string response =
      "HTTP/1.1 200 OK\r\nServer: o\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const CodecLimits limits;
  Peer down;
  Peer up;
  const auto server = createServerCodec(limits);
  const auto client = createClientCodec(limits);
  size_t before = 0;
  for (int i = 0; i < 200; ++i) {
    if (i == 100) before = allocations;
    server->attach(down, down);
    client->attach(up, up);
    down.input.append(request);
    server->dispatch(down.input, false);
    RequestEncoder& forward = static_cast<ClientCodec&>(*client).newStream(up);
    forward.encodeHead(down.request, false);
    buffer::Buffer body(down.pool);
    body.append("hello");
    forward.encodeBody(body, true);
    up.input.append(std::string_view(response).substr(0, 50));  // cut within the head
    client->dispatch(up.input, false);
    up.input.append(std::string_view(response).substr(50));
    client->dispatch(up.input, false);
    down.encoder->encodeHead(up.response, false);
    body.append("abc");
    down.encoder->encodeBody(body, true);
    up.out.clear();
    down.out.clear();
  }
  const size_t taken = allocations - before;
  EXPECT_EQ(down.completed, 200u);
  EXPECT_EQ(up.completed, 200u);
  EXPECT_EQ(up.body_bytes, 600u);
  EXPECT_EQ(down.resets + up.resets, 0u);
  EXPECT_EQ(taken, 0u);
}

}  // namespace
}  // namespace weir::http::http1
