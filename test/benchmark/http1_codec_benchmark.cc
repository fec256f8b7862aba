#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "source/http/http1/codec.h"
#include "source/http/semantics.h"

namespace weir::http::http1 {
namespace {

constexpr std::string_view kSmallRequest =
    "GET /bench HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n";

constexpr std::string_view kBrowserRequest =
    "GET /products/shoes/running?colour=blue&size=43 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "sec-ch-ua: \"Chromium\";v=\"120\", \"Not?A_Brand\";v=\"24\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; seen=1\r\n\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: text/plain\r\nContent-Length: 128\r\nConnection: keep-alive\r\n\r\n";

// Everything a codec talks to, doing nothing.
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
  void onStreamComplete(RequestDecoder&) override {}
  void onConnectionError(const StreamError&) override {}
  void onDrained() override {}
  void onRefused(const StreamError&) override {}
  void onResponseBlocked(bool) override {}
  void onExchangeComplete() override {}
  RequestHead& requestHead() override { return request; }
  HeaderMap& requestTrailers() override { return trailers; }
  ResponseHead& responseHead() override { return response; }
  HeaderMap& responseTrailers() override { return trailers; }
  void onInformational() override {}
  void onHead(bool) override {}
  void onBody(buffer::Buffer&, bool) override {}
  void onTrailers() override {}
  void onReset(const StreamError&) override {}
  void onRequestBlocked(bool) override {}

  // As a connection does: a slice of the worker's read block.
  void receive(std::string_view bytes) {
    bytes.copy(block.data(), bytes.size());
    ++block.references;
    input.append(buffer::Slice(block, block.data(), static_cast<uint32_t>(bytes.size())));
  }

  buffer::BlockPool pool;
  buffer::Buffer out{pool};
  buffer::Buffer input{pool};
  buffer::Block& block = pool.acquire(buffer::BlockPool::kLargest);
  base::Arena arena;
  HeaderMap trailers{arena};
  RequestHead request;
  ResponseHead response;
  ResponseEncoder* encoder = nullptr;
  CodecLimits limits;
};

// A request is read, checked and answered with `body_bytes`: the server codec's whole work for one
// exchange.
void serve(benchmark::State& state, std::string_view bytes) {
  Peer peer;
  const auto codec = createServerCodec(peer.limits);
  codec->attach(peer, peer);
  ResponseHead answer;
  answer.status = 200;
  answer.framing = BodyFraming::kContentLength;
  answer.content_length = 128;
  answer.headers.add("Server", "origin");
  answer.headers.add("Content-Type", "text/plain");
  const std::string body(128, 'b');
  for (auto _ : state) {
    peer.receive(bytes);
    benchmark::DoNotOptimize(codec->dispatch(peer.input, false));
    peer.encoder->encodeHead(answer, false);
    buffer::Buffer data(peer.pool);
    data.append(body);
    peer.encoder->encodeBody(data, true);
    peer.out.clear();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK_CAPTURE(serve, small_head, kSmallRequest);
BENCHMARK_CAPTURE(serve, browser_head, kBrowserRequest);

// The same with only the head of the answer and no body: mostly parsing.
void parseRequestHead(benchmark::State& state, std::string_view bytes) {
  Peer peer;
  const auto codec = createServerCodec(peer.limits);
  for (auto _ : state) {
    codec->attach(peer, peer);
    peer.receive(bytes);
    benchmark::DoNotOptimize(codec->dispatch(peer.input, false));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK_CAPTURE(parseRequestHead, small, kSmallRequest);
BENCHMARK_CAPTURE(parseRequestHead, browser, kBrowserRequest);

void removeHopByHopOfBrowserHead(benchmark::State& state) {
  Peer peer;
  const auto codec = createServerCodec(peer.limits);
  for (auto _ : state) {
    codec->attach(peer, peer);
    peer.receive(kBrowserRequest);
    benchmark::DoNotOptimize(codec->dispatch(peer.input, false));
    benchmark::DoNotOptimize(removeHopByHop(peer.request.headers, false));
    benchmark::DoNotOptimize(normalisePath(peer.request, {}));
  }
}
BENCHMARK(removeHopByHopOfBrowserHead);

// A request is written and its answer with a body of 128 B is read: the client codec's work for one
// exchange.
void exchangeWithOrigin(benchmark::State& state, std::string_view bytes) {
  Peer front;
  const auto server = createServerCodec(front.limits);
  server->attach(front, front);
  front.receive(bytes);
  if (server->dispatch(front.input, false).reason != ErrorReason::kNone) {
    return state.SkipWithError("bad request");
  }
  Peer peer;
  const auto codec = createClientCodec(peer.limits);
  codec->attach(peer, peer);
  const std::string answer = std::string(kResponse) + std::string(128, 'b');
  for (auto _ : state) {
    codec->newStream(peer).encodeHead(front.request, true);
    peer.out.clear();
    peer.receive(answer);
    benchmark::DoNotOptimize(codec->dispatch(peer.input, false));
  }
}
BENCHMARK_CAPTURE(exchangeWithOrigin, small_head, kSmallRequest);
BENCHMARK_CAPTURE(exchangeWithOrigin, browser_head, kBrowserRequest);

}  // namespace
}  // namespace weir::http::http1

BENCHMARK_MAIN();
