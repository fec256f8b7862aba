#include "extensions/http_filters/static_files/static_files.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "source/base/task_pool.h"
#include "test/http/recorded_chain.h"
#include "test/support/child_process.h"

namespace weir::extensions::http_filters::static_files {
namespace {

namespace fs = std::filesystem;
using common::codecs::Coding;

// A chain with the filter alone between a client's side and a fake terminal; reads by real threads.
// Worker-confined.
class Chain : public http::RecordedChain {
 public:
  explicit Chain(StaticFilesPolicy policy) {
    StaticFilesConfig config;
    config.policy = std::make_shared<StaticFilesPolicy>(std::move(policy));
    config.stats = {stats.counter("served", "A test's."),
                    stats.counter("not_modified", "A test's."),
                    stats.counter("not_found", "A test's."), stats.counter("failed", "A test's."),
                    stats.counter("bytes", "A test's.")};
    shared_ = std::make_unique<StaticFilesFilterFactory>(std::move(config));
    base::ServiceMap services;
    services.put(stats.block(1));
    services.put(pool_);
    factory_ = shared_->bind(services);
  }
  ~Chain() { chain.clear(); }

  using List = std::vector<std::pair<std::string, std::string>>;
  void begin(const std::string& path, const List& fields = {}, std::string_view method = "GET") {
    client.status = 0;
    client.headers.clear();
    client.body.clear();
    client.ended = false;
    terminal = arena.create<http::FakeTerminal>(script, chain);
    chain.addFilter(*factory_->create(arena));
    chain.setTerminal(*terminal);
    request_head.method = method;
    request_head.authority = "example.com";
    request_head.path = request_head.arena.copy(path);
    for (const auto& [name, value] : fields) request_head.headers.add(name, value);
    chain.requestHead(true);
  }
  // Until it is answered or has gone on.
  int ask(const std::string& path, const List& fields = {}, std::string_view method = "GET") {
    begin(path, fields, method);
    EXPECT_TRUE(dispatcher.runUntil([&] { return client.ended || arrived(); })) << path;
    const int status = arrived() ? 0 : client.status;
    clear();
    return status;
  }
  bool arrived() const { return !script.requests.back().line.empty(); }
  std::string field(const std::string& name) const {
    const std::string text = "\n" + client.headers;
    const size_t at = text.find("\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t from = at + name.size() + 3;
    return text.substr(from, text.find('\n', from) - from);
  }

  stats::Store stats;

 private:
  base::TaskPool pool_{1};
  std::unique_ptr<StaticFilesFilterFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

class StaticFilesTest : public ::testing::Test {
 protected:
  StaticFilesTest() {
    fs::create_directories(folder_.file("site/sub"));
    folder_.write("site/index.html", "<html>");
    folder_.write("site/a.txt", "0123456789");
    folder_.write("site/empty", "");
    folder_.write("site/sub/index.html", "sub");
    for (int i = 0; i < 50'000; ++i) large_ += std::to_string(i) + " ";
    folder_.write("site/large.bin", large_);
    policy_.root = folder_.file("site");
  }
  test::TemporaryFolder folder_;
  StaticFilesPolicy policy_;
  std::string large_;
};

TEST_F(StaticFilesTest, Files) {
  policy_.cache_control = "max-age=60";
  Chain proxy(policy_);
  EXPECT_EQ(proxy.ask("/a.txt?x=1"), 200);
  EXPECT_EQ(proxy.client.body, "0123456789");
  EXPECT_EQ(proxy.client.content_length, 10u);
  EXPECT_EQ(proxy.field("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(proxy.field("accept-ranges"), "bytes");
  EXPECT_EQ(proxy.field("cache-control"), "max-age=60");
  EXPECT_EQ(proxy.field("vary"), "");
  EXPECT_TRUE(proxy.field("last-modified").ends_with(" GMT"));
  const std::string etag = proxy.field("etag");
  EXPECT_TRUE(etag.starts_with('"'));
  EXPECT_EQ(proxy.ask("/"), 200);
  EXPECT_EQ(proxy.client.body, "<html>");
  EXPECT_NE(proxy.field("etag"), etag);
  EXPECT_EQ(proxy.ask("/empty"), 200);
  EXPECT_EQ(proxy.client.body, "");
  EXPECT_EQ(proxy.ask("/a.txt", {}, "HEAD"), 200);
  EXPECT_EQ(proxy.client.body, "");
  EXPECT_EQ(proxy.client.content_length, 10u);
}

TEST_F(StaticFilesTest, LargeFilesComeInPieces) {
  Chain proxy(policy_);
  EXPECT_EQ(proxy.ask("/large.bin"), 200);
  EXPECT_TRUE(proxy.client.body == large_);
  EXPECT_EQ(proxy.ask("/large.bin", {{"range", "bytes=100000-100009,200000-200004"}}), 206);
  EXPECT_NE(proxy.client.body.find(large_.substr(100000, 10)), std::string::npos);
  EXPECT_NE(proxy.client.body.find(large_.substr(200000, 5)), std::string::npos);
  EXPECT_EQ(proxy.client.body.size(), proxy.client.content_length);
}

TEST_F(StaticFilesTest, ASlowClientIsWaitedFor) {
  Chain proxy(policy_);
  proxy.begin("/large.bin");
  EXPECT_TRUE(proxy.dispatcher.runUntil([&] { return !proxy.client.body.empty(); }));
  proxy.chain.responseBlocked(true);
  proxy.dispatcher.runUntilIdle();
  const size_t there = proxy.client.body.size();
  EXPECT_LT(there, large_.size());
  EXPECT_FALSE(proxy.dispatcher.runUntil([&] { return proxy.client.body.size() > there + 150'000; },
                                         std::chrono::milliseconds(50)));
  proxy.chain.responseBlocked(false);
  EXPECT_TRUE(proxy.dispatcher.runUntil([&] { return proxy.client.ended; }));
  EXPECT_TRUE(proxy.client.body == large_);
}

TEST_F(StaticFilesTest, ConditionsAndRanges) {
  Chain proxy(policy_);
  EXPECT_EQ(proxy.ask("/a.txt"), 200);
  const std::string etag = proxy.field("etag");
  EXPECT_EQ(proxy.ask("/a.txt", {{"if-none-match", etag}}), 304);
  EXPECT_EQ(proxy.field("etag"), etag);
  EXPECT_EQ(proxy.client.body, "");
  EXPECT_EQ(proxy.ask("/a.txt", {{"if-match", "\"other\""}}), 412);
  EXPECT_EQ(proxy.ask("/a.txt", {{"range", "bytes=2-4"}}), 206);
  EXPECT_EQ(proxy.client.body, "234");
  EXPECT_EQ(proxy.field("content-range"), "bytes 2-4/10");
  EXPECT_EQ(proxy.ask("/a.txt", {{"range", "bytes=2-4"}, {"if-range", etag}}), 206);
  EXPECT_EQ(proxy.ask("/a.txt", {{"range", "bytes=2-4"}, {"if-range", "\"other\""}}), 200);
  EXPECT_EQ(proxy.ask("/a.txt", {{"range", "bytes=10-"}}), 416);
  EXPECT_EQ(proxy.field("content-range"), "bytes */10");
  EXPECT_EQ(proxy.ask("/a.txt", {{"range", "bytes=2-4"}}, "HEAD"), 200);
}

TEST_F(StaticFilesTest, WhatIsNotThere) {
  Chain proxy(policy_);
  for (const char* path : {"/absent", "/sub/absent", "/../a.txt", "/%2e%2e/a.txt", "//a.txt"}) {
    EXPECT_EQ(proxy.ask(path), 404) << path;
  }
  EXPECT_EQ(proxy.ask("/a.txt", {}, "POST"), 405);
  EXPECT_EQ(proxy.field("allow"), "GET, HEAD");
  EXPECT_EQ(proxy.ask("/sub?x=1"), 301);
  EXPECT_EQ(proxy.field("location"), "/sub/?x=1");
  EXPECT_EQ(proxy.ask("/sub/"), 200);
}

TEST_F(StaticFilesTest, WhatGoesOn) {
  policy_.fall_through = true;
  policy_.prefix = "/static/";
  Chain proxy(policy_);
  EXPECT_EQ(proxy.ask("/static/a.txt"), 200);
  EXPECT_EQ(proxy.ask("/static/absent"), 0);
  EXPECT_EQ(proxy.ask("/static/../a.txt"), 0);
  EXPECT_EQ(proxy.ask("/static/a.txt", {}, "POST"), 0);
  EXPECT_EQ(proxy.ask("/a.txt"), 0);
  Chain without({});
  EXPECT_EQ(without.ask("/a.txt"), 0);
}

TEST_F(StaticFilesTest, ApplicationsHaveTheirOwnRoutes) {
  policy_.fallback = "index.html";
  Chain proxy(policy_);
  EXPECT_EQ(proxy.ask("/some/route"), 200);
  EXPECT_EQ(proxy.client.body, "<html>");
  EXPECT_EQ(proxy.field("content-type"), "text/html; charset=utf-8");
}

TEST_F(StaticFilesTest, CompressedInAdvance) {
  folder_.write("site/a.txt.br", "brotli");
  folder_.write("site/a.txt.gz", "gz");
  policy_.precompressed = {Coding::kBrotli, Coding::kGzip};
  Chain proxy(policy_);
  const auto body = [&](const std::string& accept) {
    EXPECT_EQ(proxy.ask("/a.txt", {{"accept-encoding", accept}}), 200);
    EXPECT_EQ(proxy.field("vary"), "accept-encoding");
    EXPECT_EQ(proxy.field("content-type"), "text/plain; charset=utf-8");
    return proxy.field("content-encoding") + " " + proxy.client.body;
  };
  EXPECT_EQ(body("gzip, br"), "br brotli");
  EXPECT_EQ(body("gzip, br;q=0.5"), "gzip gz");
  EXPECT_EQ(body("zstd"), " 0123456789");
  EXPECT_EQ(body("identity, gzip;q=0.1"), " 0123456789");
}

TEST_F(StaticFilesTest, AClientThatLeavesMeanwhile) {
  Chain proxy(policy_);
  for (int i = 0; i < 20; ++i) {
    proxy.begin("/large.bin");
    if (i % 2 == 0) proxy.dispatcher.runUntil([&] { return !proxy.client.body.empty(); });
    proxy.clear();
  }
  EXPECT_EQ(proxy.ask("/a.txt"), 200);
}

TEST_F(StaticFilesTest, AFileThatShrinksBreaksTheAnswerOff) {
  Chain proxy(policy_);
  proxy.begin("/large.bin");
  EXPECT_TRUE(proxy.dispatcher.runUntil([&] { return !proxy.client.body.empty(); }));
  proxy.chain.responseBlocked(true);
  proxy.dispatcher.runUntilIdle();
  fs::resize_file(folder_.file("site/large.bin"), 10);
  proxy.chain.responseBlocked(false);
  EXPECT_TRUE(
      proxy.dispatcher.runUntil([&] { return !proxy.client.reset.empty() || proxy.client.ended; }));
  EXPECT_FALSE(proxy.client.ended);
  EXPECT_EQ(proxy.client.reset, "static_files_truncated");
}

}  // namespace
}  // namespace weir::extensions::http_filters::static_files
