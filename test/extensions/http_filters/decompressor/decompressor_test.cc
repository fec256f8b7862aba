#include "extensions/http_filters/decompressor/decompressor.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "source/stats/stats.h"
#include "test/http/recorded_chain.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::decompressor {
namespace {

using common::codecs::Coding;
using common::codecs::Encoder;

std::string encoded(std::string_view text, Coding coding) {
  const auto encoder =
      common::codecs::makeEncoder({coding, 3, coding == Coding::kGzip ? 15 : 18, 8});
  buffer::BlockPool blocks;
  buffer::Buffer in(blocks);
  buffer::Buffer out(blocks);
  in.append(text);
  EXPECT_TRUE(encoder->begin() && encoder->encode(in, Encoder::Until::kEnd, out));
  return out.toString();
}

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class Chain : public http::RecordedChain {
 public:
  explicit Chain(const DecompressorPolicy& policy) {
    DecompressorConfig config;
    config.policy = policy;
    config.max_decoders = most_;
    config.requests = ids_of("request");
    config.responses = ids_of("response");
    requests = config.requests;
    responses = config.responses;
    shared_ = std::make_unique<DecompressorFilterFactory>(std::move(config));
    base::ServiceMap services;
    services.put(stats.block(1));
    factory_ = shared_->bind(services);
  }
  ~Chain() { chain.clear(); }

  using List = std::vector<std::pair<std::string, std::string>>;
  void request(const List& fields, bool end_stream, std::string_view method = "POST") {
    terminal = arena.create<http::FakeTerminal>(script, chain);
    chain.addFilter(*factory_->create(arena));
    chain.setTerminal(*terminal);
    request_head.method = method;
    request_head.authority = "example.com";
    request_head.path = "/";
    if (!end_stream) request_head.framing = http::BodyFraming::kContentLength;
    for (const auto& [name, value] : fields) request_head.headers.add(name, value);
    chain.requestHead(end_stream);
  }
  void answerHead(const List& fields, bool length_known = true, int status = 200,
                  bool end_stream = false) {
    auto& head = terminal->begin(
        static_cast<uint16_t>(status),
        length_known ? http::BodyFraming::kContentLength : http::BodyFraming::kChunked, 4711);
    for (const auto& [name, value] : fields) head.headers.add(name, value);
    chain.respondHead(end_stream);
  }
  uint64_t count(stats::CounterId id) const { return stats.value(id); }

  stats::Store stats;
  DirectionStats requests{};
  DirectionStats responses{};

 private:
  DirectionStats ids_of(const std::string& direction) {
    const auto counter = [&](std::string_view name) {
      return stats.counter(name, "A test's.", {{"direction", direction}});
    };
    return {counter("messages"), counter("in"),        counter("out"), counter("unsupported"),
            counter("corrupt"),  counter("too_large"), counter("busy")};
  }
  size_t most_ = 8;
  std::unique_ptr<DecompressorFilterFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

DecompressorPolicy both() {
  DecompressorPolicy policy;
  policy.requests = policy.responses = true;
  policy.offered = "zstd, br, gzip";
  return policy;
}

const std::string kText = "the quick brown fox jumps over the lazy dog";

TEST(Decompressor, RequestsOfEachCoding) {
  for (const Coding coding : {Coding::kGzip, Coding::kBrotli, Coding::kZstd}) {
    Chain proxy(both());
    const std::string bytes = encoded(kText, coding);
    proxy.request({{"Content-Encoding", std::string(codingName(coding))},
                   {"Content-Length", std::to_string(bytes.size())},
                   {"Content-Digest", "x"},
                   {"X-Other", "1"}},
                  false);
    for (size_t i = 0; i < bytes.size(); ++i) {
      proxy.sendBody(bytes.substr(i, 1), i + 1 == bytes.size());
    }
    EXPECT_EQ(proxy.seen().body, kText);
    EXPECT_TRUE(proxy.seen().complete);
    EXPECT_EQ(proxy.seen().headers, "X-Other: 1\n");
    EXPECT_EQ(proxy.request_head.framing, http::BodyFraming::kChunked);
    EXPECT_EQ(proxy.count(proxy.requests.messages), 1u);
    EXPECT_EQ(proxy.count(proxy.requests.bytes_in), bytes.size());
    EXPECT_EQ(proxy.count(proxy.requests.bytes_out), kText.size());
  }
}

TEST(Decompressor, CodingsOverEachOther) {
  const std::string bytes = encoded(encoded(kText, Coding::kGzip), Coding::kBrotli);
  for (const Chain::List& fields :
       {Chain::List{{"content-encoding", "gzip, br"}},
        Chain::List{{"content-encoding", "GZIP"}, {"content-encoding", "identity, Br"}}}) {
    Chain proxy(both());
    proxy.request(fields, false);
    proxy.sendBody(bytes, true);
    EXPECT_EQ(proxy.seen().body, kText);
  }
  Chain many(both());
  many.request({{"content-encoding", "gzip, br, gzip"}}, false);
  EXPECT_EQ(many.client.status, 415);
  EXPECT_TRUE(many.script.requests.at(0).line.empty());
  EXPECT_EQ(many.count(many.requests.unsupported), 1u);
}

TEST(Decompressor, RequestsThatAreNoneOfItsBusinessPass) {
  for (const Chain::List& fields :
       {Chain::List{{"content-encoding", "secret"}}, Chain::List{{"content-encoding", "gzip, x"}},
        Chain::List{{"content-encoding", "identity"}},
        Chain::List{{"content-encoding", "gzip"}, {"cache-control", "no-transform"}},
        Chain::List{}}) {
    Chain proxy(both());
    proxy.request(fields, false);
    proxy.sendBody("as it is", true);
    EXPECT_EQ(proxy.seen().body, "as it is");
    EXPECT_EQ(proxy.request_head.framing, http::BodyFraming::kContentLength);
  }
}

TEST(Decompressor, BrokenRequestsAreRefused) {
  const std::string good = encoded(kText, Coding::kGzip);
  for (const std::string& bytes : {std::string("no gzip"), good.substr(0, good.size() - 3),
                                   good + "behind", good.substr(0, 10) + "\xff\xff\xff"}) {
    for (const bool trailers : {false, true}) {
      Chain proxy(both());
      proxy.request({{"content-encoding", "gzip"}}, false);
      proxy.sendBody(bytes, !trailers);
      if (trailers) {
        proxy.request_trailers.add("x", "1");
        proxy.chain.requestTrailers();
      }
      EXPECT_EQ(proxy.client.status, 400);
      EXPECT_EQ(proxy.info.detail, "decompressor_corrupt_request");
      EXPECT_EQ(proxy.count(proxy.requests.corrupt), 1u);
      EXPECT_FALSE(proxy.seen().complete);
    }
  }
}

TEST(Decompressor, BombsAreDefused) {
  const std::string bomb = encoded(std::string(20 << 20, '\0'), Coding::kGzip);
  DecompressorPolicy by_bytes = both();
  by_bytes.max_ratio = 1'000'000;
  by_bytes.max_bytes = 1'500'000;
  for (const DecompressorPolicy& policy : {both(), by_bytes}) {
    Chain proxy(policy);
    proxy.request({{"content-encoding", "gzip"}}, false);
    for (size_t i = 0; i < bomb.size() && proxy.client.status == 0; i += 1000) {
      proxy.sendBody(bomb.substr(i, 1000), i + 1000 >= bomb.size());
    }
    EXPECT_EQ(proxy.client.status, 413);
    EXPECT_EQ(proxy.count(proxy.requests.too_large), 1u);
    EXPECT_LE(proxy.seen().body.size(), size_t{1'500'000});
  }
  // Under another coding too: the first one's output is bounded as well.
  Chain twice(both());
  twice.request({{"content-encoding", "gzip, zstd"}}, false);
  twice.sendBody(encoded(bomb, Coding::kZstd), true);
  EXPECT_EQ(twice.client.status, 413);
}

TEST(Decompressor, Responses) {
  for (const bool length_known : {true, false}) {
    for (const bool trailers : {true, false}) {
      Chain proxy(both());
      proxy.request({{"accept-encoding", "gzip"}}, true, "GET");
      EXPECT_EQ(proxy.seen().headers, "accept-encoding: gzip\n");
      proxy.answerHead({{"content-encoding", "zstd"}, {"content-length", "9"}, {"etag", "\"a\""}},
                       length_known);
      const std::string bytes = encoded(kText, Coding::kZstd);
      proxy.answerBody(bytes.substr(0, 4), false);
      proxy.answerBody(bytes.substr(4), !trailers);
      if (trailers) proxy.answerTrailers({{"x-sum", "1"}});
      EXPECT_EQ(proxy.client.status, 200);
      EXPECT_EQ(proxy.client.headers, "etag: W/\"a\"\n");
      EXPECT_EQ(proxy.client.body, kText);
      EXPECT_TRUE(proxy.client.ended);
      EXPECT_EQ(proxy.client.framing, http::BodyFraming::kChunked);
      EXPECT_EQ(proxy.client.trailers, trailers ? "x-sum: 1\n" : "");
    }
  }
}

TEST(Decompressor, BrokenResponses) {
  // At once: still another answer. Later: broken off.
  Chain early(both());
  early.request({}, true, "GET");
  early.answerHead({{"content-encoding", "gzip"}});
  early.answerBody("no gzip", true);
  EXPECT_EQ(early.client.status, 502);
  EXPECT_TRUE(early.info.hasFlag(http::ResponseFlag::kUpstreamProtocolError));
  for (const bool bomb : {false, true}) {
    Chain late(both());
    late.request({}, true, "GET");
    late.answerHead({{"content-encoding", "gzip"}}, false);
    late.answerBody(encoded(bomb ? std::string(20 << 20, 'x') : kText, Coding::kGzip) + "behind",
                    true);
    EXPECT_EQ(late.client.status, 200);
    EXPECT_EQ(late.client.reset,
              bomb ? "decompressor_response_too_large" : "decompressor_corrupt_response");
    EXPECT_FALSE(late.client.ended);
  }
}

TEST(Decompressor, ResponsesThatPass) {
  struct Case {
    Chain::List fields;
    int status;
  };
  for (const Case& c :
       {Case{{{"content-encoding", "br, unknown"}}, 200},
        Case{{{"content-encoding", "gzip"}, {"content-range", "bytes 0-1/9"}}, 206},
        Case{{{"content-encoding", "gzip"}, {"cache-control", "no-transform"}}, 200},
        Case{{{"content-encoding", "gzip, gzip, gzip"}}, 200}}) {
    Chain proxy(both());
    proxy.request({}, true, "GET");
    proxy.answerHead(c.fields, true, c.status);
    proxy.answerBody("as it is", true);
    EXPECT_EQ(proxy.client.body, "as it is");
    EXPECT_EQ(proxy.client.framing, http::BodyFraming::kContentLength);
  }
  Chain head(both());
  head.request({}, true, "HEAD");
  head.answerHead({{"content-encoding", "gzip"}, {"content-length", "9"}}, true, 200, true);
  EXPECT_EQ(head.client.headers, "");
  Chain unchanged(both());
  unchanged.request({}, true, "GET");
  unchanged.answerHead({{"content-encoding", "gzip"}, {"etag", "\"a\""}}, true, 304, true);
  EXPECT_EQ(unchanged.client.headers, "content-encoding: gzip\netag: \"a\"\n");
}

TEST(Decompressor, AnEmptyBodyIsEmpty) {
  Chain proxy(both());
  proxy.request({}, true, "GET");
  proxy.answerHead({{"content-encoding", "gzip"}});
  proxy.answerBody("", true);
  EXPECT_EQ(proxy.client.status, 200);
  EXPECT_TRUE(proxy.client.ended);
}

TEST(Decompressor, AsksForCodings) {
  DecompressorPolicy policy = both();
  policy.advertise = true;
  Chain proxy(policy);
  proxy.request({{"accept-encoding", "identity"}}, true, "GET");
  EXPECT_EQ(proxy.seen().headers, "accept-encoding: zstd, br, gzip\n");
}

TEST(Decompressor, PassingByAllocatesNothing) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  Chain proxy(both());
  proxy.client.record = false;
  uint64_t allocations = 0;
  const std::string bytes = encoded(std::string(20'000, 'x'), Coding::kGzip);
  for (const bool coded : {false, true}) {
    for (int i = 0; i < 20; ++i) {
      buffer::Buffer body(proxy.blocks);
      body.append(bytes);
      proxy.script.requests.reserve(100);
      proxy.request({}, true, "GET");
      const test::AllocationCounter counter("");
      http::ResponseHead& head = proxy.response_head;
      head.status = 200;
      head.framing = http::BodyFraming::kChunked;
      if (coded) head.headers.addView(http::HeaderId::kContentEncoding, "content-encoding", "gzip");
      proxy.chain.respondHead(false);
      proxy.chain.respondBody(body, true);
      if (i >= 10) allocations += counter.count();
      EXPECT_TRUE(proxy.client.ended);
      proxy.clear();
    }
    EXPECT_EQ(allocations, 0u) << coded;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::decompressor
