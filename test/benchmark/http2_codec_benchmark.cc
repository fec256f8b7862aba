#include <benchmark/benchmark.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/http2/codec.h"
#include "test/http/http2/turn_dispatcher.h"

namespace weir::http::http2 {
namespace {

// Client and server codec with owners that keep nothing; the server answers each request when it is
// complete.
class Ends final : public ServerCodecCallbacks, public ClientCallbacks {
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

  class Request final : public RequestDecoder {
   public:
    explicit Request(Ends& new_ends) : ends(new_ends) {}
    RequestHead& requestHead() override { return head; }
    HeaderMap& requestTrailers() override { return trailers; }
    void onHead(bool end) override {
      if (end) ends.complete.push_back(this);
    }
    void onBody(buffer::Buffer&, bool end) override { onHead(end); }
    void onTrailers() override { onHead(true); }
    void onRefused(const StreamError&) override {}
    void onResponseBlocked(bool blocked) override {
      if (!blocked && left > 0) ends.sendMore(*this);
    }
    void onReset(const StreamError&) override {}

    Ends& ends;
    ResponseEncoder* encoder = nullptr;
    RequestHead head;
    base::Arena arena;
    HeaderMap trailers{arena};
    size_t left = 0;  // of the body
  };

  class Response final : public ResponseDecoder {
   public:
    explicit Response(Ends& new_ends) : ends(new_ends) {}
    ResponseHead& responseHead() override { return head; }
    HeaderMap& responseTrailers() override { return trailers; }
    void onInformational() override {}
    void onHead(bool) override {}
    void onBody(buffer::Buffer& data, bool) override { ends.bytes += data.size(); }
    void onTrailers() override {}
    void onReset(const StreamError&) override {}
    void onRequestBlocked(bool) override {}

    Ends& ends;
    ResponseHead head;
    base::Arena arena;
    HeaderMap trailers{arena};
  };

  explicit Ends(size_t streams) : cells(Stats::create(store, {}), store.block(1)) {
    const CodecServices services{dispatcher, blocks, random, cells, limits, options};
    server = createServerCodec(services, down, *this);
    client = createClientCodec(services, up, *this);
    for (size_t i = 0; i < streams; ++i) {
      requests.push_back(std::make_unique<Request>(*this));
      free_requests.push_back(requests.back().get());
      responses.push_back(std::make_unique<Response>(*this));
    }
    answer.status = 200;
    answer.headers.add("server", "origin");
    answer.headers.add("content-type", "text/plain");
    asked.method = "GET";
    asked.scheme = "https";
    asked.authority = "shop.example.com";
    asked.path = "/products/shoes/running?colour=blue&size=43";
    asked.headers.add("user-agent", "h2load nghttp2/1.52.0");
    asked.headers.add("accept", "*/*");
  }

  RequestDecoder& newStream(ResponseEncoder& encoder) override {
    Request& request = *free_requests.back();
    free_requests.pop_back();
    request.encoder = &encoder;
    return request;
  }
  void onStreamComplete(RequestDecoder& request) override {
    free_requests.push_back(static_cast<Request*>(&request));
  }
  void onConnectionError(const StreamError&) override {}
  void onDrained() override {}
  void onStreamEnded() override { ++ended; }
  void onCapacityChanged() override {}

  void sendMore(Request& request) {
    static constexpr size_t kPiece = 64 * 1024;
    buffer::Buffer data(blocks);
    const size_t size = std::min(request.left, kPiece);
    request.left -= size;
    data.append(std::string_view(body).substr(0, size));
    request.encoder->encodeBody(data, request.left == 0);
  }
  // All streams ask at once, and are answered with `size` bytes each.
  void round(size_t size) {
    answer.framing = BodyFraming::kContentLength;
    answer.content_length = size;
    const size_t goal = ended + responses.size();
    for (const auto& response : responses) {
      benchmark::DoNotOptimize(client->newStream(*response).encodeHead(asked, true));
    }
    while (ended < goal) {
      dispatcher.endTurn();
      input.append(up.bytes);
      server->dispatch(input, false);
      for (Request* request : complete) {
        request->left = size;
        request->encoder->encodeHead(answer, false);
        while (request->left > 0) sendMore(*request);
      }
      complete.clear();
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
  ResponseHead answer;
  const std::string body = std::string(64 * 1024, 'b');
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<Request*> free_requests;
  std::vector<Request*> complete;
  std::vector<std::unique_ptr<Response>> responses;
  std::unique_ptr<ServerCodec> server;
  std::unique_ptr<Http2ClientCodec> client;
  size_t ended = 0;
  size_t bytes = 0;
};

// `streams` exchanges at once on one connection, both halves of the codec: the time is of one.
void exchange(benchmark::State& state) {
  const auto streams = static_cast<size_t>(state.range(0));
  const auto size = static_cast<size_t>(state.range(1));
  Ends ends(streams);
  ends.round(size);
  while (state.KeepRunningBatch(static_cast<int64_t>(streams))) ends.round(size);
  state.SetBytesProcessed(static_cast<int64_t>(ends.bytes));
}
BENCHMARK(exchange)->Args({1, 128})->Args({16, 128})->Args({100, 128})->Args({1, 1 << 20});

void connect(benchmark::State& state) {
  for (auto _ : state) {
    Ends ends(1);
    ends.round(128);
  }
}
BENCHMARK(connect);

size_t residentBytes() {
  size_t pages = 0;
  size_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Server halves that have answered one request and wait: the counter says what one keeps.
void idle(benchmark::State& state) {
  constexpr size_t kConnections = 2000;
  Ends ends(1);
  benchmark::DoNotOptimize(ends.client->newStream(*ends.responses[0]).encodeHead(ends.asked, true));
  ends.dispatcher.endTurn();
  const std::string bytes = ends.up.bytes.toString();
  for (auto _ : state) {
    std::vector<std::unique_ptr<ServerCodec>> servers;
    servers.reserve(kConnections);
    const size_t before = residentBytes();
    for (size_t i = 0; i < kConnections; ++i) {
      servers.push_back(createServerCodec(
          {ends.dispatcher, ends.blocks, ends.random, ends.cells, ends.limits, ends.options},
          ends.down, ends));
      ends.input.append(bytes);
      servers.back()->dispatch(ends.input, false);
      ends.complete.back()->encoder->encodeHead(ends.answer, true);
      ends.complete.clear();
      ends.dispatcher.endTurn();
      ends.down.bytes.clear();
    }
    state.counters["bytes"] = static_cast<double>(residentBytes() - before) / kConnections;
  }
}
BENCHMARK(idle)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::http::http2

BENCHMARK_MAIN();
