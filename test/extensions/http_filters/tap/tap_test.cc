#include "extensions/http_filters/tap/tap.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

#include "source/base/file_writer.h"
#include "source/base/task_pool.h"
#include "test/http/recorded_chain.h"

namespace weir::extensions::http_filters::tap {
namespace {

class TapTest : public testing::Test {
 protected:
  TapTest() {
    services_.put(stats_);
    services_.put(stats_.block(1));
    services_.put(writer_);
    services_.put(*pool_);
    removeFiles();
  }
  ~TapTest() override { removeFiles(); }
  void removeFiles() const {
    for (const char* more : {"", ".1", ".2", ".3"}) ::unlink((path_ + more).c_str());
  }
  // Streams from now on go through a filter like this.
  void configure(TapRules rules, TapOptions options = {}) {
    options.path = path_;
    const auto counter = [this](const char* name) { return stats_.counter(name, "A test's."); };
    ids_ = {counter("recorded"), counter("rate"), counter("open"), counter("ring"),
            counter("size")};
    TapFilterFactory made(options, std::make_shared<TapRules>(std::move(rules)), ids_);
    factory_ = made.bind(services_);
  }
  struct Exchange {
    std::string request_body = {};
    int status = 200;
    std::string response_body = "answer";
    std::string field = {};  // x-some
  };
  void exchange(const Exchange& one) {
    http::RecordedChain chain;
    begin(chain, one);
    if (!one.request_body.empty()) {
      const size_t half = one.request_body.size() / 2;
      chain.sendBody(one.request_body.substr(0, half), false);
      chain.sendBody(one.request_body.substr(half), true);
    }
    chain.response_head.status = static_cast<uint16_t>(one.status);
    chain.response_head.headers.add("Set-Cookie", "secret");
    chain.chain.respondHead(false);
    chain.answerBody(one.response_body, true);
    EXPECT_EQ(chain.client.status, one.status);
    EXPECT_EQ(chain.client.body, one.response_body);
    EXPECT_EQ(chain.seen().body, one.request_body);
    chain.clear();
  }
  void begin(http::RecordedChain& chain, const Exchange& one) {
    chain.request_head.method = one.request_body.empty() ? "GET" : "POST";
    chain.request_head.scheme = "https";
    chain.request_head.authority = "shop.example";
    chain.request_head.path = "/a?b=c";
    chain.request_head.headers.add("Authorization", "secret");
    if (!one.field.empty()) chain.request_head.headers.add("x-some", one.field);
    chain.info.started = chain.dispatcher.now();
    chain.info.request_id = "id-1";
    chain.info.cluster = "c";
    if (http::HttpFilter* const filter = factory_->create(chain.arena)) {
      chain.chain.addFilter(*filter);
    }
    chain.terminal = chain.arena.create<http::FakeTerminal>(chain.script, chain.chain);
    chain.chain.setTerminal(*chain.terminal);
    chain.chain.requestHead(one.request_body.empty());
  }
  std::string written() {
    writer_.flush();
    return content(path_);
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // What tells one file from another; 0: there is none.
  static ino_t inode(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
  }
  // Exchanges until the first of the renamed files has been another `times` times. The last ones.
  void exchangeUntilRotated(int times) {
    ino_t last = inode(path_ + ".1");
    for (int i = 0; i < 50'000 && times > 0; ++i) {
      exchange({});
      writer_.flush();
      const ino_t now = inode(path_ + ".1");
      if (now == 0 || now == last) continue;
      last = now;
      --times;
    }
    pool_.reset();  // with what it has begun
    ASSERT_EQ(times, 0);
  }
  size_t lines() {
    const std::string text = written();
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  uint64_t count(stats::CounterId id) { return stats_.value(id); }

  const std::string path_ = testing::TempDir() + "/tap." + std::to_string(::getpid());
  stats::Store stats_;
  base::FileWriter writer_;
  std::unique_ptr<base::TaskPool> pool_ = std::make_unique<base::TaskPool>(1);
  base::ServiceMap services_;
  TapStats ids_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

TEST_F(TapTest, ALineForAnExchange) {
  configure({});
  exchange({.request_body = "question"});
  const std::string line = written();
  for (const char* part :
       {"\"request_id\":\"id-1\"", "\"cluster\":\"c\"", "\"flags\":\"-\"", "\"duration_us\":0",
        "\"request\":{\"method\":\"POST\",\"url\":\"https://shop.example/"
        "a?b=c\",\"version\":\"HTTP/1.1\"",
        "[\"Authorization\",\"[redacted]\"]", "\"body_bytes\":8,\"body\":\"question\"}",
        "\"response\":{\"status\":200", "[\"Set-Cookie\",\"[redacted]\"]",
        "\"body_bytes\":6,\"body\":\"answer\"}}\n"}) {
    EXPECT_NE(line.find(part), std::string::npos) << part << "\nis not in\n" << line;
  }
  EXPECT_EQ(line.find("secret"), std::string::npos);
  EXPECT_EQ(count(ids_.recorded), 1u);
}

TEST_F(TapTest, LongBodiesAreCutAndNotKept) {
  TapRules rules;
  rules.max_body_bytes = 3;
  configure(std::move(rules));
  exchange({.request_body = std::string(100'000, 'q'), .response_body = std::string(100'000, 'a')});
  const std::string line = written();
  EXPECT_NE(line.find("\"body_bytes\":100000,\"body\":\"qqq\",\"body_truncated\":true"),
            std::string::npos);
  EXPECT_NE(line.find("\"body_bytes\":100000,\"body\":\"aaa\",\"body_truncated\":true"),
            std::string::npos);
}

TEST_F(TapTest, BodiesNobodyWantsPassBy) {
  TapRules rules;
  rules.max_body_bytes = 0;
  configure(std::move(rules));
  http::RecordedChain chain;
  begin(chain, {});
  chain.response_head.status = 200;
  chain.chain.respondHead(false);
  EXPECT_TRUE(chain.chain.responseBodyUnobserved());
  chain.answerBody("x", true);
  chain.clear();
  EXPECT_EQ(lines(), 1u);
}

TEST_F(TapTest, OnlyWhatIsAskedFor) {
  TapRules rules;
  rules.request_headers.emplace_back("x-some", http::TextMatcher::exact("thing"));
  rules.min_status = 500;
  configure(std::move(rules));
  exchange({.status = 500});
  exchange({.status = 499, .field = "thing"});
  EXPECT_EQ(lines(), 0u);
  exchange({.status = 500, .field = "thing"});
  EXPECT_EQ(lines(), 1u);
}

TEST_F(TapTest, WhatHadNoAnswerIsRecordedToo) {
  TapRules rules;
  rules.min_status = 500;
  configure(std::move(rules));
  http::RecordedChain chain;
  begin(chain, {});
  chain.clear();
  EXPECT_EQ(lines(), 1u);
  EXPECT_EQ(written().find("\"response\""), std::string::npos);
}

TEST_F(TapTest, OnlyAPart) {
  TapRules rules;
  rules.fraction = {0};
  configure(std::move(rules));
  exchange({});
  EXPECT_EQ(lines(), 0u);
}

TEST_F(TapTest, OnlySoManyASecond) {
  configure({}, {.max_per_second = 3});
  for (int i = 0; i < 5; ++i) exchange({});
  EXPECT_EQ(lines(), 3u);
  EXPECT_EQ(count(ids_.over_rate), 2u);
}

TEST_F(TapTest, AFullFileIsLeftAlone) {
  std::ofstream(path_) << std::string(3'500, 'x') << '\n';
  configure({}, {.file = {.max_bytes = 4'500, .keep = 0}});
  for (int i = 0; i < 5; ++i) exchange({});
  EXPECT_LE(written().size(), 4'500u);
  EXPECT_GE(count(ids_.recorded), 1u);
  EXPECT_EQ(count(ids_.recorded) + count(ids_.over_size), 5u);
}

TEST_F(TapTest, AFullFileIsRenamedAndAnotherBegun) {
  configure({}, {.max_per_second = 100'000, .file = {.max_bytes = 8'192, .keep = 2}});
  exchangeUntilRotated(5);
  for (const char* name : {"", ".1", ".2"}) {
    const std::string text = content(path_ + name);
    EXPECT_LE(text.size(), 8'192u) << name;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(line.starts_with("{\"time\":") && line.ends_with("}}")) << name << ": " << line;
    }
  }
  EXPECT_GT(content(path_ + ".1").size(), 4'096u);
  EXPECT_GT(content(path_ + ".2").size(), 4'096u);
  EXPECT_EQ(inode(path_ + ".3"), 0u);
}

TEST_F(TapTest, WhatWasThereBeforeIsRenamedToo) {
  std::ofstream(path_) << std::string(10'000, 'x') << '\n';
  configure({}, {.max_per_second = 100'000, .file = {.max_bytes = 8'192, .keep = 1}});
  exchangeUntilRotated(1);
  EXPECT_EQ(content(path_ + ".1").substr(0, 10), "xxxxxxxxxx");
}

// As by logrotate: what was written there counts no more.
TEST_F(TapTest, WhatOthersMoveAwayIsBegunAnew) {
  configure({}, {.max_per_second = 100'000, .file = {.max_bytes = 8'192, .keep = 1}});
  for (int i = 0; i < 5; ++i) exchange({});
  writer_.flush();
  const std::string aside = path_ + ".3";
  ASSERT_EQ(::rename(path_.c_str(), aside.c_str()), 0);
  writer_.reopen();
  writer_.flush();
  exchangeUntilRotated(1);
  EXPECT_LE(content(path_ + ".1").size(), 8'192u);
  EXPECT_LE(content(aside).size(), 4'096u);
}

TEST_F(TapTest, AFileThatCannotBeOpenedChangesNothing) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  configure({});
  exchange({});
  EXPECT_EQ(count(ids_.recorded), 0u);
  ::rmdir(path_.c_str());
}

}  // namespace
}  // namespace weir::extensions::http_filters::tap
