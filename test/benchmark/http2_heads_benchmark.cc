#include <benchmark/benchmark.h>

#include <string_view>
#include <utility>
#include <vector>

#include "source/http/http2/head_reader.h"
#include "source/http/http2/head_writer.h"

namespace weir::http::http2 {
namespace {

using FieldViews = std::vector<std::pair<std::string_view, std::string_view>>;

// What h2load sends.
const FieldViews kSmall = {{":method", "GET"},
                           {":path", "/bench"},
                           {":scheme", "https"},
                           {":authority", "127.0.0.1:8443"},
                           {"user-agent", "h2load nghttp2/1.52.0"}};
const FieldViews kRpc = {{":method", "POST"},
                         {":scheme", "http"},
                         {":path", "/weir.test.Echo/Say"},
                         {":authority", "origin.example:50051"},
                         {"te", "trailers"},
                         {"content-type", "application/grpc"},
                         {"user-agent", "grpc-c++/1.51.1 grpc-c/29.0.0 (linux; chttp2)"},
                         {"grpc-accept-encoding", "identity, deflate, gzip"}};
const FieldViews kBrowser = {
    {":method", "GET"},
    {":authority", "shop.example.com"},
    {":scheme", "https"},
    {":path", "/products/shoes/running?colour=blue&size=43"},
    {"cache-control", "max-age=0"},
    {"sec-ch-ua", "\"Chromium\";v=\"120\", \"Not?A_Brand\";v=\"24\""},
    {"sec-ch-ua-mobile", "?0"},
    {"sec-ch-ua-platform", "\"Linux\""},
    {"upgrade-insecure-requests", "1"},
    {"user-agent",
     "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
     "Safari/537.36"},
    {"accept",
     "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
    {"sec-fetch-site", "same-origin"},
    {"sec-fetch-mode", "navigate"},
    {"accept-encoding", "gzip, deflate, br"},
    {"accept-language", "en-GB,en;q=0.9"},
    {"cookie", "session=0123456789abcdef0123456789abcdef"},
    {"cookie", "theme=dark"},
    {"cookie", "seen=1"}};

void readRequest(benchmark::State& state, const FieldViews& fields) {
  HeadReader reader;
  RequestHead head;
  for (auto _ : state) {
    reader.beginRequest(head, {64 * 1024, 100, 8192}, false, false);
    for (const auto& [name, value] : fields) reader.field(name, value);
    benchmark::DoNotOptimize(reader.finish(true));
  }
}
BENCHMARK_CAPTURE(readRequest, small, kSmall);
BENCHMARK_CAPTURE(readRequest, rpc, kRpc);
BENCHMARK_CAPTURE(readRequest, browser, kBrowser);

void writeRequest(benchmark::State& state, const FieldViews& fields) {
  HeadReader reader;
  RequestHead head;
  reader.beginRequest(head, {64 * 1024, 100, 8192}, false, false);
  for (const auto& [name, value] : fields) reader.field(name, value);
  reader.finish(true);
  HeadWriter writer;
  for (auto _ : state) benchmark::DoNotOptimize(writer.request(head, true).data());
}
BENCHMARK_CAPTURE(writeRequest, small, kSmall);
BENCHMARK_CAPTURE(writeRequest, rpc, kRpc);
BENCHMARK_CAPTURE(writeRequest, browser, kBrowser);

void readResponse(benchmark::State& state) {
  HeadReader reader;
  ResponseHead head;
  for (auto _ : state) {
    reader.beginResponse(head, {64 * 1024, 100, 0}, {});
    reader.field(":status", "200");
    reader.field("server", "origin");
    reader.field("date", "Mon, 01 Jan 2024 00:00:00 GMT");
    reader.field("content-type", "text/plain");
    reader.field("content-length", "128");
    benchmark::DoNotOptimize(reader.finish(false));
  }
}
BENCHMARK(readResponse);

void writeResponse(benchmark::State& state) {
  ResponseHead head;
  head.status = 200;
  head.framing = BodyFraming::kContentLength;
  head.content_length = 128;
  head.headers.add("Server", "origin");
  head.headers.add("Date", "Mon, 01 Jan 2024 00:00:00 GMT");
  head.headers.add("Content-Type", "text/plain");
  HeadWriter writer;
  for (auto _ : state) benchmark::DoNotOptimize(writer.response(head, false, false).data());
}
BENCHMARK(writeResponse);

}  // namespace
}  // namespace weir::http::http2

BENCHMARK_MAIN();
