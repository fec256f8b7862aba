// In the steady state an exchange takes no memory from the heap.
#include "gtest/gtest.h"

#include "source/http/http2/codec.h"
#include "test/http/http2/turn_dispatcher.h"
#include "test/support/allocation_counter.h"

namespace weir::http::http2 {
namespace {

// Both ends of both connections of a proxied exchange, keeping nothing.
class Ends final : public ServerCodecCallbacks,
                   public ClientCallbacks,
                   public RequestDecoder,
                   public ResponseDecoder {
 public:
  class Output final : public CodecOutput {
   public:
    explicit Output(buffer::BlockPool& blocks) : bytes(blocks) {}
    buffer::Buffer& output() override { return bytes; }
    void outputReady(bool) override {}
    void setReadEnabled(bool) override {}
    void abort() override {}
    buffer::Buffer bytes;
  };

  Ends() : cells(Stats::create(store, {}), store.block(1)) {
    response.status = 200;
    response.framing = BodyFraming::kChunked;
    response.headers.add("content-type", "application/grpc");
    reply_trailers.add("grpc-status", "0");
    reply_trailers.add("grpc-message", "a message that is not that short");
    const CodecServices services{dispatcher, blocks, random, cells, limits, options};
    server = createServerCodec(services, down, *this);
    client = createClientCodec(services, up, *this);
  }

  RequestDecoder& newStream(ResponseEncoder& new_encoder) override {
    encoder = &new_encoder;
    return *this;
  }
  void onStreamComplete(RequestDecoder&) override { ++completed; }
  void onConnectionError(const StreamError&) override { ++failures; }
  void onDrained() override {}
  void onStreamEnded() override { ++ended; }
  void onCapacityChanged() override {}
  RequestHead& requestHead() override { return request; }
  HeaderMap& requestTrailers() override { return trailers; }
  void onRefused(const StreamError&) override { ++failures; }
  void onResponseBlocked(bool) override {}
  ResponseHead& responseHead() override { return seen; }
  HeaderMap& responseTrailers() override { return trailers; }
  void onInformational() override {}
  void onHead(bool) override {}
  void onBody(buffer::Buffer& data, bool end) override {
    bytes_seen += data.size();
    if (end) answer();
  }
  void onTrailers() override { trailers.clear(), trailer_arena.clear(); }
  void onReset(const StreamError&) override { ++failures; }
  void onRequestBlocked(bool) override {}

  void answer() {
    if (encoder == nullptr) return;
    ResponseEncoder& to = *encoder;
    encoder = nullptr;
    buffer::Buffer body(blocks);
    body.append("a reply");
    to.encodeHead(response, false);
    to.encodeBody(body, false);
    to.encodeTrailers(reply_trailers);
  }
  void exchange() {
    RequestEncoder& to = client->newStream(*this);
    ok = to.encodeHead(asked, false) && ok;
    buffer::Buffer body(blocks);
    body.append("a message");
    ok = to.encodeBody(body, true) && ok;
    for (int i = 0; i < 3; ++i) {
      dispatcher.endTurn();
      input.append(up.bytes);
      server->dispatch(input, false);
      dispatcher.endTurn();
      input.append(down.bytes);
      client->dispatch(input, false);
    }
  }

  TurnDispatcher dispatcher;
  buffer::BlockPool blocks;
  base::Random random{1};
  stats::Store store;
  Cells cells;
  CodecLimits limits;
  Options options;
  Output down{blocks};
  Output up{blocks};
  buffer::Buffer input{blocks};
  RequestHead asked;
  RequestHead request;
  ResponseHead response;
  ResponseHead seen;
  base::Arena trailer_arena;
  HeaderMap trailers{trailer_arena};
  base::Arena reply_arena;
  HeaderMap reply_trailers{reply_arena};
  std::unique_ptr<ServerCodec> server;
  std::unique_ptr<Http2ClientCodec> client;
  ResponseEncoder* encoder = nullptr;
  size_t completed = 0;
  size_t ended = 0;
  size_t failures = 0;
  size_t bytes_seen = 0;
  bool ok = true;
};

TEST(AllocationTest, SteadyStateExchangesTakeNothingFromTheHeap) {
  if (!test::AllocationCounter::available()) GTEST_SKIP() << "the sanitizer allocates";
  Ends ends;
  ends.asked.method = "POST";
  ends.asked.scheme = "https";
  ends.asked.authority = "host";
  ends.asked.path = "/package.Service/Method";
  ends.asked.framing = BodyFraming::kChunked;
  ends.asked.headers.add("content-type", "application/grpc");
  ends.asked.headers.add("te", "trailers");
  for (int i = 0; i < 500; ++i) ends.exchange();
  size_t taken = 0;
  {
    const test::AllocationCounter counter("");
    for (int i = 0; i < 500; ++i) ends.exchange();
    taken = counter.count();
    if (taken > 0) counter.printStacks();
  }
  EXPECT_EQ(taken, 0u);
  EXPECT_EQ(ends.completed, 1000u);
  EXPECT_EQ(ends.ended, 1000u);
  EXPECT_EQ(ends.bytes_seen, 1000 * 16u);
  EXPECT_EQ(ends.failures, 0u);
  EXPECT_TRUE(ends.ok);
}

}  // namespace
}  // namespace weir::http::http2
